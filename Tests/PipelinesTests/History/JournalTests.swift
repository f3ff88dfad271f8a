import GRDB
import Testing

@testable import Pipelines

@Suite("The journal of a release")
struct JournalTests {
    private func release(_ fixture: Fixture) async throws -> Int64 {
        let run = try await fixture.push()
        return try await fixture.history.beginRelease(environment: "prod", run: run, body: [1], images: [])
    }

    @Test("Entries keep their order, and a later one takes the place of an earlier one with its number")
    func keepsOrder() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let release = try await release(fixture)
        try await history.writeJournal(release: release, [JournalRecord(seq: 2, object: "Secret b", entry: [2])])
        try await history.writeJournal(
            release: release,
            [JournalRecord(seq: 1, object: "ConfigMap a", entry: [0, 255])]
        )
        // On the disk: so a crash leaves it.
        #expect(try fixture.outside { try Int.fetchOne($0, sql: "SELECT count(*) FROM journal") } == 2)
        try await history.writeJournal(release: release, [JournalRecord(seq: 2, object: "Secret b", entry: [3])])
        #expect(
            try await history.journal(release: release) == [
                JournalRecord(seq: 1, object: "ConfigMap a", entry: [0, 255]),
                JournalRecord(seq: 2, object: "Secret b", entry: [3]),
            ]
        )
    }

    @Test("A release that is not there has no journal")
    func refuses() async throws {
        let fixture = try Fixture()
        let unknown = await #expect(throws: HistoryError.self) {
            try await fixture.history.writeJournal(release: 99, [JournalRecord(seq: 1, object: "a", entry: [])])
        }
        #expect(unknown?.code == .conflict)
        #expect(try await fixture.history.journal(release: 99) == [])
    }

    @Test("It goes when its release is retired or undone, and not before")
    func goesWithItsRelease() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        func begun() async throws -> Int64 {
            let release = try await release(fixture)
            try await history.writeJournal(release: release, [JournalRecord(seq: 1, object: "a", entry: [1])])
            return release
        }
        let first = try await begun()
        try await history.markLive(first)
        #expect(try await history.journal(release: first).count == 1)
        let second = try await begun()
        try await history.markLive(second)
        #expect(try await history.journal(release: first) == [])
        #expect(try await history.journal(release: second).count == 1)
        let third = try await begun()
        try await history.markUndone(third)
        #expect(try await history.journal(release: third) == [])
        #expect(try await history.journal(release: second).count == 1)
    }
}
