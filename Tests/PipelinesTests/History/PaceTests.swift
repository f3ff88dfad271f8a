import GRDB
import Testing

@testable import Pipelines

@Suite("How much is deleted in one transaction")
struct PaceTests {
    @Test("More while that is quick, less when it is slow, and never too little to come to an end")
    func size() {
        var pace = Pace()
        #expect(pace.size == 10)
        pace.took(.milliseconds(3))
        #expect(pace.size == 10)
        for _ in 0..<10 { pace.took(.microseconds(500)) }
        #expect(pace.size == 200)
        pace.took(.milliseconds(5))
        #expect(pace.size == 100)
        for _ in 0..<10 { pace.took(.seconds(1)) }
        #expect(pace.size == 10)
    }

    @Test("Runs that gave way before they began cost one transaction for many, and none of their own")
    func superseded() async throws {
        let fixture = try Fixture()
        let epoch = try fixture.history.beginEpoch()
        for _ in 0..<402 { _ = try await fixture.push() }
        let last = try #require(try await fixture.history.claimNext(epoch: epoch).first?.run.id)
        try await fixture.history.finishRun(last, status: .failed, reason: nil)
        var rules = Retention()
        rules.runs.count = 1
        let commits = Commits()
        fixture.history.pool.add(transactionObserver: commits)
        let deleted = try await Expiry(history: fixture.history, rules: rules, pause: .zero).run()
        #expect(deleted.runs == 401)
        #expect(commits.count.value <= 45)
    }
}

/// Counts what is committed with changes.
private final class Commits: TransactionObserver {
    let count = Locked(0)

    func observes(eventsOfKind eventKind: DatabaseEventKind) -> Bool { true }
    func databaseDidChange(with event: DatabaseEvent) {}
    func databaseDidCommit(_ db: Database) { count.withLock { $0 += 1 } }
    func databaseDidRollback(_ db: Database) {}
}
