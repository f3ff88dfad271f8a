import Kubernetes

extension ClusterDeploy {
    func plan(_ revision: RevisionToRender, log: any StageLog) async throws -> [String] {
        let deadline = ContinuousClock.now + .seconds(deploy.timeout)
        let rendered = try await render(revision, log: log, deadline: deadline)
        return try await reporting {
            let body = try ClusterRelease(json: rendered.body)
            let plan = try await Kubernetes.Plan(try await connect(), kubernetesRelease(0, body, nil), options)
            return rendered.warnings.map { "warning: \($0)" } + plan.lines
        }
    }
}
