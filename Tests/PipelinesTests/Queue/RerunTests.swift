import GRDB
import Testing

@testable import Pipelines

/// An environment and what its runner does, stage by stage.
private struct Place {
    let fixture: Fixture
    let epoch: Int64
    var history: History { fixture.history }

    init() throws {
        fixture = try Fixture()
        epoch = try fixture.history.beginEpoch()
    }

    func claim() async throws -> Int64? { try await history.claimNext(epoch: epoch).first?.run.id }

    /// One attempt of a stage. Its output names the attempt; that of `deploy`, a release.
    func attempt(_ run: Int64, _ stage: StageName, _ status: StageStatus = .succeeded) async throws {
        let attempt = try await history.startAttempt(run: run, stage: stage)
        var output = Array("{\"attempt\":\(attempt)}".utf8)
        if stage == .deploy, status == .succeeded {
            let release = try await history.beginRelease(environment: "todo", run: run, body: [7], images: [])
            output = Array("{\"release\":\(release),\"services\":[]}".utf8)
        }
        try await history.finishAttempt(
            run: run,
            stage: stage,
            attempt: attempt,
            status: status,
            reason: status == .succeeded ? nil : Reason("no", "It does not."),
            output: status == .succeeded ? output : nil
        )
    }

    /// A push whose run comes as far as `stage`, and ends there as told; `succeeded` at the smoke test is a success.
    @discardableResult
    func push(to stage: StageName = .smokeTest, _ status: StageStatus = .succeeded) async throws -> Int64 {
        let run = try await fixture.push()
        #expect(try await claim() == run)
        for name in StageName.allCases where name <= stage {
            try await attempt(run, name, name == stage ? status : .succeeded)
        }
        try await finish(run, status)
        return run
    }

    func finish(_ run: Int64, _ status: StageStatus) async throws {
        let release = try await history.unfinishedReleases(environment: "todo").last
        if let release, status == .succeeded { try await history.markLive(release.id) }
        if let release, status != .succeeded { try await history.markUndone(release.id) }
        let status: RunStatus = status == .succeeded ? .succeeded : .failed
        try await history.finishRun(run, status: status, reason: status == .failed ? Reason("no", "It does not.") : nil)
    }

    func again(
        _ run: Int64,
        from: StageName? = nil,
        fresh: Bool = false
    ) async throws -> Result<StageName, RerunRefusal> {
        try await history.rerun(run: run, from: from, fresh: fresh, hold: .untilResumed, by: "Ada")
    }

    func statuses(_ run: Int64) async throws -> [StageStatus] {
        try #require(try await history.runSummary(run)).stages.map(\.status)
    }
}

@Suite("A re-run")
struct RerunTests {
    @Test("It is queued again with what the stages before have left; what it was is kept")
    func reopened() async throws {
        let place = try Place()
        let history = place.history
        let run = try await place.push(to: .deploy, .failed)
        let before = try #require(try await history.record(run: run))
        place.fixture.pass(milliseconds: 60_000)
        #expect(try await place.again(run, from: .push) == .success(.push))

        let record = try #require(try await history.record(run: run))
        #expect(record.status == .queued && record.reason == nil && record.undo == nil)
        #expect(record.startedAt == nil && record.finishedAt == nil && record.queuedAt == before.queuedAt)
        #expect(record.rerun == RunRecord.Rerun(from: .push, fresh: false))
        #expect(try await place.statuses(run) == [.succeeded, .succeeded, .pending, .pending, .pending])
        #expect(try await history.output(run: run, stage: .build) != nil)
        #expect(try await history.output(run: run, stage: .push) == nil)
        let detail = try #require(try await history.run(run))
        #expect(detail.attempts.map(\.name) == [.clone, .build, .push, .deploy])
        let ending = Rerun.Ending(status: .failed, reason: before.reason, undo: nil, finishedAt: before.finishedAt)
        let at = try #require(before.finishedAt) + 60_000
        #expect(detail.reruns == [Rerun(from: .push, fresh: false, by: "Ada", at: at, before: ending)])
        let redacted = detail.redacted().reruns
        #expect(redacted.map(\.by) == [nil] && redacted.map(\.before.reason) == [nil])

        #expect(try await place.claim() == run)
        for stage in [StageName.push, .deploy, .smokeTest] { try await place.attempt(run, stage) }
        try await place.finish(run, .succeeded)
        let done = try #require(try await history.run(run))
        #expect(done.summary.status == .succeeded && done.summary.stages.map(\.attempt) == [1, 1, 2, 2, 1])
        #expect(done.attempts.count == 7)
    }

    @Test("A crash in it goes on from its own beginning, not from what was recorded before it")
    func crash() async throws {
        let place = try Place()
        let run = try await place.push()
        #expect(try await place.again(run, from: .build) == .success(.build))
        #expect(try await place.claim() == run)
        try await place.attempt(run, .build)
        _ = try await place.history.startAttempt(run: run, stage: .push)
        let next = try place.history.beginEpoch()
        let claimed = try #require(try await place.history.claimNext(epoch: next).first)
        #expect(claimed.run.rerun?.from == .build)
        #expect(claimed.attempts.last?.reason?.code == "interrupted")
        let output = try #require(try await place.history.output(run: run, stage: .build))
        #expect(String(decoding: output, as: UTF8.self) == #"{"attempt":2}"#)
        for stage in [StageName.push, .deploy, .smokeTest] {
            #expect(try await place.history.output(run: run, stage: stage) == nil)
        }
        #expect(try await place.history.output(run: run, stage: .clone) != nil)
    }

    @Test("A second one overtakes no more than what it runs again")
    func twice() async throws {
        let place = try Place()
        let run = try await place.push(to: .build, .failed)
        #expect(try await place.again(run) == .success(.build))
        #expect(try await place.claim() == run)
        for stage in [StageName.build, .push] { try await place.attempt(run, stage) }
        try await place.attempt(run, .deploy, .failed)
        try await place.finish(run, .failed)
        #expect(try await place.again(run, fresh: false) == .success(.deploy))
        #expect(try await place.history.output(run: run, stage: .build) != nil)
        #expect(try await place.history.run(run)?.reruns.map(\.from) == [.build, .deploy])
        #expect(try await place.history.record(run: run)?.rerun?.from == .deploy)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var stage = StageName.smokeTest
        var status = StageStatus.succeeded
        var from: StageName?
        var fresh = false
        var result: Result<StageName, RerunRefusal>
    }

    static let cases: [Case] = [
        Case(testDescription: "the build failed", stage: .build, status: .failed, result: .success(.build)),
        Case(testDescription: "never cloned", stage: .clone, status: .errored, result: .success(.clone)),
        Case(
            testDescription: "an undone release is deployed again before it is tested",
            status: .failed,
            result: .success(.deploy)
        ),
        Case(testDescription: "nothing failed", result: .failure(.nothingFailed)),
        Case(testDescription: "only the smoke test", from: .smokeTest, result: .success(.smokeTest)),
        Case(testDescription: "everything", from: .clone, result: .success(.clone)),
        Case(
            testDescription: "the smoke test of an undone release",
            status: .failed,
            from: .smokeTest,
            result: .failure(.releaseGone(.undone))
        ),
        Case(
            testDescription: "a stage whose inputs were never made",
            stage: .build,
            status: .failed,
            from: .deploy,
            result: .failure(.outputMissing(.build))
        ),
        Case(testDescription: "fresh, from nowhere", fresh: true, result: .success(.build)),
        Case(testDescription: "fresh, from the clone", from: .clone, fresh: true, result: .success(.clone)),
        Case(
            testDescription: "fresh, where nothing is built",
            from: .deploy,
            fresh: true,
            result: .failure(.needlesslyFresh(.deploy))
        ),
        Case(
            testDescription: "fresh, after a deploy that failed",
            stage: .deploy,
            status: .failed,
            fresh: true,
            result: .success(.build)
        ),
    ]

    @Test("Where it begins, or why it does not", arguments: cases)
    func stages(example: Case) async throws {
        let place = try Place()
        let run = try await place.push(to: example.stage, example.status)
        let foreseen = try await place.history.rerunStage(run: run, from: example.from, fresh: example.fresh)
        #expect(foreseen == example.result)
        #expect(try await place.again(run, from: example.from, fresh: example.fresh) == example.result)
        let isOpen = try #require(try await place.history.record(run: run)).status == .queued
        #expect(isOpen == ((try? example.result.get()) != nil))
    }

    @Test("Only the newest run of an environment that has begun, and that nothing newer waits behind")
    func newest() async throws {
        let place = try Place()
        #expect(try await place.again(7) == .failure(.unknownRun))
        let first = try await place.push()
        let second = try await place.push(to: .build, .failed)
        #expect(try await place.again(first, from: .deploy) == .failure(.older(second)))
        let third = try await place.fixture.push()
        #expect(try await place.again(third) == .failure(.notOver(.queued)))
        #expect(try await place.again(second) == .failure(.newerWaits(third)))
        // Cancelled before it began, it has changed nothing: both may run.
        #expect(try await place.history.requestCancel(run: third) == .cancelled)
        #expect(try await place.again(second) == .success(.build))
        #expect(try await place.claim() == second)
        try await place.finish(second, .failed)
        #expect(try await place.again(third) == .success(.clone))
        #expect(try await place.claim() == third)
        #expect(try await place.again(third) == .failure(.notOver(.running)))
        try await place.finish(third, .failed)
        // What was skipped or superseded has done nothing either, and is not run again.
        let fourth = try await place.fixture.push()
        #expect(try await place.claim() == fourth)
        try await place.attempt(fourth, .clone, .skipped)
        try await place.history.finishRun(fourth, status: .skipped, reason: nil)
        #expect(try await place.again(fourth) == .failure(.skipped))
        let fifth = try await place.fixture.push()
        try await place.history.finishRun(fifth, status: .superseded, reason: nil, supersededBy: second)
        #expect(try await place.again(fifth) == .failure(.superseded(second)))
        #expect(try await place.again(second) == .success(.build))
    }

    @Test("It has its turn before a newer push, which waits, and neither supersedes the other")
    func turn() async throws {
        let place = try Place()
        let run = try await place.push(to: .deploy, .failed)
        #expect(try await place.history.pause(environment: "todo", reason: nil, by: nil) == .paused)
        #expect(try await place.again(run) == .success(.deploy))
        let newer = [try await place.fixture.push(), try await place.fixture.push()]
        #expect(try await place.claim() == nil)
        _ = try await place.history.resume(environment: "todo")
        #expect(try await place.claim() == run)
        #expect(try await place.history.runSummary(newer[1])?.waitingFor == .earlierRun)
        try await place.finish(run, .failed)
        #expect(try await place.claim() == newer[1])
        #expect(try await place.history.record(run: newer[0])?.supersededBy == newer[1])
        #expect(try await place.history.record(run: run)?.status == .failed)
    }

    @Test("While it is queued or running, what it has deployed before is live, with its services")
    func live() async throws {
        let place = try Place()
        let run = try await place.push()
        let live = try #require(try await place.history.pipelineLive(environment: "todo"))
        #expect(try await place.again(run, from: .deploy) == .success(.deploy))
        #expect(try await place.history.pipelineLive(environment: "todo") == live)
        #expect(try await place.history.run(run)?.release == nil)
        #expect(try await place.claim() == run)
        try await place.attempt(run, .deploy)
        try await place.finish(run, .failed)
        #expect(try await place.history.pipelineLive(environment: "todo")?.release == live.release)
        // The release that still serves is what a rollback to the run means.
        try await place.push()
        let back = try await place.history.enqueueRollback(
            pipeline: "todo",
            environment: "todo",
            to: run,
            hold: .untilResumed,
            by: nil
        )
        let rollback = try #require(try await place.history.record(run: try back.get()))
        #expect(rollback.rollback?.release == live.release)
    }

    @Test("A rollback is run again from its deploy, and holds its environment again")
    func rollback() async throws {
        let place = try Place()
        let history = place.history
        let first = try await place.push()
        try await place.push()
        let rollback = try await history.enqueueRollback(
            pipeline: "todo",
            environment: "todo",
            to: first,
            hold: .untilNextPush,
            by: "Ada"
        ).get()
        #expect(try await place.claim() == rollback)
        try await place.attempt(rollback, .deploy, .errored)
        try await place.finish(rollback, .failed)
        #expect(try await history.hold(environment: "todo") == nil)
        #expect(try await place.again(rollback, from: .build) == .failure(.noStage(.build)))
        #expect(try await place.again(rollback, fresh: true) == .failure(.needlesslyFresh(.deploy)))
        #expect(try await place.again(rollback) == .success(.deploy))
        #expect(try await history.hold(environment: "todo")?.run == rollback)
        let push = try await place.fixture.push()
        #expect(try await place.claim() == rollback)
        #expect(try await history.runSummary(push)?.waitingFor == .rollbackHold)
        try await place.attempt(rollback, .deploy)
        try await place.attempt(rollback, .smokeTest)
        try await place.finish(rollback, .succeeded)
        #expect(try await history.hold(environment: "todo")?.until == .untilResumed)
        #expect(try await place.claim() == nil)
    }

    @Test("A cancel while it waits ends it, and says so; its earlier attempts stay")
    func cancelled() async throws {
        let place = try Place()
        let run = try await place.push()
        #expect(try await place.again(run, from: .deploy) == .success(.deploy))
        #expect(try await place.history.requestCancel(run: run, by: "Ada") == .cancelled)
        let detail = try #require(try await place.history.run(run))
        #expect(detail.summary.status == .cancelled && detail.attempts.count == 5)
        #expect(detail.summary.stages.map(\.status) == [.succeeded, .succeeded, .succeeded, .skipped, .skipped])
        // It has deployed before, and so is the newest still.
        #expect(try await place.again(run) == .success(.deploy))
        #expect(try await place.history.run(run)?.reruns.map(\.before.status) == [.succeeded, .cancelled])
    }
}
