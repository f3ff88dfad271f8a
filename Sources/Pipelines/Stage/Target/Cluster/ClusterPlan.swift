import Kubernetes

extension ClusterDeploy {
    func plan(_ revision: RevisionToRender, log: any StageLog) async throws -> [String] {
        let deadline = ContinuousClock.now + .seconds(deploy.timeout)
        let rendered = try await render(revision, log: log, deadline: deadline)
        return try await reporting {
            let body = try ClusterRelease(json: rendered.body)
            let cluster = try await connect()
            let secret = PullSecret(needs, definition)
            // The one that is there: a plan mints nothing.
            let live = try await secret.isIntegrated() ? nil : cluster.get(secret.id)
            let release = kubernetesRelease(0, body, live.map(secret.manifest(keeping:)))
            let plan = try await Kubernetes.Plan(cluster, release, options, keeping: [secret.id])
            return rendered.warnings.map { "warning: \($0)" } + plan.lines
        }
    }
}
