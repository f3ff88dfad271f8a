import GRDB
import Testing

@testable import Pipelines

@Suite("The list of runs")
struct RunListTests {
    /// Runs that have ended, spread over 4 pipelines, 5 refs and all final statuses, and some that have not.
    private func fill(_ fixture: Fixture, ended: Int, queued: Int) async throws {
        _ = try await fixture.register()
        try await fixture.history.write { db, _ in
            try db.execute(
                sql: """
                    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 + ?2)
                    INSERT INTO runs (pipeline, environment, definition_id, trigger, ref, status, queued_at)
                    SELECT 'p' || i % 4, 'e' || i % 4, 1, 'push', 'refs/heads/b' || i % 5,
                        CASE WHEN i > ?1 THEN 'queued' WHEN i % 100 = 0 THEN 'failed' ELSE 'succeeded' END, i
                    FROM n
                    """,
                arguments: [ended, queued]
            )
            try db.execute(
                sql: """
                    INSERT INTO attempts (run_id, stage, attempt, status, started_at)
                    SELECT id, 'clone', 1, 'succeeded', 1 FROM runs WHERE id > ? - 100
                    """,
                arguments: [ended]
            )
        }
    }

    static let filters: [RunFilter] = [
        RunFilter(), RunFilter(before: 5000), RunFilter(pipeline: "p1"), RunFilter(status: .failed),
        RunFilter(status: .succeeded), RunFilter(ref: "refs/heads/b2"), RunFilter(pipeline: "p0", status: .failed),
        RunFilter(pipeline: "p1", status: .succeeded), RunFilter(status: .queued),
        RunFilter(pipeline: "p2", ref: "refs/heads/b3", before: 90_000),
        RunFilter(pipeline: "p2", status: .failed, ref: "refs/heads/b0"), RunFilter(status: .running),
        RunFilter(pipeline: "none"),
    ]

    @Test("100,000 runs: every filter gives what a plain look through all of them gives, page by page")
    func filtered() async throws {
        let fixture = try Fixture()
        try await fill(fixture, ended: 100_000, queued: 30)
        for filter in Self.filters {
            let expected = try fixture.outside { db in
                try Int64.fetchAll(
                    db,
                    sql: """
                        SELECT +id FROM runs NOT INDEXED WHERE +id < ?1 AND (?2 IS NULL OR pipeline = ?2)
                            AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR ref = ?4)
                        ORDER BY +id DESC LIMIT 250
                        """,
                    arguments: [filter.before ?? .max, filter.pipeline, filter.status?.rawValue, filter.ref]
                )
            }
            var found: [Int64] = []
            var before = filter.before
            repeat {
                let page = try await fixture.history.runs(
                    pipeline: filter.pipeline,
                    status: filter.status,
                    ref: filter.ref,
                    before: before,
                    limit: 100
                )
                #expect(page.runs.count == 100 || page.next == nil)
                found += page.runs.map(\.id)
                before = page.next
            } while before != nil && found.count < 250
            #expect(Array(found.prefix(250)) == expected, "\(filter)")
        }
    }

    @Test("No page looks through the table; besides the index only the queue is read", arguments: filters)
    func plan(filter: RunFilter) async throws {
        let fixture = try Fixture()
        let steps = try await fixture.history.read { db in
            let request = try filter.request(limit: 51).makePreparedRequest(db)
            let rows = try Row.fetchAll(
                db,
                sql: "EXPLAIN QUERY PLAN " + request.statement.sql,
                arguments: request.statement.arguments
            )
            return rows.map { $0["detail"] as String }
        }
        #expect(!steps.isEmpty)
        // A scan of a part's own result is none of the table.
        let scans = steps.filter { $0.hasPrefix("SCAN") && !$0.contains("(subquery") }
        #expect(
            scans.allSatisfy { $0.contains("runs_lane") || $0 == "SCAN runs USING COVERING INDEX runs_lane" },
            "\(steps)"
        )
        if filter.pipeline == nil && filter.status == nil && filter.ref == nil {
            #expect(steps.count == 1)
            #expect(steps.allSatisfy { $0.hasPrefix("SEARCH runs USING INTEGER PRIMARY KEY") }, "\(steps)")
        }
    }

    @Test("A page takes the same number of queries, however many runs it has")
    func queries() async throws {
        let fixture = try Fixture()
        try await fill(fixture, ended: 1000, queued: 10)
        func count(_ limit: Int) async throws -> Int {
            let counted = Locked(0)
            let runs = try await fixture.history.read { db in
                db.trace { _ in counted.withLock { $0 += 1 } }
                defer { db.trace(options: []) }
                return try RunSummary.fetch(try Int64.fetchAll(db, RunFilter().request(limit: limit)), db)
            }
            #expect(runs.count == limit)
            return counted.withLock { $0 }
        }
        let few = try await count(1)
        #expect(few == 3)
        #expect(try await count(100) == few)
    }

    @Test("A page has between 1 and 100 runs", arguments: [(-1, 1), (0, 1), (7, 7), (100, 100), (1000, 100)])
    func limits(asked: Int, given: Int) async throws {
        let fixture = try Fixture()
        try await fill(fixture, ended: 150, queued: 0)
        let page = try await fixture.history.runs(limit: asked)
        #expect(page.runs.count == given)
        #expect(page.next == page.runs.last?.id)
        let last = try await fixture.history.runs(before: 2)
        #expect(last.runs.map(\.id) == [1])
        #expect(last.next == nil)
    }

    @Test("A queued run waits for those before it in its lane")
    func waiting() async throws {
        let fixture = try Fixture()
        let epoch = try fixture.history.beginEpoch()
        let first = try await fixture.push(onPush: .queue)
        let second = try await fixture.push(onPush: .queue)
        let other = try await fixture.push("docs")
        func waits() async throws -> [Int64: WaitingFor?] {
            let runs = try await fixture.history.runs().runs
            return Dictionary(uniqueKeysWithValues: runs.map { ($0.id, $0.waitingFor) })
        }
        #expect(try await waits() == [first: nil, second: .earlierRun, other: nil])
        #expect(try await fixture.history.claimNext(epoch: epoch, excluding: ["docs"]).map(\.run.id) == [first])
        #expect(try await waits() == [first: nil, second: .earlierRun, other: nil])
        try await fixture.history.finishRun(first, status: .succeeded, reason: nil)
        #expect(try await waits() == [first: nil, second: nil, other: nil])
    }
}
