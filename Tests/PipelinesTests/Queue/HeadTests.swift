import GRDB
import Testing

@testable import Pipelines

@Suite("The head of a ref")
struct HeadTests {
    private static let (a, b, c) = (revision("a"), revision("b"), revision("c"))

    private static func revision(_ digit: String) -> String { String(repeating: digit, count: 40) }

    /// A pipeline with a history, and a server that runs what is queued.
    private struct Place {
        let fixture = try! Fixture()
        let epoch: Int64
        let hash: String
        var history: History { fixture.history }

        init() async throws {
            epoch = try fixture.history.beginEpoch()
            hash = try await fixture.register()
        }

        func head(_ revision: String, ref: String = "refs/heads/main") -> Head {
            Head(pipeline: "todo", environment: "todo", definitionHash: hash, ref: ref, revision: revision)
        }

        func knowledge(_ revision: String, ref: String = "refs/heads/main") async throws -> HeadKnowledge {
            try await history.knowledge(of: head(revision, ref: ref))
        }

        /// Claims the next run and brings it to an end.
        /// - Parameter clone: how its clone stage ended; nil: there was none.
        @discardableResult
        func travel(_ status: RunStatus = .succeeded, clone: StageStatus? = .succeeded) async throws -> Int64 {
            let run = try #require(try await history.claimNext(epoch: epoch).first).run.id
            if let clone {
                let attempt = try await history.startAttempt(run: run, stage: .clone)
                try await history.finishAttempt(
                    run: run,
                    stage: .clone,
                    attempt: attempt,
                    status: clone,
                    reason: nil,
                    output: nil
                )
            }
            try await history.finishRun(run, status: status, reason: Reason("x", "x"))
            return run
        }

        func deploy(_ revision: String) async throws -> Int64 {
            _ = try await fixture.push(revision: revision)
            return try await travel()
        }

        /// A delivery of its own.
        func deliver(_ guid: String, _ revision: String, to pipelines: [String] = ["todo"]) async throws -> [Int64] {
            var push = IncomingPush.sample(guid)
            push.after = revision
            let log = DeliveryLog(history: history)
            let result = await log.accept(push, .accepted(pipelines: pipelines.map { ($0, $0, hash) }))
            switch result {
            case .accepted(_, let runs), .duplicate(_, _, let runs): return runs.map(\.id)
            case .failed(let error): throw error
            }
        }
    }

    @Test("What is there when a pipeline is new is noted, and not deployed")
    func firstSight() async throws {
        let place = try await Place()
        #expect(try await place.knowledge(Self.a) == .firstSight)
        try await place.history.note(place.head(Self.a), .firstSight)
        #expect(try await place.knowledge(Self.a) == .seen(.firstSight))
        // And what comes after it was missed, if nobody announces it.
        #expect(try await place.knowledge(Self.b) == .missed)
    }

    @Test(
        "A head that has a run is known, whatever came of it",
        arguments: [.queued, .running, .succeeded, .failed, .cancelled, .skipped] as [RunStatus]
    )
    func known(status: RunStatus) async throws {
        let place = try await Place()
        _ = try await place.deploy(Self.a)
        let run = try await place.fixture.push(revision: Self.b)
        switch status {
        case .queued: break
        case .running: _ = try await place.history.claimNext(epoch: place.epoch)
        case .cancelled: _ = try await place.history.requestCancel(run: run)
        default: try await place.travel(status)
        }
        #expect(try await place.knowledge(Self.b) == .run(run))
    }

    @Test("One that nobody announced gets one run, however many look")
    func missed() async throws {
        let place = try await Place()
        _ = try await place.deploy(Self.a)
        #expect(try await place.knowledge(Self.b) == .missed)
        let head = place.head(Self.b)
        let history = place.history
        let made = try await withThrowingTaskGroup(of: Int64?.self) { group in
            for _ in 0..<8 { group.addTask { try await history.queueRun(for: head) } }
            return try await group.reduce(into: []) { $0.append($1) }.compactMap { $0 }
        }
        #expect(made.count == 1)
        let run = try #require(try await history.record(run: made[0]))
        #expect(run.trigger == .reconcile && run.revision == Self.b && run.ref == "refs/heads/main")
        #expect(try await place.knowledge(Self.b) == .run(run.id))
        try await place.travel(.failed)
        #expect(try await history.queueRun(for: head) == nil)
    }

    @Test("A branch that was forced back to what was deployed before is new, also while the other still runs")
    func forcedBack() async throws {
        let place = try await Place()
        _ = try await place.deploy(Self.a)
        _ = try await place.deploy(Self.b)
        #expect(try await place.knowledge(Self.a) == .missed)
        let back = try #require(try await place.history.queueRun(for: place.head(Self.a)))
        try await place.travel()
        #expect(try await place.knowledge(Self.a) == .run(back))

        _ = try await place.fixture.push(revision: Self.c)
        let running = try #require(try await place.history.claimNext(epoch: place.epoch).first).run.id
        // It has not fetched, and may find a itself.
        #expect(try await place.knowledge(Self.a) == .run(back))
        let attempt = try await place.history.startAttempt(run: running, stage: .clone)
        try await place.history.finishAttempt(
            run: running,
            stage: .clone,
            attempt: attempt,
            status: .succeeded,
            reason: nil,
            output: nil
        )
        #expect(try await place.knowledge(Self.a) == .missed)
    }

    @Test("An old push that comes late or again does not make the head look new")
    func replay() async throws {
        let place = try await Place()
        _ = try await place.deploy(Self.a)
        let b = try await place.deploy(Self.b)
        _ = try await place.fixture.push(revision: Self.a)
        #expect(try await place.knowledge(Self.b) == .run(b))
        try await place.travel(.superseded, clone: .skipped)
        #expect(try await place.knowledge(Self.b) == .run(b))
    }

    @Test("Deliveries in the wrong order: the run that was superseded is not taken for the head's")
    func wrongOrder() async throws {
        let place = try await Place()
        _ = try await place.deploy(Self.c)
        let newest = try await place.fixture.push(revision: Self.b)
        let late = try await place.fixture.push(revision: Self.a)
        let claimed = try #require(try await place.history.claimNext(epoch: place.epoch).first).run
        #expect(claimed.id == late)
        #expect(try await place.history.record(run: newest)?.status == .superseded)
        // The late one finds the branch at b.
        let successor = try #require(try await place.history.runForHead(Self.b, insteadOf: claimed))
        #expect(successor != newest)
        try await place.history.finishRun(late, status: .superseded, reason: nil, supersededBy: successor)
        #expect(try await place.knowledge(Self.b) == .run(successor))
    }

    @Test("A run that errored before it had the revision is followed by another, three times at most")
    func errored() async throws {
        let place = try await Place()
        _ = try await place.deploy(Self.a)
        _ = try await place.fixture.push(revision: Self.b)
        try await place.travel(.errored, clone: .errored)
        for _ in 0..<2 {
            #expect(try await place.knowledge(Self.b) == .missed)
            _ = try await place.history.queueRun(for: place.head(Self.b))
            try await place.travel(.errored, clone: nil)
        }
        #expect(try await place.knowledge(Self.b) == .run(4))
    }

    @Test("A run that errored later is not repeated")
    func erroredLater() async throws {
        let place = try await Place()
        _ = try await place.deploy(Self.a)
        let run = try await place.fixture.push(revision: Self.b)
        try await place.travel(.errored)
        #expect(try await place.knowledge(Self.b) == .run(run))
    }

    @Test("A head that asks to be skipped is noted, until the branch was elsewhere")
    func skipped() async throws {
        let place = try await Place()
        _ = try await place.deploy(Self.a)
        try await place.history.note(place.head(Self.b), .skipMarker("[skip ci]"))
        #expect(try await place.knowledge(Self.b) == .seen(.skipMarker("[skip ci]")))
        // The run of an older push finds it: there is nothing to queue.
        _ = try await place.fixture.push(revision: Self.a)
        let old = try #require(try await place.history.claimNext(epoch: place.epoch).first).run
        #expect(try await place.history.runForHead(Self.c, insteadOf: old, skipMarker: "[no ci]") == nil)
        #expect(try await place.knowledge(Self.c) == .seen(.skipMarker("[no ci]")))
        try await place.history.finishRun(old.id, status: .superseded, reason: nil)
        let forward = try await place.deploy(Self.a)
        #expect(try await place.knowledge(Self.c) == .missed)
        #expect(try await place.knowledge(Self.a) == .run(forward))
    }

    @Test("A branch and a tag of one name, and two branches, know nothing of each other")
    func names() async throws {
        let place = try await Place()
        let run = try await place.fixture.push(ref: "refs/heads/v1", revision: Self.a)
        #expect(try await place.knowledge(Self.a, ref: "refs/heads/v1") == .run(run))
        #expect(try await place.knowledge(Self.a, ref: "refs/tags/v1") == .firstSight)
        #expect(try await place.knowledge(Self.a, ref: "refs/heads/v2") == .firstSight)
    }

    @Test("The delivery of a head that was found before it makes no second run, once")
    func adopted() async throws {
        let place = try await Place()
        _ = try await place.deploy(Self.a)
        let run = try #require(try await place.history.queueRun(for: place.head(Self.b)))
        #expect(try await place.deliver("late", Self.b) == [run])
        let record = try #require(try await place.history.record(run: run))
        #expect(record.trigger == .reconcile && record.delivery?.guid == "late" && record.status == .queued)
        // The same delivery again, and another one.
        #expect(try await place.deliver("late", Self.b) == [run])
        #expect(try await place.deliver("again", Self.b) != [run])
    }

    @Test("Also if the run has failed by then; for every pipeline by itself")
    func adoptedLater() async throws {
        let place = try await Place()
        _ = try await place.deploy(Self.a)
        let run = try #require(try await place.history.queueRun(for: place.head(Self.b)))
        try await place.travel(.failed)
        let runs = try await place.deliver("late", Self.b, to: ["todo", "docs"])
        #expect(runs == [run, run + 1])
        #expect(try await place.history.record(run: run)?.status == .failed)
        #expect(try await place.history.record(run: run + 1)?.pipeline == "docs")
    }

    @Test("A push back to a head that was once found without one is a push of its own")
    func notAdopted() async throws {
        let place = try await Place()
        _ = try await place.deploy(Self.a)
        let run = try #require(try await place.history.queueRun(for: place.head(Self.b)))
        try await place.travel()
        let other = try await place.deploy(Self.c)
        #expect(try await place.deliver("back", Self.b) == [other + 1])
        #expect(try await place.history.record(run: run)?.delivery == nil)
    }

    @Test("With a million runs a look is as quick as with a few")
    func plans() async throws {
        let place = try await Place()
        _ = try await place.deploy(Self.a)
        // What matters is that no query walks through a table: SQLite says so.
        let plans = try await place.history.read { db in
            var plans: [String] = []
            db.trace(options: .statement) { event in
                if case .statement(let statement) = event { plans.append(statement.expandedSQL) }
            }
            _ = try place.head(Self.b).knowledge(db)
            db.trace(nil)
            return try plans.flatMap { sql in
                try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN \(sql)").map { $0["detail"] as String }
            }
        }
        #expect(!plans.isEmpty)
        let scans = plans.filter { $0.hasPrefix("SCAN r") && !$0.contains("INDEX") }
        #expect(scans.isEmpty, "\(plans)")
    }
}
