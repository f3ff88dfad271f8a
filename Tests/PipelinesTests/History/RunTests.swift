import GRDB
import Testing

@testable import Pipelines

@Suite("Runs and their attempts")
struct RunTests {
    @Test("Attempts are counted for each stage; the newest success gives the output")
    func attempts() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let run = try await fixture.push()
        #expect(try await history.startAttempt(run: run, stage: .clone) == 1)
        try await history.finishAttempt(
            run: run,
            stage: .clone,
            attempt: 1,
            status: .succeeded,
            reason: nil,
            output: Array("one".utf8)
        )
        #expect(try await history.startAttempt(run: run, stage: .clone) == 2)
        #expect(try await history.startAttempt(run: run, stage: .build) == 1)
        let reason = Reason("build-failed", "The build ended with 7.")
        try await history.finishAttempt(
            run: run,
            stage: .clone,
            attempt: 2,
            status: .failed,
            reason: reason,
            output: Array("two".utf8)
        )
        #expect(try await history.output(run: run, stage: .clone) == Array("one".utf8))
        #expect(try await history.output(run: run, stage: .build) == nil)
        let attempts = try await history.attempts(run: run)
        #expect(attempts.map(\.stage) == [.clone, .clone, .build])
        #expect(attempts.map(\.status) == [.succeeded, .failed, .running])
        #expect(attempts[1].reason == reason)
        // An output is immutable once its attempt has ended.
        let error = await #expect(throws: HistoryError.self) {
            try await history.finishAttempt(
                run: run,
                stage: .clone,
                attempt: 1,
                status: .failed,
                reason: nil,
                output: nil
            )
        }
        #expect(error?.code == .conflict)
        let missing = await #expect(throws: HistoryError.self) {
            try await history.startAttempt(run: 99, stage: .clone)
        }
        #expect(missing?.code == .notFound)
    }

    @Test("What the repository says takes the place of what the payload said")
    func revision() async throws {
        let fixture = try Fixture()
        let run = try await fixture.push()
        try await fixture.history.setRevision(run: run, revision: "abc", message: "Real", author: "Ada", forced: true)
        try await fixture.history.setUndo(run: run, Undo(status: .running, reason: "The smoke test said no."))
        let record = try #require(try await fixture.history.record(run: run))
        #expect(record.revision == "abc")
        #expect(record.message == "Real")
        #expect(record.author == "Ada")
        #expect(record.forced)
        #expect(record.undo == Undo(status: .running, reason: "The smoke test said no."))
        let error = await #expect(throws: HistoryError.self) {
            try await fixture.history.setUndo(run: 99, Undo(status: .failed, reason: ""))
        }
        #expect(error?.code == .notFound)
    }

    @Test("A run ends once", arguments: RunStatus.allCases.filter(\.isFinal))
    func finish(status: RunStatus) async throws {
        let fixture = try Fixture()
        let run = try await fixture.push()
        let reason = Reason("because", "It had to.")
        fixture.pass(milliseconds: 1500)
        #expect(try await fixture.history.finishRun(run, status: status, reason: reason, supersededBy: 7))
        #expect(try await !fixture.history.finishRun(run, status: .errored, reason: nil))
        let record = try #require(try await fixture.history.record(run: run))
        #expect(record.status == status)
        #expect(record.reason == reason)
        #expect(record.supersededBy == 7)
        #expect(record.finishedAt == record.queuedAt + 1500)
        let error = await #expect(throws: HistoryError.self) {
            try await fixture.history.finishRun(99, status: .failed, reason: nil)
        }
        #expect(error?.code == .notFound)
    }

    @Test("Cancelling: a queued run ends, a running one is asked, one that is over stays as it is")
    func cancel() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let epoch = try history.beginEpoch()
        let queued = try await fixture.push()
        #expect(try await history.requestCancel(run: queued, by: "Ada") == .cancelled)
        let record = try await history.record(run: queued)
        #expect(record?.status == .cancelled)
        #expect(record?.reason == Reason("cancelled", "Cancelled by Ada before it began."))
        #expect(try await history.requestCancel(run: queued) == .alreadyOver(.cancelled))
        let running = try await fixture.push()
        #expect(try await history.claimNext(epoch: epoch).map(\.run.id) == [running])
        #expect(try await !history.isCancelRequested(run: running))
        #expect(try await history.requestCancel(run: running) == .requested)
        #expect(try await history.isCancelRequested(run: running))
        #expect(try await history.record(run: running)?.status == .running)
        #expect(try await history.requestCancel(run: 99) == .notFound)
    }

    @Test("How a cancelled task's run ended is recorded all the same")
    func cancelledTask() async throws {
        let fixture = try Fixture()
        let run = try await fixture.push()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            #expect(Task.isCancelled)
            try await fixture.history.finishRun(run, status: .cancelled, reason: nil)
            return try await fixture.history.record(run: run)?.status
        }
        #expect(try await task.value == .cancelled)
    }

    @Test("A definition is kept once, under the digest of its canonical form")
    func definitions() async throws {
        let fixture = try Fixture()
        let first = try await fixture.register()
        #expect(first.count == 64)
        #expect(try await fixture.register() == first)
        #expect(try await fixture.register(onPush: .queue) != first)
        #expect(try fixture.outside { try Int.fetchOne($0, sql: "SELECT count(*) FROM definitions") } == 2)
    }
}
