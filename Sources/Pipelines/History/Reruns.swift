internal import GRDB

/// A run that was reopened: where it began anew, who wished it, and how it had ended before.
public struct Rerun: Encodable, Sendable, Equatable {
    public var from: StageName
    /// No image is reused, and every step of a build is made again.
    public var fresh: Bool
    public var by: String?
    /// Milliseconds since 1970 UTC; ISO 8601 in JSON.
    public var at: Int64
    public var before: Ending

    /// How a run had ended.
    public struct Ending: Encodable, Sendable, Equatable {
        public var status: RunStatus
        public var reason: Reason?
        public var undo: Undo?
        /// Milliseconds since 1970 UTC; ISO 8601 in JSON.
        public var finishedAt: Int64?

        private enum Key: String, CodingKey { case status, reason, undo, finishedAt }

        public func encode(to encoder: any Encoder) throws {
            var json = encoder.container(keyedBy: Key.self)
            try json.encode(status, forKey: .status)
            try json.encode(reason, forKey: .reason)
            try json.encode(undo, forKey: .undo)
            try json.encode(Timestamp(finishedAt), forKey: .finishedAt)
        }
    }

    private enum Key: String, CodingKey { case from, fresh, by, at, before }

    public func encode(to encoder: any Encoder) throws {
        var json = encoder.container(keyedBy: Key.self)
        try json.encode(from, forKey: .from)
        try json.encode(fresh, forKey: .fresh)
        try json.encode(by, forKey: .by)
        try json.encode(Timestamp(at), forKey: .at)
        try json.encode(before, forKey: .before)
    }
}

extension Rerun {
    /// All re-runs of a run, the first one first.
    static func all(of run: Int64, _ db: Database) throws -> [Rerun] {
        try Row.fetchAll(db, sql: "SELECT * FROM reruns WHERE run_id = ? ORDER BY number", arguments: [run]).map {
            row in
            Rerun(
                from: try row.word("stage"),
                fresh: row["fresh"],
                by: row["requested_by"],
                at: row["requested_at"],
                before: Ending(
                    status: try row.word("status"),
                    reason: row.reason,
                    undo: try row.undo,
                    finishedAt: row["finished_at"]
                )
            )
        }
    }
}

extension History {
    /// Where a re-run would begin, or why there can be none.
    ///
    /// - Parameters:
    ///   - from: nil for the first stage that did not succeed, or whose output does not hold any more.
    ///   - fresh: skips the reuse of images.
    public func rerunStage(
        run: Int64,
        from: StageName?,
        fresh: Bool
    ) async throws -> Result<StageName, RerunRefusal> {
        try await read { db in try RerunWish(run: run, from: from, fresh: fresh).stage(db) }
    }

    /// Reopens a run that is over: it is queued again, and what its stages from `from` on have left counts no more.
    ///
    /// It is the newest run of its environment that has begun; those that were superseded or skipped do not count. It is
    /// neither superseded nor supersedes. A rollback holds its environment again, as from its beginning.
    ///
    /// - Parameters:
    ///   - hold: what ends the hold of a rollback.
    ///   - by: who asked.
    /// - Returns: where it begins, or why it does not.
    public func rerun(
        run: Int64,
        from: StageName?,
        fresh: Bool,
        hold: Definition.Hold,
        by: String?
    ) async throws -> Result<StageName, RerunRefusal> {
        let wish = RerunWish(run: run, from: from, fresh: fresh)
        return try await write { [now] db, changes in
            let stage: StageName
            switch try wish.stage(db) {
            case .success(let first): stage = first
            case .failure(let refusal): return .failure(refusal)
            }
            try wish.reopen(at: stage, by: by, time: now(), db)
            changes += [.run(run), .queue]
            if let record = try RunRecord.find(run, db), record.rollback != nil {
                try db.execute(
                    sql: "INSERT OR IGNORE INTO holds (run_id, environment, until) VALUES (?, ?, ?)",
                    arguments: [run, record.environment, hold.rawValue]
                )
                changes += try HeldLane.changed(record.environment, db)
            }
            try self.noteReport(of: run, db)
            return .success(stage)
        }
    }
}
