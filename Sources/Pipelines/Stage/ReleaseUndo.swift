import FoundationEssentials
import Logging
import Signing

/// Takes a release back: the previous one is served again, or, if there was none, what was created is deleted.
///
/// It runs in a task of its own, so that neither a cancel nor the stage's deadline stops it half-way,
/// and has a deadline of its own. Its result is recorded on the run.
struct ReleaseUndo: Sendable {
    let needs: RunDependencies
    let environment: String
    /// The run on which the result is recorded; nil when it only clears up after a stopped server.
    let run: Int64?

    func undo(_ release: Int64, because reason: String, log: any StageLog) async {
        await Task.detached { await takeBack(release, because: reason, log: log) }.value
    }

    private func takeBack(_ release: Int64, because reason: String, log: any StageLog) async {
        log.line("undo: \(reason)")
        await say(.running, reason)
        do {
            let sentence = try await withDeadline(.seconds(needs.limits.undoDeadline), "the undo") {
                let previous = try await previousRelease()
                return try await needs.target.undo(
                    environment: environment,
                    release: release,
                    to: previous,
                    log: log,
                    deadline: .now + .seconds(needs.limits.undoDeadline)
                )
            }
            try await needs.history.markUndone(release)
            log.line("undo: \(sentence)")
            await say(.succeeded, sentence)
        } catch {
            let sentence = needs.reason(of: error).message
            log.line("undo failed: \(sentence)")
            await say(.failed, sentence)
        }
    }

    private func previousRelease() async throws -> (Int64, ReleaseBody)? {
        guard let live = try await needs.history.liveRelease(environment: environment) else { return nil }
        return (live.id, try needs.open(live.body))
    }

    private func say(_ status: Undo.Status, _ reason: String) async {
        guard let run else { return }
        do {
            try await needs.history.setUndo(run: run, Undo(status: status, reason: reason))
        } catch {
            needs.logger.error("An undo could not be recorded", metadata: ["run.id": "\(run)", "error": "\(error)"])
        }
    }
}

extension RunDependencies {
    /// A release holds Secret data: it is sealed before it reaches the database.
    func seal(_ body: ReleaseBody) throws -> [UInt8] {
        try sealingKey.seal(Array(try JSONEncoder().encode(body)), context: "release")
    }

    func open(_ sealed: [UInt8]) throws -> ReleaseBody {
        try JSONDecoder().decode(ReleaseBody.self, from: Data(try sealingKey.open(sealed, context: "release")))
    }
}
