import Dispatch
import GRDB
import Glibc
import Testing

@testable import Pipelines

@Suite("The delivery log")
struct DeliveryLogTests {
    @Test("A delivery and its runs are committed when the answer comes")
    func accepted() async throws {
        let fixture = try Fixture()
        let hash = try await fixture.register()
        let log = DeliveryLog(history: fixture.history)
        defer { log.stop() }
        let seen: (AcceptResult, Int?, Int?) = await withCheckedContinuation { continuation in
            log.accept(
                .sample("g1"),
                outcome: .accepted(pipelines: [("todo", "production", hash), ("docs", "docs", hash)])
            ) { result in
                let counts = try? fixture.outside { db in
                    (
                        try Int.fetchOne(db, sql: "SELECT count(*) FROM deliveries WHERE guid = 'g1'"),
                        try Int.fetchOne(db, sql: "SELECT count(*) FROM runs WHERE status = 'queued'")
                    )
                }
                continuation.resume(returning: (result, counts?.0, counts?.1))
            }
        }
        let runs = [AcceptedRun(id: 1, pipeline: "todo"), AcceptedRun(id: 2, pipeline: "docs")]
        #expect(seen.0 == .accepted(delivery: "g1", runs: runs))
        #expect(seen.1 == 1)
        #expect(seen.2 == 2)
        let record = try #require(try await fixture.history.record(run: 2))
        #expect(record.environment == "docs")
        #expect(record.trigger == .push)
        #expect(record.revision == IncomingPush.sample("").after)
        #expect(record.message == "Mend the gate\n\nIt squeaked.")
        #expect(record.author == "Mona")
        #expect(record.definitionHash == hash)
        #expect(record.delivery?.guid == "g1")
        #expect(record.delivery?.repositoryID == 4711)
    }

    @Test("A redelivery makes nothing and gets the runs of the first")
    func duplicate() async throws {
        let fixture = try Fixture()
        let hash = try await fixture.register()
        let log = DeliveryLog(history: fixture.history)
        defer { log.stop() }
        let decision = DeliveryDecision.accepted(pipelines: [("todo", "todo", hash)])
        _ = await log.accept(.sample("g1"), decision)
        let again = await log.accept(.sample("g1"), .ignored(Reason("other", "Decided otherwise.")))
        #expect(again == .duplicate(delivery: "g1", outcome: .accepted, runs: [AcceptedRun(id: 1, pipeline: "todo")]))
        let reason = Reason("skip-marker", "The head commit says [skip ci].")
        #expect(await log.accept(.sample("g2"), .ignored(reason)) == .accepted(delivery: "g2", runs: []))
        #expect(
            await log.accept(.sample("g2"), decision)
                == .duplicate(delivery: "g2", outcome: .ignored(reason), runs: [])
        )
        #expect(try fixture.outside { try Int.fetchOne($0, sql: "SELECT count(*) FROM runs") } == 1)
    }

    @Test("Deliveries that wait share one transaction; a duplicate among them gets the first one's runs")
    func groupCommit() async throws {
        let fixture = try Fixture()
        let hash = try await fixture.register()
        let log = DeliveryLog(history: fixture.history)
        defer { log.stop() }
        let before = log.transactionCount
        let results = Locked<[String: AcceptResult]>([:])
        let duplicates = Locked<[AcceptResult]>([])
        // The writer is kept busy until all of them wait.
        fixture.holdingWriter {
            for number in 0..<200 {
                log.accept(.sample("g\(number)"), outcome: .accepted(pipelines: [("todo", "todo", hash)])) { result in
                    results.withLock { $0["g\(number)"] = result }
                }
            }
            log.accept(.sample("g150"), outcome: .accepted(pipelines: [("todo", "todo", hash)])) { result in
                duplicates.withLock { $0.append(result) }
            }
        }
        try await eventually("not all were answered") {
            results.withLock { $0.count } == 200 && duplicates.withLock { $0.count } == 1
        }
        // The first may have been taken alone, before the others came.
        #expect(log.transactionCount - before <= 2)
        guard case .accepted(_, let runs) = results.withLock({ $0["g150"] }) else {
            Issue.record("g150 was not accepted")
            return
        }
        #expect(
            duplicates.withLock { $0 } == [.duplicate(delivery: "g150", outcome: .accepted, runs: runs)]
        )
        #expect(try fixture.outside { try Int.fetchOne($0, sql: "SELECT count(DISTINCT id) FROM runs") } == 200)
    }

    @Test("A delivery that the database refuses fails alone")
    func oneBadRow() async throws {
        let fixture = try Fixture()
        let hash = try await fixture.register()
        let log = DeliveryLog(history: fixture.history)
        defer { log.stop() }
        let results = Locked<[String: AcceptResult]>([:])
        fixture.holdingWriter {
            for (guid, definition) in [("a", hash), ("b", "unknown"), ("c", hash)] {
                log.accept(.sample(guid), outcome: .accepted(pipelines: [("todo", "todo", definition)])) { result in
                    results.withLock { $0[guid] = result }
                }
            }
        }
        try await eventually("not all were answered") { results.withLock { $0.count } == 3 }
        let answers = results.withLock { $0 }
        guard case .accepted = answers["a"], case .accepted = answers["c"], case .failed(let fault) = answers["b"]
        else {
            Issue.record("\(answers)")
            return
        }
        #expect(fault.code == .conflict)
        let guids = try fixture.outside { try String.fetchAll($0, sql: "SELECT guid FROM deliveries ORDER BY guid") }
        #expect(guids == ["a", "c"])
    }

    @Test("A full disk fails what waits, harms nothing, and is over when there is space")
    func diskFull() async throws {
        let fixture = try Fixture()
        let hash = try await fixture.register()
        let log = DeliveryLog(history: fixture.history)
        defer { log.stop() }
        try fixture.limitPages(1)
        var push = IncomingPush.sample("full")
        push.message = String(repeating: "long ", count: 100_000)
        let decision = DeliveryDecision.accepted(pipelines: [("todo", "todo", hash)])
        guard case .failed(let fault) = await log.accept(push, decision) else {
            Issue.record("it was accepted")
            return
        }
        #expect(fault.code == .diskFull)
        #expect(try fixture.outside { try Int.fetchOne($0, sql: "SELECT count(*) FROM deliveries") } == 0)
        try fixture.limitPages(1_000_000)
        #expect(
            await log.accept(push, decision)
                == .accepted(delivery: "full", runs: [AcceptedRun(id: 1, pipeline: "todo")])
        )
        #expect(try fixture.outside { try String.fetchOne($0, sql: "PRAGMA integrity_check") } == "ok")
    }

    @Test("Stopping answers what waits, and refuses what comes later")
    func stop() async throws {
        let fixture = try Fixture()
        let hash = try await fixture.register()
        let log = DeliveryLog(history: fixture.history)
        let answers = Locked<[AcceptResult]>([])
        for number in 0..<50 {
            log.accept(.sample("g\(number)"), outcome: .accepted(pipelines: [("todo", "todo", hash)])) { result in
                answers.withLock { $0.append(result) }
            }
        }
        log.stop()
        #expect(answers.withLock { $0.count } == 50)
        let late = await log.accept(.sample("late"), .accepted(pipelines: []))
        guard case .failed(let fault) = late else {
            Issue.record("\(late)")
            return
        }
        #expect(fault.code == .closed)
        #expect(try fixture.outside { try Int.fetchOne($0, sql: "SELECT count(*) FROM deliveries") } == 50)
    }

    @Test("Without commits it answers the same and writes nothing")
    func withoutCommits() async throws {
        let fixture = try Fixture()
        let log = DeliveryLog(history: fixture.history, commits: false)
        defer { log.stop() }
        let answer = await log.accept(.sample("g"), .accepted(pipelines: [("todo", "todo", "any")]))
        #expect(answer == .accepted(delivery: "g", runs: [AcceptedRun(id: 0, pipeline: "todo")]))
        #expect(try fixture.outside { try Int.fetchOne($0, sql: "SELECT count(*) FROM deliveries") } == 0)
    }
}
