internal import GRDB
import Glibc

/// How a pipeline stands at a moment, in numbers.
public struct PipelineFigures: Sendable, Equatable {
    public var queued = 0
    /// When the oldest of those was queued, or asked to be run again: milliseconds since 1970 UTC. Nil if none is.
    public var oldestQueuedAt: Int64?
    public var running = 0
    /// The newest run that ended with a verdict, or could not come to one, was not a success.
    public var isFailing = false
    /// Its environment is paused.
    public var isPaused = false
}

extension History {
    /// The figures of these pipelines, all of one moment.
    ///
    /// - Parameter pipelines: name → environment.
    public func figures(of pipelines: [String: String]) async throws -> [String: PipelineFigures] {
        try await read { db in
            var figures = pipelines.mapValues { _ in PipelineFigures() }
            let open = try Row.fetchCursor(
                db.cachedStatement(
                    sql: """
                        SELECT r.pipeline, r.status, count(*) AS count, min(coalesce(g.requested_at, r.queued_at)) AS oldest
                        FROM runs r INDEXED BY runs_lane
                        LEFT JOIN reruns g ON g.run_id = r.id AND g.number = r.reruns
                        WHERE r.status IN ('queued', 'running') GROUP BY r.pipeline, r.status
                        """
                )
            )
            while let row = try open.next() {
                let name: String = row["pipeline"]
                if row["status"] == RunStatus.running.rawValue {
                    figures[name]?.running = row["count"]
                } else {
                    figures[name]?.queued = row["count"]
                    figures[name]?.oldestQueuedAt = row["oldest"]
                }
            }
            for (name, environment) in pipelines {
                figures[name]?.isFailing = try isFailing(name, db)
                figures[name]?.isPaused = try EnvironmentPause.find(environment, db) != nil
            }
            return figures
        }
    }

    /// How many of this server's child processes are recorded.
    public func childCount() async throws -> Int {
        let epoch = currentEpoch
        return try await read { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM children WHERE epoch = ?", arguments: [epoch]) ?? 0
        }
    }

    /// Bytes of the database's file and its log.
    public var size: Int64 {
        [file.path, file.path + "-wal"].reduce(0) { sum, path in
            var facts = stat()
            return stat(path, &facts) == 0 ? sum + Int64(facts.st_size) : sum
        }
    }
}

/// Runs that were cancelled, superseded or skipped say nothing about the pipeline.
private func isFailing(_ pipeline: String, _ db: Database) throws -> Bool {
    let newest = try String.fetchOne(
        db.cachedStatement(
            sql: """
                SELECT status FROM runs INDEXED BY runs_ended_pipeline
                WHERE pipeline = ? AND status NOT IN ('queued', 'running') AND status IN ('succeeded', 'failed', 'errored')
                ORDER BY id DESC LIMIT 1
                """
        ),
        arguments: [pipeline]
    )
    return newest != nil && newest != RunStatus.succeeded.rawValue
}
