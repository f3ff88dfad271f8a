import DigitalOcean
import Kubernetes
import Logging

/// Renews the credentials with which namespaces pull images, long before they run out: a node that pulls again in the
/// middle of the night must not find them expired.
public struct PullSecretKeeper: Sendable {
    private let needs: RunDependencies

    /// Between two rounds: a small part of ``PullSecret/lifetime``.
    private static let interval = Duration.seconds(86_400)

    public init(_ needs: RunDependencies) { self.needs = needs }

    /// Works until the task is cancelled. The first round comes one interval after the start: each deploy renews too.
    public func run() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            if !Task.isCancelled { await renewAll() }
        }
    }

    /// Every environment that a cluster serves and whose registry mints credentials.
    func renewAll() async {
        do {
            for (environment, id) in try await needs.history.liveReleases() {
                guard let record = try await needs.history.release(id) else { continue }
                let (release, definition) = try await needs.open(record)
                guard definition.deploy.target.isCluster, case .digitalocean = definition.registry else { continue }
                await renew(environment, release, definition)
            }
        } catch {
            needs.logger.warning("Pull secrets could not be looked through", metadata: ["error": "\(error)"])
        }
    }

    private func renew(_ environment: String, _ release: TargetRelease, _ definition: Definition) async {
        do {
            guard let secret = try await PullSecret(needs, definition).manifest(for: release.images) else { return }
            let cluster = try await needs.cluster(of: definition.deploy)
            let set = ApplySet(pipeline: definition.name, namespace: definition.deploy.namespace)
            let object = definition.deploy.prune ? set.label(secret.object) : secret.object
            _ = try await cluster.apply(object, ApplyOptions(manager: RolloutOptions().manager))
        } catch {
            needs.logger.warning(
                "A pull secret could not be renewed; it is tried again tomorrow, and with the next deploy",
                metadata: ["environment": "\(environment)", "error": "\(error)"]
            )
        }
    }
}
