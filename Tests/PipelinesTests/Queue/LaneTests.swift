import GRDB
import Testing

@testable import Pipelines

@Suite("A lane")
struct LaneTests {
    /// One queued run of the environment `prod`.
    struct Queued: Sendable {
        var pipeline = "todo"
        var ref = "refs/heads/main"
        var kind = Kind.push
        enum Kind: Sendable { case push, head, pinned }
    }
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var onPush: Definition.OnPush
        var queue: [Queued]
        /// Runs in the order of their claims.
        var claims: [Int64]
        /// Run → its successor.
        var superseded: [Int64: Int64] = [:]
    }

    static let cases: [Case] = [
        Case(testDescription: "nothing queued", onPush: .latest, queue: [], claims: []),
        Case(testDescription: "one run", onPush: .latest, queue: [Queued()], claims: [1]),
        Case(
            testDescription: "latest: the newest wins",
            onPush: .latest,
            queue: [Queued(), Queued(), Queued()],
            claims: [3],
            superseded: [1: 3, 2: 3]
        ),
        Case(
            testDescription: "cancel: the newest wins",
            onPush: .cancel,
            queue: [Queued(), Queued()],
            claims: [2],
            superseded: [1: 2]
        ),
        Case(
            testDescription: "queue: each in order",
            onPush: .queue,
            queue: [Queued(), Queued(), Queued()],
            claims: [1, 2, 3]
        ),
        Case(
            testDescription: "two refs keep their order of arrival",
            onPush: .latest,
            queue: [Queued(ref: "refs/tags/v1"), Queued(ref: "refs/tags/v2")],
            claims: [1, 2]
        ),
        Case(
            testDescription: "a branch and a tag of one name are two refs",
            onPush: .latest,
            queue: [Queued(ref: "refs/heads/v1"), Queued(ref: "refs/tags/v1"), Queued(ref: "refs/heads/v1")],
            claims: [3, 2],
            superseded: [1: 3]
        ),
        Case(
            testDescription: "two pipelines in one lane do not supersede each other",
            onPush: .latest,
            queue: [Queued(pipeline: "a"), Queued(pipeline: "b"), Queued(pipeline: "a"), Queued(pipeline: "b")],
            claims: [3, 4],
            superseded: [1: 3, 2: 4]
        ),
        Case(
            testDescription: "a manual run of the head counts as a push",
            onPush: .latest,
            queue: [Queued(), Queued(kind: .head), Queued()],
            claims: [3],
            superseded: [1: 3, 2: 3]
        ),
        Case(
            testDescription: "a revision that was asked for has its turn",
            onPush: .latest,
            queue: [Queued(), Queued(), Queued(kind: .pinned), Queued(), Queued()],
            claims: [2, 3, 5],
            superseded: [1: 2, 4: 5]
        ),
        Case(
            testDescription: "a revision that was asked for first",
            onPush: .latest,
            queue: [Queued(kind: .pinned), Queued(), Queued()],
            claims: [1, 3],
            superseded: [2: 3]
        ),
    ]

    @Test("Which run is next", arguments: cases)
    func order(example: Case) async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let epoch = try history.beginEpoch()
        for run in example.queue {
            if run.kind == .push {
                _ = try await fixture.push(run.pipeline, environment: "prod", ref: run.ref, onPush: example.onPush)
            } else {
                let hash = try await fixture.register(run.pipeline, environment: "prod", onPush: example.onPush)
                _ = try await history.enqueueManual(
                    pipeline: run.pipeline,
                    environment: "prod",
                    definitionHash: hash,
                    ref: run.ref,
                    revision: run.kind == .pinned ? "abc" : nil,
                    by: "Ada"
                )
            }
        }
        var claims: [Int64] = []
        while let claimed = try await history.claimNext(epoch: epoch).first {
            #expect(claimed.run.status == .running)
            #expect(claimed.definition.onPush == example.onPush)
            #expect(claimed.attempts.isEmpty)
            claims.append(claimed.run.id)
            // One at a time: nothing more until this one has ended.
            #expect(try await history.claimNext(epoch: epoch).isEmpty)
            try await history.finishRun(claimed.run.id, status: .succeeded, reason: nil)
        }
        #expect(claims == example.claims)
        var superseded: [Int64: Int64] = [:]
        for run in try await history.runs().runs where run.status == .superseded {
            superseded[run.id] = run.supersededBy
            #expect(run.reason?.code == "superseded")
        }
        #expect(superseded == example.superseded)
    }

    @Test("Lanes do not wait for each other, and those in use are left alone")
    func manyLanes() async throws {
        let fixture = try Fixture()
        let epoch = try fixture.history.beginEpoch()
        for name in ["a", "b", "c"] { _ = try await fixture.push(name) }
        #expect(try await fixture.history.environmentsWaiting(epoch: epoch) == ["a", "b", "c"])
        let claimed = try await fixture.history.claimNext(epoch: epoch, excluding: ["b"])
        #expect(claimed.map(\.run.environment) == ["a", "c"])
        #expect(try await fixture.history.environmentsWaiting(epoch: epoch) == ["b"])
    }

    @Test("What a dead server left running is claimed first, with its attempts")
    func crash() async throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        let dead = try History.open(folder: folder)
        let first = try dead.beginEpoch()
        let hash = try await dead.registerDefinition(.sample())
        func enqueue(_ history: History) async throws -> Int64 {
            try await history.enqueueManual(
                pipeline: "todo",
                environment: "todo",
                definitionHash: hash,
                ref: "refs/heads/main",
                revision: nil,
                by: nil
            )
        }
        let run = try await enqueue(dead)
        #expect(try await dead.claimNext(epoch: first).map(\.run.id) == [run])
        let attempt = try await dead.startAttempt(run: run, stage: .clone)
        try await dead.finishAttempt(
            run: run,
            stage: .clone,
            attempt: attempt,
            status: .succeeded,
            reason: nil,
            output: [1]
        )
        _ = try await dead.startAttempt(run: run, stage: .build)
        let later = try await enqueue(dead)
        try dead.close()

        let next = try History.open(folder: folder)
        defer { try? next.close() }
        let second = try next.beginEpoch()
        #expect(try await next.environmentsWaiting(epoch: second) == ["todo"])
        let claimed = try await next.claimNext(epoch: second)
        #expect(claimed.map(\.run.id) == [run])
        #expect(claimed.first?.attempts.map(\.status) == [.succeeded, .errored])
        #expect(claimed.first?.attempts.last?.reason?.code == "interrupted")
        #expect(claimed.first?.attempts.first?.output == [1])
        #expect(try await next.startAttempt(run: run, stage: .build) == 2)
        // Claimed once, not at every look.
        #expect(try await next.claimNext(epoch: second).isEmpty)
        try await next.finishRun(run, status: .succeeded, reason: nil)
        #expect(try await next.claimNext(epoch: second).map(\.run.id) == [later])
    }

    @Test("A server whose epoch is over claims nothing")
    func staleEpoch() async throws {
        let fixture = try Fixture()
        let stale = try fixture.history.beginEpoch()
        _ = try fixture.history.beginEpoch()
        let run = try await fixture.push()
        let error = await #expect(throws: HistoryError.self) { try await fixture.history.claimNext(epoch: stale) }
        #expect(error?.code == .conflict)
        #expect(try await fixture.history.record(run: run)?.status == .queued)
    }

    @Test("The database itself allows one running run per environment")
    func exclusion() async throws {
        let fixture = try Fixture()
        _ = try await fixture.push(onPush: .queue)
        _ = try await fixture.push(onPush: .queue)
        await #expect(throws: HistoryError.self) {
            try await fixture.history.write { db, _ in try db.execute(sql: "UPDATE runs SET status = 'running'") }
        }
    }

    @Test("Two who claim at once do not both get the run")
    func race() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let epoch = try history.beginEpoch()
        for _ in 0..<20 {
            let run = try await fixture.push()
            let claims = try await withThrowingTaskGroup(of: [Int64].self) { group in
                for _ in 0..<4 { group.addTask { try await history.claimNext(epoch: epoch).map(\.run.id) } }
                return try await group.reduce([], +)
            }
            #expect(claims == [run])
            try await history.finishRun(run, status: .succeeded, reason: nil)
        }
    }

    @Test("A paused lane begins nothing, and says what its runs wait for")
    func paused() async throws {
        let fixture = try Fixture()
        let epoch = try fixture.history.beginEpoch()
        let run = try await fixture.push()
        try await pause(fixture, at: 1)
        #expect(try await fixture.history.claimNext(epoch: epoch).isEmpty)
        #expect(try await fixture.history.run(run)?.summary.waitingFor == .paused)
        // But what a dead server had begun is brought to its end.
        try await pause(fixture, at: nil)
        #expect(try await fixture.history.claimNext(epoch: epoch).count == 1)
        try await pause(fixture, at: 1)
        let next = try fixture.history.beginEpoch()
        #expect(try await fixture.history.claimNext(epoch: next).map(\.run.id) == [run])
    }

    @Test("A queue of any length is superseded, and no run is left behind")
    func longQueue() async throws {
        let fixture = try Fixture()
        let epoch = try fixture.history.beginEpoch()
        let first = try await fixture.push()
        try await fixture.history.write { db, _ in
            try db.execute(
                sql: """
                    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1700)
                    INSERT INTO runs (pipeline, environment, definition_id, trigger, ref, revision, status, queued_at)
                    SELECT pipeline, environment, definition_id, trigger, ref, revision, status, queued_at
                    FROM runs, n WHERE runs.id = ?
                    """,
                arguments: [first]
            )
        }
        #expect(try await fixture.history.claimNext(epoch: epoch).map(\.run.id) == [1701])
        let counts = try fixture.outside { db in
            try Row.fetchAll(db, sql: "SELECT status, count(*) AS n FROM runs GROUP BY status").map {
                ($0["status"] as String, $0["n"] as Int)
            }
        }
        #expect(Dictionary(uniqueKeysWithValues: counts) == ["running": 1, "superseded": 1700])
    }

    @Test("A run whose definition cannot be read ends, and the lane goes on")
    func unreadable() async throws {
        let fixture = try Fixture()
        let epoch = try fixture.history.beginEpoch()
        let bad = try await fixture.push()
        try await fixture.history.write { db, _ in try db.execute(sql: "UPDATE definitions SET body = '{}'") }
        let good = try await fixture.push("docs", environment: "todo")
        #expect(try await fixture.history.claimNext(epoch: epoch).isEmpty)
        let record = try await fixture.history.record(run: bad)
        #expect(record?.status == .errored)
        #expect(record?.reason?.code == "definition-unreadable")
        #expect(try await fixture.history.claimNext(epoch: epoch).map(\.run.id) == [good])
        #expect(try await fixture.history.run(bad)?.definition == nil)
    }

    @Test("The newer run of a ref is the newest one that deploys its head")
    func newer() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let first = try await fixture.push(environment: "prod")
        func newer() async throws -> Int64? {
            try await history.newerRun(than: first, pipeline: "todo", ref: "refs/heads/main")
        }
        #expect(try await newer() == nil)
        _ = try await fixture.push(environment: "prod", ref: "refs/heads/other")
        _ = try await fixture.push("docs", environment: "prod")
        let hash = try await fixture.register(environment: "prod")
        for revision in ["abc", nil] {
            _ = try await history.enqueueManual(
                pipeline: "todo",
                environment: "prod",
                definitionHash: hash,
                ref: "refs/heads/main",
                revision: revision,
                by: nil
            )
        }
        #expect(try await newer() == 5)
        try await history.finishRun(5, status: .cancelled, reason: nil)
        #expect(try await newer() == nil)
    }

    @Test("A manual run needs a definition that is registered")
    func unknownDefinition() async throws {
        let fixture = try Fixture()
        let error = await #expect(throws: HistoryError.self) {
            try await fixture.history.enqueueManual(
                pipeline: "todo",
                environment: "todo",
                definitionHash: "none",
                ref: "refs/heads/main",
                revision: nil,
                by: nil
            )
        }
        #expect(error?.code == .notFound)
    }

    private func pause(_ fixture: Fixture, at time: Int64?) async throws {
        try await fixture.history.write { db, _ in
            try db.execute(
                sql: """
                    INSERT INTO environments (name, paused_at) VALUES ('todo', ?)
                    ON CONFLICT (name) DO UPDATE SET paused_at = excluded.paused_at
                    """,
                arguments: [time]
            )
        }
    }
}
