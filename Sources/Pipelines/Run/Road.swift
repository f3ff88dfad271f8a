import Logging

/// The road of a push, from its claim to its last word: clone, build, push, deploy, smoke test. A rollback enters it at
/// the deploy, with the release that it applies again.
///
/// Each stage records its output. A run that is claimed again after a crash goes past the stages that have an output
/// and begins at the first that has none; a release that was not live yet is undone and deployed again. A run that is run
/// again from a stage goes past those before it: what the others had left counts no more.
public struct Road: Sendable {
    let needs: RunDependencies

    public init(_ needs: RunDependencies) { self.needs = needs }

    func travel(_ claimed: ClaimedRun) async {
        let trace = RunTrace(claimed.run, tracer: needs.tracer)
        trace.recordInterrupted(claimed.attempts)
        await trace.follow { await travelInTrace(claimed) }
    }

    private func travelInTrace(_ claimed: ClaimedRun) async {
        var run = RunInProgress(claimed, needs: needs)
        do {
            let recorded = try await needs.releaseToApplyAgain(by: claimed)
            if let recorded {
                run = RunInProgress(claimed, recorded: try run.target.secrets(of: recorded), needs: needs)
            }
            let travelling = run
            try await run.holdingImages { try await travel(travelling, with: recorded) }
        } catch {
            await end(run, error)
        }
        if !needs.stopping.isSet { await run.workspace.remove() }
    }

    private func travel(_ run: RunInProgress, with recorded: TargetRelease?) async throws {
        try await undoUnfinished(run)
        let release: DeployOutput
        if let recorded {
            release = try await deploy(run) { try await DeployStage(run: run, log: $0).run(again: recorded) }
        } else {
            let (clone, pushed) = try await prepare(run)
            release = try await deploy(run) { try await DeployStage(run: run, log: $0).run(clone, pushed) }
        }
        try await prove(release, run)
        try await settle(release, run)
        try await finish(run, .succeeded, nil)
    }

    private func prepare(_ run: RunInProgress) async throws -> (CloneOutput, PushOutput) {
        let clone = try await run.stage(.clone, within: .seconds(needs.limits.cloneDeadline)) {
            try await CloneStage(run: run, log: $0).run()
        }
        let built = try await run.stage(.build, within: .seconds(needs.limits.buildDeadline)) {
            try await BuildStage(run: run, log: $0).run(clone)
        }
        let pushed = try await run.stage(.push, within: .seconds(needs.limits.pushDeadline)) {
            try await PushStage(run: run, log: $0).run(built)
        }
        return (clone, pushed)
    }

    private func deploy(
        _ run: RunInProgress,
        _ body: @escaping @Sendable (any StageLog) async throws -> DeployOutput
    ) async throws -> DeployOutput {
        try await run.stage(.deploy, within: DeployStage.limit(run), ifStill: isLive, body)
    }

    /// What the smoke test rejects goes the way of a deploy that failed; but not for checks that failed before it.
    private func prove(_ release: DeployOutput, _ run: RunInProgress) async throws {
        // Live already: this run is run again from its smoke test, or has settled the release before a crash.
        let wasLive = try await isLive(release)
        // A report is worth nothing once the release that it is about was undone.
        let holds = { (_: SmokeOutput) in try await isLive(release) }
        do {
            _ = try await run.stage(
                .smokeTest,
                within: .seconds(needs.limits.smokeTestDeadline),
                ifStill: holds
            ) {
                try await SmokeTestStage(run: run, log: $0).run(release)
            }
        } catch let error as StageError where error.reason.code == SmokeTestStage.failedBefore {
            try await settle(release, run)
            throw error
        } catch let error as StageError where wasLive {
            throw error.adding("nothing was deployed, so the release stays live")
        } catch let error where !wasLive && !(error is Handover) {
            if run.definition.deploy.onFailure == .undo {
                await run.undo(release.release, because: needs.reason(of: error).message, log: LoggerLog(needs.logger))
            } else {
                try await needs.recording(run: run.id) { try await needs.history.markLive(release.release) }
            }
            throw error
        }
    }

    private func isLive(_ output: DeployOutput) async throws -> Bool {
        try await needs.history.release(output.release)?.status == .live
    }

    /// The release has passed: from here on it is what the environment goes back to.
    ///
    /// A cancel comes too late now: the run has done what it was for, and what its release no longer has is removed all the
    /// same. Only the server going down ends that, and the next one goes on with it.
    private func settle(_ output: DeployOutput, _ run: RunInProgress) async throws {
        try await needs.recording(run: run.id) { try await needs.history.markLive(output.release) }
        guard let record = try await needs.history.release(output.release) else { return }
        // Not a child: a cancel does not reach it.
        let work = Task { [needs] in
            try await run.target.settle(
                try await needs.open(record).release,
                log: LoggerLog(needs.logger),
                deadline: .now + .seconds(run.definition.deploy.timeout)
            )
        }
        do {
            try await withTaskCancellationHandler {
                try await work.value
            } onCancel: { [needs] in
                if needs.stopping.isSet { work.cancel() }
            }
        } catch is CancellationError {
            throw Handover()
        }
        // A target that makes the best of it does not say that it was ended.
        if work.isCancelled { throw Handover() }
    }

    /// What the last server left half deployed is undone before the run goes on. A run that is to end here, because
    /// somebody cancelled it, is told how that went; one that is deployed again has not been undone in the end.
    private func undoUnfinished(_ run: RunInProgress) async throws {
        let isCancelled = try await needs.history.isCancelRequested(run: run.id)
        if !isCancelled, run.record.undo != nil { try await needs.history.setUndo(run: run.id, nil) }
        for release in try await needs.history.unfinishedReleases(environment: run.definition.environment) {
            await ReleaseUndo(needs: needs, run: isCancelled && release.run == run.id ? run.id : nil)
                .undo(release.id, because: "the server was stopped while it was deployed", log: LoggerLog(needs.logger))
        }
    }

    private func end(_ run: RunInProgress, _ error: any Error) async {
        if error is Handover { return }
        do {
            let stage = error as? StageError
            try await finish(
                run,
                stage?.runStatus ?? .errored,
                run.masked(needs.reason(of: error)),
                supersededBy: stage?.successor
            )
        } catch {
            needs.logger.error(
                "The end of a run could not be recorded; it is claimed again at the next start",
                metadata: ["run.id": "\(run.id)", "error": "\(error)"]
            )
        }
    }

    private func finish(
        _ run: RunInProgress,
        _ status: RunStatus,
        _ reason: Reason?,
        supersededBy: Int64? = nil
    ) async throws {
        try await needs.recording(run: run.id) {
            try await needs.history.finishRun(run.id, status: status, reason: reason, supersededBy: supersededBy)
        }
        run.trace.end(status, reason)
        needs.logger.info(
            "Run finished",
            metadata: [
                "run.id": "\(run.id)", "run.status": "\(status.rawValue)", "reason": "\(reason?.code ?? "")",
            ]
        )
    }
}

/// Thrown inside a run when the server goes down: the run stays claimed, and the next server goes on with it.
struct Handover: Error {}
