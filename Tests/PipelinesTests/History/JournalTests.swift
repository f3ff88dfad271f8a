import GRDB
import Testing

@testable import Pipelines

@Suite("The journal of a release")
struct JournalTests {
    private func release(_ fixture: Fixture) async throws -> Int64 {
        let run = try await fixture.push()
        return try await fixture.history.beginRelease(environment: "prod", run: run, body: [1], images: [])
    }

    @Test("Objects are numbered in their order, and keep what they were and what became of them")
    func keepsOrder() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let release = try await release(fixture)
        #expect(
            try await history.appendJournal(release: release, [(#"{"kind":"A"}"#, [0, 255]), ("b", nil)]) == [1, 2]
        )
        #expect(try await history.appendJournal(release: release, [("c", [7])]) == [3])
        #expect(try await history.appendJournal(release: release, []) == [])
        // On the disk, with no outcome: so a crash leaves it.
        #expect(try fixture.outside { try Int.fetchOne($0, sql: "SELECT count(*) FROM journal") } == 3)
        try await history.completeJournal(release: release, [(2, [9], .created), (1, [8], .changed)])
        let read = try await history.journal(release: release)
        #expect(
            read == [
                JournalEntry(seq: 1, object: #"{"kind":"A"}"#, before: [0, 255], after: [8], outcome: .changed),
                JournalEntry(seq: 2, object: "b", before: nil, after: [9], outcome: .created),
                JournalEntry(seq: 3, object: "c", before: [7], after: nil, outcome: nil),
            ]
        )
        // What was written stays when only the outcome changes.
        try await history.completeJournal(release: release, [(1, nil, .undone)])
        #expect(try await history.journal(release: release)[0].after == [8])
        #expect(try await history.journal(release: release)[0].outcome == .undone)
    }

    @Test("A journal has no entries but its own")
    func refuses() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let first = try await release(fixture)
        let second = try await release(fixture)
        _ = try await history.appendJournal(release: first, [("a", nil)])
        let missing = await #expect(throws: HistoryError.self) {
            try await history.completeJournal(release: second, [(1, nil, .created)])
        }
        #expect(missing?.code == .notFound)
        let unknown = await #expect(throws: HistoryError.self) {
            _ = try await history.appendJournal(release: 99, [("a", nil)])
        }
        #expect(unknown?.code == .conflict)
        #expect(try await history.journal(release: second) == [])
        #expect(try await history.journal(release: first).map(\.outcome) == [nil])
    }

    @Test("It goes when its release is retired or undone, and not before")
    func goesWithItsRelease() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let first = try await release(fixture)
        _ = try await history.appendJournal(release: first, [("a", nil)])
        try await history.markLive(first)
        #expect(try await history.journal(release: first).count == 1)
        let second = try await release(fixture)
        _ = try await history.appendJournal(release: second, [("b", nil)])
        try await history.markLive(second)
        #expect(try await history.journal(release: first) == [])
        #expect(try await history.journal(release: second).count == 1)
        let third = try await release(fixture)
        _ = try await history.appendJournal(release: third, [("c", nil)])
        try await history.markUndone(third)
        #expect(try await history.journal(release: third) == [])
        #expect(try await history.journal(release: second).count == 1)
    }
}
