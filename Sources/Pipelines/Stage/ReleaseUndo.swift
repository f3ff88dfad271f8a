import Logging
import Telemetry

/// Takes a release back: the previous one is served again, or, if there was none, what was created is deleted.
///
/// It runs in a task of its own, so that neither a cancel nor the stage's deadline stops it half-way,
/// and has a deadline of its own. Its result is recorded on the run.
struct ReleaseUndo: Sendable {
    let needs: RunDependencies
    /// The run on which the result is recorded; nil when it only clears up after a stopped server.
    let run: Int64?

    func undo(_ release: Int64, because reason: String, log: any StageLog) async {
        await Task {
            await needs.tracer.withSpan("undo") { await takeBack(release, because: reason, log: log, $0) }
        }.value
    }

    private func takeBack(_ release: Int64, because reason: String, log: any StageLog, _ span: Span) async {
        log.line("undo: \(reason)")
        await say(.running, reason)
        do {
            let limit = Duration.seconds(needs.limits.undoDeadline)
            let end = ContinuousClock.now + limit
            // The target keeps to the deadline itself, and knows then what is left. Only if it does not, it is ended.
            let sentence = try await withDeadline(limit + Self.reserve, "the undo") {
                guard let record = try await needs.history.release(release) else {
                    throw StageError(.errored, "internal", "Release \(release) is not recorded")
                }
                // By the definition that it was made by: the run's own may name another target by now.
                let (release, definition) = try await needs.open(record)
                return try await needs.target(of: definition, run: nil).undo(
                    release,
                    to: try await needs.liveRelease(record.environment, at: definition.deploy),
                    log: log,
                    deadline: end
                )
            }
            try await needs.recording(run: run ?? 0) { try await needs.history.markUndone(release) }
            log.line("undo: \(sentence)")
            await count(release, .succeeded)
            await say(.succeeded, sentence)
        } catch {
            let sentence = needs.reason(of: error).message
            log.line("undo failed: \(sentence)")
            span.setStatus(.error(""))
            await count(release, .failed)
            await say(.failed, sentence)
        }
    }

    private static let reserve = Duration.seconds(10)

    private func count(_ release: Int64, _ status: Undo.Status) async {
        guard let record = try? await needs.history.release(release),
            let pipeline = try? await needs.history.record(run: record.run)?.pipeline
        else { return }
        needs.metrics.countUndo(of: pipeline, status)
    }

    private func say(_ status: Undo.Status, _ reason: String) async {
        guard let run else { return }
        do {
            let undo = Undo(status: status, reason: reason)
            // That it has begun need not be said, if there is no room to.
            if status == .running { return try await needs.history.setUndo(run: run, undo) }
            try await needs.recording(run: run) { try await needs.history.setUndo(run: run, undo) }
        } catch {
            needs.logger.error("An undo could not be recorded", metadata: ["run.id": "\(run)", "error": "\(error)"])
        }
    }
}
