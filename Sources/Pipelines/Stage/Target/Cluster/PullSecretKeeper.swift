import FoundationEssentials
import Kubernetes
import Logging

/// Renews the credentials with which namespaces pull images, long before they run out: a node that pulls again in the
/// middle of the night must not find them expired.
public struct PullSecretKeeper: Sendable {
    private let needs: RunDependencies

    /// Between two rounds: a small part of ``PullSecret/lifetime``, so that a cluster that cannot be reached for days
    /// does no harm.
    private static let interval = Duration.seconds(86_400)

    public init(_ needs: RunDependencies) { self.needs = needs }

    /// Works until the task is cancelled. The first round comes at once: a server that is started anew every day must not
    /// put it off for ever.
    public func run() async {
        while !Task.isCancelled {
            await renewAll(now: Date())
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// Every environment that a cluster serves and whose registry mints credentials, where less than half of their time
    /// is left.
    func renewAll(now: Date) async {
        do {
            for (environment, id) in try await needs.history.liveReleases() {
                guard let record = try await needs.history.release(id) else { continue }
                guard let definition = try await needs.history.definition(run: record.run) else { continue }
                guard definition.deploy.target.isCluster, case .digitalocean = definition.registry else { continue }
                // A deploy under way renews it, and its undo would take ours for somebody else's change.
                guard try await needs.history.unfinishedReleases(environment: environment).isEmpty else { continue }
                await renew(environment, definition, now)
            }
        } catch {
            needs.logger.warning("Pull secrets could not be looked through", metadata: ["error": "\(error)"])
        }
    }

    private func renew(_ environment: String, _ definition: Definition, _ now: Date) async {
        do {
            let pull = PullSecret(needs, definition)
            let cluster = try await needs.cluster(of: definition.deploy)
            guard PullSecret.isDue(try await cluster.get(pull.id), now: now) else { return }
            guard let secret = try await pull.manifest() else { return }
            let set = ApplySet(pipeline: definition.name, namespace: definition.deploy.namespace)
            let object = set.mark(secret.object, isMember: definition.deploy.prune)
            _ = try await cluster.apply(object, ApplyOptions(manager: RolloutOptions().manager))
        } catch {
            needs.logger.warning(
                "A pull secret could not be renewed; it is tried again tomorrow, and with the next deploy",
                metadata: ["environment": "\(environment)", "error": "\(error)"]
            )
        }
    }
}
