internal import GRDB

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

/// Somebody wants a run to be run again.
struct RerunWish {
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
