internal import GRDB

extension History {
    /// Runs that have not ended: their checkouts are kept.
    func unfinishedRuns() async throws -> Set<Int64> {
        try await read { db in
            Set(
                try Int64.fetchAll(
                    db,
                    sql: "SELECT id FROM runs INDEXED BY runs_lane WHERE status IN ('queued', 'running')"
                )
            )
        }
    }

    /// Environment → the release that is live in it.
    func liveReleases() async throws -> [String: Int64] {
        try await read { db in
            let rows = try Row.fetchAll(db, sql: "SELECT environment, id FROM releases WHERE status = 'live'")
            return Dictionary(uniqueKeysWithValues: rows.map { ($0["environment"], $0["id"]) })
        }
    }

    /// One run as a list shows it; nil if there is none with this number.
    public func runSummary(_ id: Int64) async throws -> RunSummary? {
        withWaits(try await read { db in try RunSummary.fetch([id], db) }).first
    }

    /// The number of a stage's newest attempt; nil if it has none.
    public func newestAttempt(run: Int64, stage: StageName) async throws -> Int? {
        try await read { db in
            try Int.fetchOne(
                db,
                sql: "SELECT max(attempt) FROM attempts WHERE run_id = ? AND stage = ?",
                arguments: [run, stage.rawValue]
            )
        }
    }
}
