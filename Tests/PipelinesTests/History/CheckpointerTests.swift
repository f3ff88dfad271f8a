import GRDB
import Testing

@testable import Pipelines

@Suite("The checkpointer")
struct CheckpointerTests {
    @Test("The log is copied back beside the writer and begun anew, however much is written")
    func bounded() async throws {
        let fixture = try Fixture()
        var longest: Int32 = 0
        // 40,000 pages of log in all: 160 MiB if nobody copied it back.
        for round in 0..<400 {
            try await fixture.history.write { db, _ in
                try db.execute(
                    sql: """
                        INSERT INTO definitions (hash, pipeline, body)
                        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
                        SELECT ? || '-' || i, 'x', hex(randomblob(1900)) FROM n
                        """,
                    arguments: [round]
                )
            }
            longest = max(longest, fixture.history.checkpointer.pages)
        }
        #expect(longest < 20_000)
        // All of it is there, for a connection that reads database and log.
        #expect(try fixture.outside { try Int.fetchOne($0, sql: "SELECT count(*) FROM definitions") } == 40_000)
    }
}
