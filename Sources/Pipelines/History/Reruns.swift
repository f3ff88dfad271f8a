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

/// Why a run is not run again.
public enum RerunRefusal: Error, Sendable, Equatable {
    case unknownRun
    /// It is queued or running.
    case notOver(RunStatus)
    /// This run took its place, or none did.
    case superseded(Int64?)
    /// There was nothing to do.
    case skipped
    /// This later run of the environment is queued or running.
    case newerWaits(Int64)
    /// This later run of the environment has begun and ended.
    case older(Int64)
    /// All its stages succeeded, and none was named.
    case nothingFailed
    /// A rollback has only the stages from `deploy` on.
    case noStage(StageName)
    /// Only the build stage can do without reuse.
    case needlesslyFresh(StageName)
    /// A stage before the one that was named has left nothing to begin with.
    case outputMissing(StageName)
    /// What the run deployed is not what its environment serves.
    case releaseGone(ReleaseRecord.Status)
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

    /// Those of all environments, each found by a look into the index, however many runs there are.
    static func all(_ db: Database) throws -> [Int64] {
        let next = """
            SELECT min(environment) FROM runs INDEXED BY runs_ended_environment
            WHERE status NOT IN ('queued', 'running') AND environment > ?
            """
        var found: [Int64] = []
        var name = ""
        while let environment = try String.fetchOne(db, sql: next, arguments: [name]) {
            if let run = try find(environment, db) { found.append(run) }
            name = environment
        }
        return found
    }
}

/// Somebody wants a run to be run again.
private struct RerunWish {
    let run: Int64
    let from: StageName?
    let fresh: Bool

    /// The stage to begin with.
    func stage(_ db: Database) throws -> Result<StageName, RerunRefusal> {
        guard let record = try RunRecord.find(run, db) else { return .failure(.unknownRun) }
        guard record.status.isFinal else { return .failure(.notOver(record.status)) }
        if record.status == .superseded { return .failure(.superseded(record.supersededBy)) }
        if record.status == .skipped { return .failure(.skipped) }
        if let newer = try newer(than: record, db) { return .failure(newer) }
        let outputs = try Outputs(of: record, db)
        guard var stage = from ?? outputs.firstMissing ?? (record.status == .succeeded ? nil : .smokeTest) else {
            return fresh && record.rollback == nil ? .success(.build) : .failure(.nothingFailed)
        }
        if fresh, from == nil, record.rollback == nil { stage = min(stage, .build) }
        if fresh, stage > .build { return .failure(.needlesslyFresh(stage)) }
        guard outputs.stages.contains(stage) else { return .failure(.noStage(stage)) }
        if let missing = outputs.firstMissing, missing < stage {
            if missing == .deploy, let status = outputs.release { return .failure(.releaseGone(status)) }
            return .failure(.outputMissing(missing))
        }
        return .success(stage)
    }

    private func newer(than record: RunRecord, _ db: Database) throws -> RerunRefusal? {
        let open = try Int64.fetchOne(
            db,
            sql: """
                SELECT max(id) FROM runs INDEXED BY runs_lane
                WHERE environment = ? AND status IN ('queued', 'running') AND id > ?
                """,
            arguments: [record.environment, run]
        )
        if let open { return .newerWaits(open) }
        guard let newest = try NewestRun.find(record.environment, db), newest > run else { return nil }
        return .older(newest)
    }

    func reopen(at stage: StageName, by: String?, time: Int64, _ db: Database) throws {
        try db.execute(
            sql: """
                INSERT INTO reruns (run_id, number, stage, fresh, requested_by, requested_at, status, reason_code,
                    reason_message, undo_status, undo_reason, finished_at)
                SELECT id, reruns + 1, ?, ?, ?, ?, status, reason_code, reason_message, undo_status, undo_reason,
                    finished_at
                FROM runs WHERE id = ?
                """,
            arguments: [stage.rawValue, fresh, by, time, run]
        )
        try db.execute(
            sql: """
                UPDATE runs SET status = 'queued', reruns = reruns + 1, reason_code = NULL, reason_message = NULL,
                    undo_status = NULL, undo_reason = NULL, cancel_requested = 0, claimed_epoch = NULL,
                    started_at = NULL, finished_at = NULL
                WHERE id = ?
                """,
            arguments: [run]
        )
        for later in StageName.allCases where later >= stage {
            try db.execute(
                sql: "UPDATE attempts SET overtaken = 1 WHERE run_id = ? AND stage = ?",
                arguments: [run, later.rawValue]
            )
        }
    }

    /// What the stages of a run have left.
    private struct Outputs {
        /// Those that the run has.
        let stages: [StageName]
        /// The first without an output that holds.
        let firstMissing: StageName?
        /// What became of the release that the deploy stage has left; nil if it left none.
        let release: ReleaseRecord.Status?

        init(of run: RunRecord, _ db: Database) throws {
            stages = StageName.allCases.filter { run.rollback == nil || $0 >= .deploy }
            let succeeded = Set(
                try AttemptRecord.all(of: run.id, db).filter { $0.status == .succeeded && !$0.overtaken }.map(\.stage)
            )
            let row = try Row.fetchOne(
                db,
                sql: "SELECT status FROM releases WHERE run_id = ? ORDER BY id DESC LIMIT 1",
                arguments: [run.id]
            )
            let release: ReleaseRecord.Status? = try succeeded.contains(.deploy) ? row?.word("status") : nil
            self.release = release
            firstMissing = stages.first { stage in
                !succeeded.contains(stage) || (stage == .deploy && release != .live)
            }
        }
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
