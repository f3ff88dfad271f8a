internal import GRDB

/// The run of an environment that can be run again, once nothing of it is under way: the newest that has begun and ended,
/// and had something to do. One that was cancelled before it began has changed nothing.
enum NewestRun {
    static func find(_ environment: String, _ db: Database) throws -> Int64? {
        try Int64.fetchOne(
            db,
            sql: """
                SELECT id FROM runs r INDEXED BY runs_ended_environment
                WHERE environment = ? AND status NOT IN ('queued', 'running') AND status NOT IN ('superseded', 'skipped')
                    AND EXISTS (SELECT 1 FROM attempts WHERE run_id = r.id)
                ORDER BY id DESC LIMIT 1
                """,
            arguments: [environment]
        )
    }

    /// Those of all environments.
    static func all(_ db: Database) throws -> [Int64] {
        try String.fetchAll(db.cachedStatement(sql: environments)).compactMap { try find($0, db) }
    }

    private static let environments = leap(
        over: "environment",
        in: "runs INDEXED BY runs_ended_environment",
        where: "status NOT IN ('queued', 'running')"
    )
}
