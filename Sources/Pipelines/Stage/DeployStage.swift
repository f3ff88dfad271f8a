import FoundationEssentials

/// Renders the manifests with digests pinned, records them as a release, and rolls them out.
/// What fails is undone before the stage ends.
struct DeployStage: Sendable {
    let run: RunInProgress
    let log: any StageLog

    func run(_ clone: CloneOutput, _ pushed: PushOutput) async throws -> DeployOutput {
        try await run.workspace.ensure(clone.revision)
        let (body, warnings) = try render(pushed)
        for warning in warnings { log.line("warning: \(warning)") }

        let environment = run.definition.environment
        let history = run.needs.history
        let previous = try await history.live(environment: environment)?.release
        let release = try await history.beginRelease(
            environment: environment,
            run: run.id,
            body: try run.needs.seal(body),
            images: pushed.images
        )
        do {
            let services = try await run.target.apply(
                body,
                release: release,
                environment: environment,
                previous: previous,
                log: log,
                deadline: .now + .seconds(run.definition.deploy.timeout)
            )
            return DeployOutput(release: release, services: services)
        } catch {
            throw try await undone(release, error)
        }
    }

    private func render(_ pushed: PushOutput) throws -> (body: ReleaseBody, warnings: [String]) {
        try PodmanTarget.render(
            checkout: run.workspace.folder,
            definition: run.definition,
            images: pushed.images,
            secrets: try run.secrets.values.get().mapValues(\.bytes)
        )
    }

    /// The server going down leaves the release as it is, for the next server; every other end undoes it.
    private func undone(_ release: Int64, _ error: any Error) async throws -> any Error {
        if run.needs.stopping.isSet { return error }
        guard run.definition.deploy.onFailure == .undo else {
            log.line("onFailure: keep, so what was applied stays as it is")
            try await run.needs.history.markUndone(release)
            return error
        }
        await run.undo(release, because: run.needs.reason(of: error).message, log: log)
        return error
    }
}

/// What the deploy stage leaves to the smoke test.
struct DeployOutput: Codable, Sendable {
    var release: Int64
    var services: [ServiceEndpoint]
}
