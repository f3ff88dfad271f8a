import Testing

@testable import Pipelines

@Suite("A pause")
struct PauseTests {
    @Test("It begins nothing, says by whom and why, and lasts over a restart until somebody resumes")
    func pause() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        var epoch = try history.beginEpoch()
        #expect(try await history.pause(environment: "todo", reason: "The database moves.", by: "Ada") == .paused)
        let pause = EnvironmentPause(since: fixture.clock.withLock { $0 }, by: "Ada", reason: "The database moves.")
        #expect(try await history.pause(environment: "todo") == pause)
        #expect(pause.redacted() == EnvironmentPause(since: pause.since, by: nil, reason: nil))
        #expect(try await history.pause(environment: "docs") == nil)
        fixture.pass(milliseconds: 1000)
        #expect(try await history.pause(environment: "todo", reason: nil, by: "Ben") == .already(pause))
        let waiting = try await fixture.push()
        let elsewhere = try await fixture.push("docs")
        #expect(try await history.claimNext(epoch: epoch).map(\.run.id) == [elsewhere])
        #expect(try await history.runSummary(waiting)?.waitingFor == .paused)
        epoch = try history.beginEpoch()
        #expect(try await history.claimNext(epoch: epoch, excluding: ["docs"]).isEmpty)
        #expect(try await history.resume(environment: "todo") == .resumed(hold: nil, pause: pause))
        #expect(try await history.pause(environment: "todo") == nil)
        #expect(try await history.resume(environment: "todo") == .notHeld)
        #expect(try await history.claimNext(epoch: epoch, excluding: ["docs"]).map(\.run.id) == [waiting])
    }

    @Test("What runs is brought to its end, and what is live stays known")
    func running() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let epoch = try history.beginEpoch()
        let run = try await fixture.push()
        #expect(try await history.claimNext(epoch: epoch).map(\.run.id) == [run])
        #expect(try await history.pause(environment: "todo", reason: nil, by: nil) == .paused)
        let release = try await history.beginRelease(environment: "todo", run: run, body: [7], images: [])
        try await history.markLive(release)
        #expect(try await history.finishRun(run, status: .succeeded, reason: nil))
        #expect(try await history.pause(environment: "todo") != nil)
        #expect(try await history.live(environment: "todo")?.release == release)
    }

    @Test("Resuming ends a pause and a hold alike, but not the hold of a rollback that waits for it")
    func both() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let epoch = try history.beginEpoch()
        for _ in 0..<2 { try await deploy(fixture, epoch) }
        #expect(try await history.pause(environment: "todo", reason: nil, by: "Ada") == .paused)
        let rollback = try await history.enqueueRollback(
            pipeline: "todo",
            environment: "todo",
            to: 1,
            hold: .untilResumed,
            by: "Ben"
        ).get()
        #expect(try await history.claimNext(epoch: epoch).isEmpty)
        #expect(try await history.runSummary(rollback)?.waitingFor == .paused)
        guard case .resumed(hold: nil, pause: .some) = try await history.resume(environment: "todo") else {
            Issue.record("the pause did not end alone")
            return
        }
        #expect(try await history.resume(environment: "todo") == .rollingBack(rollback))
        try await deploy(fixture, epoch, run: rollback)
        #expect(try await history.pause(environment: "todo", reason: nil, by: "Ada") == .paused)
        guard case .resumed(hold: .some(let hold), pause: .some) = try await history.resume(environment: "todo") else {
            Issue.record("not both have ended")
            return
        }
        #expect(hold.run == rollback)
        #expect(try await history.hold(environment: "todo") == nil)
    }

    @Test("It is announced, with the runs that wait differently now")
    func announced() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let run = try await fixture.push()
        var changes = history.changes().makeAsyncIterator()
        _ = try await history.pause(environment: "todo", reason: nil, by: nil)
        #expect([await changes.next(), await changes.next()] == [.hold("todo"), .run(run)])
        _ = try await history.resume(environment: "todo")
        #expect(
            [await changes.next(), await changes.next(), await changes.next()] == [.hold("todo"), .run(run), .queue]
        )
    }

    private func deploy(_ fixture: Fixture, _ epoch: Int64, run: Int64? = nil) async throws {
        let history = fixture.history
        let id: Int64
        if let run { id = run } else { id = try await fixture.push() }
        #expect(try await history.claimNext(epoch: epoch).map(\.run.id) == [id])
        let release = try await history.beginRelease(environment: "todo", run: id, body: [7], images: [])
        try await history.markLive(release)
        try await history.finishRun(id, status: .succeeded, reason: nil)
    }
}
