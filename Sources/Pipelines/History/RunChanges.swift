internal import GRDB

/// What became of the wish to cancel a run.
public enum CancelResult: Sendable, Equatable {
    /// It was queued, and is cancelled now.
    case cancelled
    /// It is running: whoever runs it sees the wish through ``History/isCancelRequested(run:)``.
    case requested
    /// It had ended before, like this.
    case alreadyOver(RunStatus)
    case notFound
}

extension History {
    /// The run as it is recorded; nil if there is none.
    public func record(run: Int64) async throws -> RunRecord? {
        try await read { db in try RunRecord.find(run, db) }
    }

    /// What the repository says about the run's revision, once it has been fetched.
    /// - Parameter forced: the ref was moved to something that is no descendant of what it was.
    public func setRevision(
        run: Int64,
        revision: String,
        message: String?,
        author: String?,
        forced: Bool
    ) async throws {
        try await change(
            run,
            "UPDATE runs SET revision = ?, message = ?, author = ?, forced = ? WHERE id = ?",
            [revision, message, author, forced, run],
            isReported: true
        )
    }

    /// Ends a run. The lane is free then.
    /// - Returns: false if it had ended before, and nothing was changed.
    @discardableResult
    public func finishRun(
        _ id: Int64,
        status: RunStatus,
        reason: Reason?,
        supersededBy: Int64? = nil
    ) async throws -> Bool {
        precondition(status.isFinal, "a run does not end as \(status.rawValue)")
        return try await write { [now] db, changes in
            let pipeline = try String.fetchOne(
                db,
                sql: """
                    UPDATE runs SET status = ?, reason_code = ?, reason_message = ?, superseded_by = ?, finished_at = ?
                    WHERE id = ? AND status IN ('queued', 'running') RETURNING pipeline
                    """,
                arguments: [status.rawValue, reason?.code, reason?.message, supersededBy, now(), id]
            )
            if let pipeline {
                try self.noteReport(of: id, db)
                changes += [.run(id), .end(pipeline: pipeline, status), .queue] + (try HeldLane.settle(id, db))
                return true
            }
            guard try RunRecord.find(id, db) != nil else { throw HistoryError(.notFound, "There is no run \(id).") }
            return false
        }
    }

    /// How the undo of the run's deploy stands; nil: it was not undone.
    public func setUndo(run: Int64, _ undo: Undo?) async throws {
        try await change(
            run,
            "UPDATE runs SET undo_status = ?, undo_reason = ? WHERE id = ?",
            [undo?.status.rawValue, undo?.reason, run]
        )
    }

    /// Cancels a queued run at once, and asks whoever runs a running one to stop.
    /// - Parameter by: who wishes it, for the reason.
    public func requestCancel(run: Int64, by: String? = nil) async throws -> CancelResult {
        try await write { [now] db, changes in
            guard let record = try RunRecord.find(run, db) else { return .notFound }
            let status = record.status
            if status.isFinal { return .alreadyOver(status) }
            changes.append(.run(run))
            if status == .running {
                try db.execute(sql: "UPDATE runs SET cancel_requested = 1 WHERE id = ?", arguments: [run])
                return .requested
            }
            let message = "Cancelled" + (by.map { " by \($0)" } ?? "") + " before it began."
            try db.execute(
                sql: """
                    UPDATE runs SET status = 'cancelled', cancel_requested = 1, reason_code = 'cancelled',
                        reason_message = ?, finished_at = ?
                    WHERE id = ?
                    """,
                arguments: [message, now(), run]
            )
            try self.noteReport(of: run, db)
            changes += [.end(pipeline: record.pipeline, .cancelled), .queue] + (try HeldLane.settle(run, db))
            return .cancelled
        }
    }

    /// Somebody wants the run to stop.
    public func isCancelRequested(run: Int64) async throws -> Bool {
        try await read { db in
            try Bool.fetchOne(db, sql: "SELECT cancel_requested FROM runs WHERE id = ?", arguments: [run]) ?? false
        }
    }

    private func change(
        _ run: Int64,
        _ sql: String,
        _ arguments: StatementArguments,
        isReported: Bool = false
    ) async throws {
        try await write { db, changes in
            try db.execute(sql: sql, arguments: arguments)
            guard db.changesCount == 1 else { throw HistoryError(.notFound, "There is no run \(run).") }
            if isReported { try self.noteReport(of: run, db) }
            changes.append(.run(run))
        }
    }
}
