internal import GRDB

extension History {
    /// Begins a new attempt of a stage and returns its number: 1, 2, 3…
    public func startAttempt(run: Int64, stage: StageName) async throws -> Int {
        try await write { [now] db, changes in
            let attempt = try Int.fetchOne(
                db,
                sql: """
                    INSERT INTO attempts (run_id, stage, attempt, status, started_at)
                    SELECT id, ?1, 1 + coalesce((SELECT max(attempt) FROM attempts WHERE run_id = ?2 AND stage = ?1), 0),
                        'running', ?3
                    FROM runs WHERE id = ?2 RETURNING attempt
                    """,
                arguments: [stage.rawValue, run, now()]
            )
            guard let attempt else { throw HistoryError(.notFound, "There is no run \(run).") }
            changes.append(.run(run))
            return attempt
        }
    }

    /// Ends a running attempt.
    /// - Parameter output: JSON; what the stages after this one start from. A report may also come with a failure.
    /// - Throws: ``HistoryError`` with code `conflict` if the attempt has ended, or never began.
    public func finishAttempt(
        run: Int64,
        stage: StageName,
        attempt: Int,
        status: StageStatus,
        reason: Reason?,
        output: [UInt8]?
    ) async throws {
        try await write { [now] db, changes in
            try db.execute(
                sql: """
                    UPDATE attempts SET status = ?, reason_code = ?, reason_message = ?, output = ?, finished_at = ?
                    WHERE run_id = ? AND stage = ? AND attempt = ? AND status = 'running'
                    """,
                arguments: [
                    status.rawValue, reason?.code, reason?.message, output?.blob, now(), run, stage.rawValue, attempt,
                ]
            )
            guard db.changesCount == 1 else {
                throw HistoryError(.conflict, "Attempt \(attempt) of \(stage.rawValue) of run \(run) is not running.")
            }
            changes.append(.run(run))
        }
    }

    /// The output of the newest attempt of a stage that succeeded: JSON. Nil if none has, since the run was run again from
    /// there.
    public func output(run: Int64, stage: StageName) async throws -> [UInt8]? {
        try await read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT output FROM attempts WHERE run_id = ? AND stage = ? AND status = 'succeeded' AND overtaken = 0
                    ORDER BY attempt DESC LIMIT 1
                    """,
                arguments: [run, stage.rawValue]
            )?.bytes("output")
        }
    }

    /// All attempts of a run, in the order in which they began.
    public func attempts(run: Int64) async throws -> [AttemptRecord] {
        try await read { db in try AttemptRecord.all(of: run, db) }
    }
}
