/// Renders the manifests with digests pinned, records them as a release, and rolls them out.
/// What fails is undone before the stage ends.
struct DeployStage: Sendable {
    let run: RunInProgress
    let log: any StageLog

    /// The target itself keeps to the pipeline's `deploy.timeout`, and says then what was not ready. So the stage as a
    /// whole is only ended when that fails, with time for the undo.
    static func limit(_ run: RunInProgress) -> Duration {
        .seconds(run.definition.deploy.timeout + run.needs.limits.undoDeadline + 60)
    }

    func run(_ clone: CloneOutput, _ pushed: PushOutput) async throws -> DeployOutput {
        if let from = run.record.rerun?.from, from > .build {
            try await requireImages(pushed.images, instead: "run the run again from build, which builds it")
        }
        try await run.checkOut(clone, log: log)
        let deadline = ContinuousClock.now + .seconds(run.definition.deploy.timeout)
        let target = try run.target
        let rendered = try await target.render(
            RevisionToRender(
                checkout: run.workspace.folder,
                images: pushed.images,
                secrets: try run.secrets.values.get().mapValues(\.bytes),
                chartSHA256: clone.chartSHA256
            ),
            log: log,
            deadline: deadline
        )
        for warning in rendered.warnings { log.line("warning: \(warning)") }
        return try await rollOut(rendered.body, pushed.images, on: target, deadline)
    }

    /// Applies a release again as it is recorded: what was rendered then is applied now, with the same digests and Secrets.
    func run(again recorded: TargetRelease) async throws -> DeployOutput {
        let deadline = ContinuousClock.now + .seconds(run.definition.deploy.timeout)
        log.line("Applying release \(recorded.id) of \(recorded.environment) again, as it is recorded")
        try await requireImages(
            recorded.images,
            instead: "start a run of its revision instead, which builds it again"
        )
        let target = try run.target
        try await target.admit(recorded)
        let images = recorded.images.map { image in
            var image = image
            image.origin = .reused
            return image
        }
        return try await rollOut(recorded.body, images, on: target, deadline)
    }

    /// Every image of a release that was pushed some time ago must still be where it was: pods may be made on other nodes, or
    /// again.
    private func requireImages(_ images: [PushedImage], instead: String) async throws {
        if images.isEmpty { return }
        let gone = try await run.loggedIn(readWrite: false, for: run.definition.deploy.timeout) { login in
            let pusher = run.pusher(login)
            var gone: [PushedImage] = []
            for image in images {
                let isThere = try await withBackoff(for: run.needs.limits.retryFor, log: log) {
                    try await pusher.exists(image.reference)
                }
                if !isThere { gone.append(image) }
            }
            return gone
        }
        guard let first = gone.first else { return }
        throw StageError(
            .failed,
            "image-gone",
            "the registry does not have image \(first.name)\(gone.count > 1 ? " and \(gone.count - 1) more" : "") of the "
                + "release any more: \(first.reference); \(instead)"
        )
    }

    private func rollOut(
        _ body: [UInt8],
        _ images: [PushedImage],
        on target: any DeployTarget,
        _ deadline: ContinuousClock.Instant
    ) async throws -> DeployOutput {
        let environment = run.definition.environment
        let failingBefore = try await EarlierFaults(run: run, log: log).find(target)
        let previous = try await run.needs.liveRelease(environment, at: run.definition.deploy)
        let release = try await run.needs.history.beginRelease(
            environment: environment,
            run: run.id,
            body: try run.needs.seal(body),
            images: images
        )
        do {
            let services = try await target.apply(
                TargetRelease(
                    id: release,
                    environment: environment,
                    body: body,
                    images: images,
                    isRollback: run.record.rollback != nil
                ),
                previous: previous,
                log: log,
                deadline: deadline
            )
            return DeployOutput(release: release, services: services, failingBefore: failingBefore)
        } catch {
            throw try await undone(release, error)
        }
    }

    /// The server going down leaves the release as it is, for the next server; every other end undoes it, also a cancel
    /// that comes just before.
    private func undone(_ release: Int64, _ error: any Error) async throws -> any Error {
        if let handover = await run.verdict(on: error) as? Handover { return handover }
        guard run.definition.deploy.onFailure == .undo else {
            log.line("onFailure: keep, so what was applied stays as it is")
            try await run.needs.recording(run: run.id) { try await run.needs.history.markKept(release) }
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
    /// Places in the definition's list of smoke checks: those that failed before anything was changed.
    var failingBefore: [Int]?
}
