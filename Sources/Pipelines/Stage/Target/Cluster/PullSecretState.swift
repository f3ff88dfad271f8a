import DigitalOcean
public import FoundationEssentials
public import HTTPClient
public import Kubernetes

/// How a namespace gets at the images of DigitalOcean's registry.
public enum PullSecretState: Sendable, Equatable {
    /// The cluster has the account's credentials by itself.
    case integrated
    /// The next deploy makes the Secret.
    case absent(ObjectID)
    /// Its credentials are good for so many seconds; below zero they have run out.
    case lasts(ObjectID, seconds: Double)
}

extension ServerSettings {
    /// - Returns: nil where the registry is not DigitalOcean's, or the pipeline does not deploy to a cluster.
    /// - Throws: `StageError` where DigitalOcean cannot be asked, or gives no credentials to read; `KubernetesError`.
    public func pullSecret(
        of definition: Definition,
        in cluster: Cluster,
        client: HTTPClient,
        now: Date
    ) async throws -> PullSecretState? {
        guard definition.deploy.target.isCluster, case .digitalocean(let registry, _) = definition.registry else {
            return nil
        }
        let api = try digitalOceanAPI(client: client)
        do {
            if case .digitalocean(let name) = definition.deploy.target, try await api.cluster(name).hasRegistry {
                return .integrated
            }
            _ = try await api.dockerCredentials(for: registry, readWrite: false, lifetime: .seconds(60))
        } catch {
            throw StageError(error)
        }
        let id = PullSecret.id(for: definition)
        guard let live = try await cluster.get(id) else { return .absent(id) }
        return .lasts(id, seconds: PullSecret.left(of: live, now: now))
    }
}
