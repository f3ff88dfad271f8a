import GRDB
import Testing

@testable import Pipelines

/// An environment with a history: runs that released, and rollbacks of them.
private struct Place {
    let fixture: Fixture
    let epoch: Int64
    var history: History { fixture.history }

    init() throws {
        fixture = try Fixture()
        epoch = try fixture.history.beginEpoch()
    }

    static let image = PushedImage(
        name: "web",
        origin: .built,
        key: "k",
        digest: "sha256:1",
        reference: "host/web@sha256:1"
    )

    func claim() async throws -> Int64? {
        try await history.claimNext(epoch: epoch, excluding: ["docs"]).first?.run.id
    }

    /// What the runner does with a run that it has claimed: a release that becomes live, then the run's end.
    func release(by run: Int64, ending status: RunStatus = .succeeded) async throws {
        let release = try await history.beginRelease(environment: "todo", run: run, body: [7], images: [Self.image])
        try await history.markLive(release)
        try await history.finishRun(run, status: status, reason: nil)
    }

    /// A push that is deployed.
    @discardableResult
    func deploy(_ revision: String? = nil) async throws -> Int64 {
        let run = try await fixture.push(revision: revision)
        #expect(try await claim() == run)
        try await release(by: run)
        return run
    }

    func ask(
        to run: Int64,
        pipeline: String = "todo",
        environment: String = "todo",
        hold: Definition.Hold = .untilResumed
    ) async throws -> Result<Int64, RollbackRefusal> {
        try await history.enqueueRollback(
            pipeline: pipeline,
            environment: environment,
            to: run,
            hold: hold,
            by: "Ada"
        )
    }

    /// A rollback that has begun.
    func begin(to run: Int64, hold: Definition.Hold = .untilResumed) async throws -> Int64 {
        let rollback = try await ask(to: run, hold: hold).get()
        #expect(try await claim() == rollback)
        return rollback
    }

    /// Lanes with something to claim or to look at.
    func claimable() async throws -> [String] {
        try await history.read { [epoch] db in try Lane.claimable(db, epoch: epoch).filter { $0 != "docs" } }
    }

    func waits(_ run: Int64) async throws -> WaitingFor? { try await history.runSummary(run)?.waitingFor }
    func hold() async throws -> EnvironmentHold? { try await history.hold(environment: "todo") }
}

@Suite("A rollback")
struct RollbackTests {
    @Test("It is a run of its own with what the other run had, and holds the environment from the start")
    func queued() async throws {
        let place = try Place()
        let first = try await place.deploy()
        try await place.history.setRevision(run: first, revision: "abc", message: "One", author: "Mona", forced: false)
        try await place.deploy()
        place.fixture.pass(milliseconds: 1000)
        let id = try await place.ask(to: first, hold: .untilNextPush).get()
        let record = try #require(try await place.history.record(run: id))
        #expect(record.trigger == .rollback && record.requestedBy == "Ada" && record.status == .queued)
        #expect(record.rollback == RunRecord.Rollback(release: 1, run: first))
        #expect(record.revision == "abc" && record.message == "One" && record.author == "Mona")
        #expect(record.ref == "refs/heads/main" && record.delivery == nil)
        let detail = try #require(try await place.history.run(id))
        #expect(detail.summary.rollbackTo == first)
        #expect(detail.summary.stages.map(\.status) == [.skipped, .skipped, .skipped, .pending, .pending])
        #expect(detail.summary.stages.map { $0.reason?.code } == ["rollback", "rollback", "rollback", nil, nil])
        #expect(detail.attempts.isEmpty && detail.definition == .sample())
        #expect(detail.images.map(\.reference) == ["host/web@sha256:1"] && detail.images.map(\.origin) == [.reused])
        let hold = try #require(try await place.hold())
        #expect(hold == EnvironmentHold(since: record.queuedAt, by: "Ada", run: id, until: .untilNextPush))
        #expect(hold.redacted().by == nil)
        #expect(try await place.history.hold(environment: "docs") == nil)
    }

    @Test("It goes before everything that is queued; pushes wait until somebody resumes, also over a restart")
    func untilResumed() async throws {
        let place = try Place()
        let first = try await place.deploy()
        let running = try await place.fixture.push()
        #expect(try await place.claim() == running)
        let before = try await place.fixture.push()
        let elsewhere = try await place.fixture.push("docs")
        try await place.release(by: running)
        let rollback = try await place.begin(to: first)
        #expect(try await place.history.runSummary(elsewhere)?.status == .queued)
        let after = try await place.fixture.push()
        #expect(try await place.waits(before) == .rollbackHold)
        #expect(try await place.waits(after) == .rollbackHold)
        #expect(try await place.history.resume(environment: "todo") == .rollingBack(rollback))
        try await place.release(by: rollback)
        let epoch = try place.history.beginEpoch()
        #expect(try await place.history.claimNext(epoch: epoch).map(\.run.id) == [elsewhere])
        #expect(try await place.hold()?.run == rollback)
        #expect(try await place.waits(after) == .rollbackHold)
        let newest = try await place.fixture.push()
        #expect(try await place.history.claimNext(epoch: epoch).isEmpty)

        let hold = try #require(try await place.hold())
        #expect(try await place.history.resume(environment: "todo") == .resumed(hold: hold, pause: nil))
        #expect(try await place.history.resume(environment: "todo") == .notHeld)
        #expect(try await place.hold() == nil)
        #expect(try await place.history.claimNext(epoch: epoch).map(\.run.id) == [newest])
        for run in [before, after] {
            #expect(try await place.history.record(run: run)?.status == .superseded)
            #expect(try await place.history.record(run: run)?.supersededBy == newest)
        }
        #expect(try await place.history.record(run: rollback)?.status == .succeeded)
    }

    @Test("A hold until the next push ends with a push that came later, and with nothing else")
    func untilNextPush() async throws {
        let place = try Place()
        let first = try await place.deploy()
        let running = try await place.fixture.push(onPush: .queue)
        #expect(try await place.claim() == running)
        let before = try await place.fixture.push(onPush: .queue)
        try await place.release(by: running)
        let rollback = try await place.begin(to: first, hold: .untilNextPush)
        try await place.release(by: rollback)
        let manual = try await place.history.enqueueManual(
            pipeline: "todo",
            environment: "todo",
            definitionHash: try await place.fixture.register(),
            ref: "refs/heads/main",
            revision: "abc",
            by: "Ada"
        )
        #expect(try await place.claim() == nil)
        #expect(try await place.waits(before) == .rollbackHold)
        #expect(try await place.waits(manual) == .rollbackHold)
        _ = try await place.fixture.push(revision: "new", onPush: .queue)
        // `onPush: queue` then deploys all that waited, in order.
        #expect(try await place.claim() == before)
        #expect(try await place.hold() == nil)
        #expect(try await place.waits(manual) == .earlierRun)
    }

    @Test("A push that comes while the rollback is under way waits for its end")
    func pushMeanwhile() async throws {
        let place = try Place()
        let first = try await place.deploy()
        try await place.deploy()
        let rollback = try await place.begin(to: first, hold: .untilNextPush)
        let push = try await place.fixture.push(revision: "new")
        #expect(try await place.claim() == nil)
        #expect(try await place.waits(push) == .rollbackHold)
        try await place.release(by: rollback)
        #expect(try await place.claim() == push)
        #expect(try await place.hold() == nil)
    }

    @Test("A push of what was known before, sent once more under another delivery, lets nothing through")
    func replayed() async throws {
        let place = try Place()
        // What is replayed: a revision that was deployed, one that failed, one that still waits, one of another ref.
        let first = try await place.deploy("good")
        let bad = try await place.fixture.push(revision: "bad")
        #expect(try await place.claim() == bad)
        try await place.history.finishRun(bad, status: .failed, reason: nil)
        let running = try await place.fixture.push(revision: "newest")
        #expect(try await place.claim() == running)
        _ = try await place.fixture.push(revision: "waiting", onPush: .queue)
        try await place.release(by: running)
        let elsewhere = try await place.fixture.push(environment: "docs", ref: "refs/heads/next", revision: "next")
        let rollback = try await place.begin(to: first, hold: .untilNextPush)
        try await place.release(by: rollback)
        for revision in ["good", "bad", "newest", "waiting"] {
            let replayed = try await place.fixture.push(revision: revision, onPush: .queue)
            #expect(try await place.claim() == nil, "\(revision)")
            #expect(try await place.waits(replayed) == .rollbackHold)
            #expect(try await place.hold()?.run == rollback)
        }
        // Those that were looked at wake the lane no more.
        #expect(try await place.claimable().isEmpty)
        // What another environment has seen is new here.
        #expect(try await place.history.runSummary(elsewhere)?.status == .queued)
        _ = try await place.fixture.push(revision: "next", onPush: .queue)
        #expect(try await place.claimable() == ["todo"])
        #expect(try await place.claim() != nil)
        #expect(try await place.hold() == nil)
    }

    @Test("One that fails holds no more", arguments: [RunStatus.failed, .errored, .cancelled])
    func fails(status: RunStatus) async throws {
        let place = try Place()
        let first = try await place.deploy()
        try await place.deploy()
        let rollback = try await place.begin(to: first)
        let push = try await place.fixture.push()
        let release = try await place.history.beginRelease(environment: "todo", run: rollback, body: [], images: [])
        try await place.history.markUndone(release)
        try await place.history.finishRun(rollback, status: status, reason: nil)
        #expect(try await place.hold() == nil)
        #expect(try await place.claim() == push)
    }

    @Test(
        "One that fails and cannot be taken back holds until somebody resumes, and says why",
        arguments: [Definition.Hold.untilResumed, .untilNextPush]
    )
    func undoFails(hold: Definition.Hold) async throws {
        let place = try Place()
        let first = try await place.deploy()
        try await place.deploy()
        let rollback = try await place.begin(to: first, hold: hold)
        _ = try await place.history.beginRelease(environment: "todo", run: rollback, body: [], images: [])
        try await place.history.setUndo(run: rollback, Undo(status: .failed, reason: "ConfigMap c stays"))
        #expect(try await place.hold()?.cause == .rolledBack)
        try await place.history.finishRun(rollback, status: .failed, reason: nil)
        let push = try await place.fixture.push()
        #expect(try await place.claim() == nil)
        #expect(try await place.waits(push) == .rollbackHold)
        let held = try #require(try await place.hold())
        #expect(held.run == rollback && held.until == .untilResumed)
        #expect(held.cause == .undoFailed && held.reason == "ConfigMap c stays")
        #expect(held.redacted().cause == .undoFailed && held.redacted().reason == nil)

        // One that succeeds takes its place.
        let better = try await place.begin(to: first)
        try await place.release(by: better)
        let now = try #require(try await place.hold())
        #expect(now.run == better && now.cause == .rolledBack && now.reason == nil)
        #expect(try await place.claim() == nil)
        #expect(try await place.history.resume(environment: "todo") == .resumed(hold: now, pause: nil))
        #expect(try await place.claim() == push)
    }

    @Test("One that fails after another leaves the other's hold")
    func failsHeld() async throws {
        let place = try Place()
        let first = try await place.deploy()
        let second = try await place.deploy()
        try await place.deploy()
        let good = try await place.begin(to: second)
        try await place.release(by: good)
        let push = try await place.fixture.push()
        let bad = try await place.begin(to: first, hold: .untilNextPush)
        #expect(try await place.hold()?.run == bad)
        try await place.history.finishRun(bad, status: .failed, reason: nil)
        #expect(try await place.hold()?.run == good)
        #expect(try await place.waits(push) == .rollbackHold)
        // One that succeeds takes its place.
        let better = try await place.begin(to: first, hold: .untilNextPush)
        try await place.release(by: better)
        #expect(try await place.hold()?.run == better)
        _ = try await place.history.resume(environment: "todo")
        #expect(try await place.hold() == nil)
    }

    @Test("One whose release stays live holds, whatever the verdict on it")
    func staysLive() async throws {
        let place = try Place()
        let first = try await place.deploy()
        try await place.deploy()
        let rollback = try await place.begin(to: first)
        try await place.release(by: rollback, ending: .failed)
        #expect(try await place.hold()?.run == rollback)
    }

    @Test("One that is cancelled before it begins, or cannot be read, holds no more")
    func neverBegan() async throws {
        let place = try Place()
        let first = try await place.deploy()
        try await place.deploy()
        let rollback = try await place.ask(to: first).get()
        #expect(try await place.history.requestCancel(run: rollback) == .cancelled)
        #expect(try await place.hold() == nil)
        _ = try await place.ask(to: first).get()
        try await place.history.write { db, _ in try db.execute(sql: "UPDATE definitions SET body = '{}'") }
        #expect(try await place.claim() == nil)
        #expect(try await place.hold() == nil)
    }

    @Test("No run gives way to it, and it is nobody's successor")
    func noPush() async throws {
        let place = try Place()
        let first = try await place.deploy()
        try await place.deploy()
        let running = try await place.fixture.push(onPush: .cancel)
        #expect(try await place.claim() == running)
        let rollback = try await place.ask(to: first).get()
        let record = try #require(try await place.history.record(run: running))
        #expect(try await place.history.newerRun(than: running, pipeline: "todo", ref: record.ref) == nil)
        let revision = try #require(try await place.history.record(run: rollback)?.revision)
        let successor = try await place.history.runForHead(revision, insteadOf: record)
        #expect(successor != nil && successor != rollback)
    }

    @Test("What cannot be rolled back to is refused, and nothing is held")
    func refusals() async throws {
        let place = try Place()
        let first = try await place.deploy()
        let never = try await place.fixture.push()
        #expect(try await place.claim() == never)
        #expect(try await place.ask(to: never) == .failure(.neverReleased))
        let undone = try await place.history.beginRelease(environment: "todo", run: never, body: [], images: [])
        #expect(try await place.ask(to: never) == .failure(.neverReleased))
        try await place.history.markUndone(undone)
        #expect(try await place.ask(to: never) == .failure(.undone))
        try await place.history.finishRun(never, status: .failed, reason: nil)
        #expect(try await place.ask(to: first) == .failure(.alreadyLive))
        #expect(try await place.ask(to: 99) == .failure(.unknownRun))
        let second = try await place.deploy()
        #expect(try await place.ask(to: first, pipeline: "docs") == .failure(.otherPipeline("todo")))
        #expect(try await place.ask(to: first, environment: "new") == .failure(.otherEnvironment("todo")))
        #expect(try await place.hold() == nil)

        let rollback = try await place.begin(to: first)
        #expect(try await place.ask(to: first) == .failure(.rollingBack(rollback)))
        try await place.release(by: rollback)
        // The rollback's release is the first one again, under whichever number it is asked for.
        #expect(try await place.ask(to: rollback) == .failure(.alreadyLive))
        #expect(try await place.ask(to: first) == .failure(.alreadyLive))
        let forward = try await place.begin(to: second)
        try await place.release(by: forward)
        let again = try await place.ask(to: rollback).get()
        #expect(try await place.history.record(run: again)?.rollback == RunRecord.Rollback(release: 1, run: first))
    }

    @Test("The live release can be applied again while the target is not as it says", arguments: Leftover.allCases)
    fileprivate func toLive(_ leftover: Leftover) async throws {
        let place = try Place()
        let first = try await place.deploy()
        let live = try await place.deploy()
        #expect(try await place.ask(to: live) == .failure(.alreadyLive))
        let bad = try await place.fixture.push()
        #expect(try await place.claim() == bad)
        let release = try await place.history.beginRelease(environment: "todo", run: bad, body: [], images: [])
        switch leftover {
        case .kept: try await place.history.markKept(release)
        case .undoFailed:
            try await place.history.setUndo(run: bad, Undo(status: .failed, reason: "changed meanwhile"))
        case .underWay: break
        case .nothing: try await place.history.markUndone(release)
        case .undoneLater:
            try await place.history.setUndo(run: bad, Undo(status: .failed, reason: "changed meanwhile"))
            try await place.history.markUndone(release)
        }
        if leftover != .underWay { try await place.history.finishRun(bad, status: .failed, reason: nil) }
        #expect(try await place.history.live(environment: "todo")?.run == live)
        guard leftover.isThere else {
            #expect(try await place.ask(to: live) == .failure(.alreadyLive))
            return
        }
        let rollback = try await place.ask(to: live).get()
        #expect(try await place.history.record(run: rollback)?.rollback == RunRecord.Rollback(release: 2, run: live))
        if leftover == .underWay { try await place.history.finishRun(bad, status: .failed, reason: nil) }
        #expect(try await place.claim() == rollback)
        try await place.release(by: rollback)
        // Now it is as the release says, under both numbers; others are to be had as ever.
        for run in [live, rollback] { #expect(try await place.ask(to: run) == .failure(.alreadyLive)) }
        #expect(try await place.ask(to: bad) == .failure(.undone))
        #expect(try await place.ask(to: first).get() > rollback)
    }

    /// What a later attempt has left in the target.
    fileprivate enum Leftover: CaseIterable {
        case kept, undoFailed, underWay, nothing, undoneLater
        var isThere: Bool { self != .nothing && self != .undoneLater }
    }

    @Test("The hold's begin and end are announced, with the runs that wait differently")
    func announced() async throws {
        let place = try Place()
        let first = try await place.deploy()
        let running = try await place.fixture.push()
        #expect(try await place.claim() == running)
        let waiting = try await place.fixture.push(onPush: .queue)
        let changes = place.history.changes()
        try await place.release(by: running)
        let rollback = try await place.ask(to: first).get()
        #expect(await Self.read(changes, until: .run(rollback)).isSuperset(of: [.hold("todo"), .run(waiting)]))
        #expect(try await place.claim() == rollback)
        try await place.release(by: rollback)
        #expect(await Self.read(changes, until: .run(waiting)).contains(.hold("todo")))
        _ = try await place.history.resume(environment: "todo")
        #expect(await Self.read(changes, until: .queue).isSuperset(of: [.hold("todo"), .run(waiting)]))
    }

    /// Everything that is announced up to a change.
    private static func read(_ changes: AsyncStream<Change>, until wanted: Change) async -> Set<Change> {
        var seen: Set<Change> = []
        for await change in changes {
            seen.insert(change)
            if change == wanted { break }
        }
        return seen
    }
}
