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
            let kept = try await cluster.get(secret.id).map(secret.manifest(keeping:))
            let plan = try await Kubernetes.Plan(cluster, kubernetesRelease(0, body, kept), options)
            return rendered.warnings.map { "warning: \($0)" } + plan.lines
        }
    }
}
