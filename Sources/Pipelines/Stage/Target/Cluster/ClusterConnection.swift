import DigitalOcean
public import HTTPClient
public import Kubernetes

extension ServerSettings {
    /// The cluster that a definition deploys to.
    ///
    /// Of a DigitalOcean cluster, credentials are minted for it: they outlive the deploy and its undo, and not by much.
    /// When one is refused meanwhile, another is minted.
    ///
    /// - Parameters:
    ///   - client: asks DigitalOcean; the cluster gets one of its own, with its own trust.
    ///   - environment: of this process, for the cluster that it runs in.
    /// - Throws: `StageError` or `KubernetesError` if there is no way to it.
    public func cluster(
        of deploy: Definition.Deploy,
        client: HTTPClient,
        environment: [String: String]
    ) async throws -> Cluster {
        let access: ClusterAccess
        switch deploy.target {
        case .podman: throw StageError(.errored, "internal", "podman is not a cluster")
        case .inCluster: access = try .inCluster(environment: environment)
        case .kubeconfig(let file, let context): access = try ClusterAccess(kubeconfigFile: file, context: context)
        case .digitalocean(let name):
            let lifetime = Duration.seconds(deploy.timeout + limits.undoDeadline) + Self.reserve
            access = try await managed(name, lifetime: lifetime, client)
        }
        var clusterLimits = ClusterLimits()
        clusterLimits.request = .seconds(limits.kubernetesRequestDeadline)
        clusterLimits.attempt = min(clusterLimits.attempt, clusterLimits.request)
        return Cluster(access, limits: clusterLimits)
    }

    private func managed(_ name: String, lifetime: Duration, _ client: HTTPClient) async throws -> ClusterAccess {
        do {
            let api = try digitalOceanAPI(client: client)
            let id = try await api.cluster(name).id
            let minted = try await api.credentials(ofCluster: id, lifetime: lifetime)
            let first = Locked<String?>(minted.token)
            return try ClusterAccess(
                server: minted.server,
                authorityPEM: minted.certificateAuthority,
                credential: .token {
                    let unused = first.withLock { token in
                        defer { token = nil }
                        return token
                    }
                    if let unused { return unused }
                    return try await api.credentials(ofCluster: id, lifetime: lifetime).token
                }
            )
        } catch let error as DigitalOceanError {
            throw StageError(error)
        }
    }

    /// Beyond the deploy's and the undo's deadlines, for the smoke test and for pruning.
    private static var reserve: Duration { .seconds(900) }
}

extension RunDependencies {
    func cluster(of deploy: Definition.Deploy) async throws -> Cluster {
        try await settings.cluster(of: deploy, client: client, environment: environment)
    }
}
