internal import GRDB
import Telemetry

/// Why a rollback is not begun.
public enum RollbackRefusal: Error, Sendable, Equatable {
    case unknownRun
    /// The run is of this pipeline.
    case otherPipeline(String)
    /// The run released to this environment, which the pipeline does not deploy to any more.
    case otherEnvironment(String)
    /// The run has released nothing, or not yet.
    case neverReleased
    /// Its release was taken back.
    case undone
    /// Its release is further back than releases are kept.
    case discarded
    /// The environment serves the release, or what an earlier rollback made of it, and nothing was applied since.
    case alreadyLive
    /// This rollback is queued or running.
    case rollingBack(Int64)
}

extension History {
    /// Queues a rollback and holds the environment, in one transaction.
    ///
    /// The run has the definition, the ref and the revision of the one that made the release. Of a run that was a rollback
    /// itself, the release is the one that it applied. It may be the live one, if a later release that failed was kept,
    /// could not be taken back whole, or is under way: then the target is not as the live one says.
    ///
    /// - Parameters:
    ///   - target: the run whose release is applied again.
    ///   - hold: what ends the hold, as the pipeline says now.
    ///   - by: who asked.
    /// - Returns: the number of the rollback's run, or why there is none.
    public func enqueueRollback(
        pipeline: String,
        environment: String,
        to target: Int64,
        hold: Definition.Hold,
        by: String?
    ) async throws -> Result<Int64, RollbackRefusal> {
        try await write { [now, trace = SpanContext.current?.recorded] db, changes in
            let release: Int64
            switch try Wish(pipeline: pipeline, environment: environment, target: target).release(db) {
            case .success(let found): release = found
            case .failure(let refusal): return .failure(refusal)
            }
            try db.execute(
                sql: """
                    INSERT INTO runs (pipeline, environment, definition_id, trigger, requested_by, ref, revision, message,
                        author, status, queued_at, rollback_release, trace_context)
                    SELECT r.pipeline, r.environment, r.definition_id, 'rollback', ?1, r.ref, r.revision,
                        coalesce(r.message, d.message), coalesce(r.author, d.author), 'queued', ?2, ?3, ?4
                    FROM runs r LEFT JOIN deliveries d ON d.id = r.delivery_id
                    WHERE r.id = (SELECT run_id FROM releases WHERE id = ?3)
                    """,
                arguments: [by, now(), release, trace]
            )
            let id = db.lastInsertedRowID
            try db.execute(
                sql: "INSERT INTO holds (run_id, environment, until) VALUES (?, ?, ?)",
                arguments: [id, environment, hold.rawValue]
            )
            changes += try HeldLane.changed(environment, db) + [.queue]
            return .success(id)
        }
    }
}

/// What somebody wants to have back.
private struct Wish {
    let pipeline: String
    let environment: String
    /// The run whose release is wanted.
    let target: Int64

    /// The release to apply.
    func release(_ db: Database) throws -> Result<Int64, RollbackRefusal> {
        guard let run = try RunRecord.find(target, db) else { return .failure(.unknownRun) }
        guard run.pipeline == pipeline else { return .failure(.otherPipeline(run.pipeline)) }
        guard run.environment == environment else { return .failure(.otherEnvironment(run.environment)) }
        if let held = try HeldLane.find(environment, db), !held.rollback.isFinal {
            return .failure(.rollingBack(held.hold.run))
        }
        let row = try Row.fetchOne(
            db,
            // A run that was run again may have one that was undone, and after it the one before still serves.
            sql: """
                SELECT id, status FROM releases WHERE run_id = ?
                ORDER BY status IN ('live', 'retired') DESC, id DESC LIMIT 1
                """,
            arguments: [target]
        )
        guard let row else { return .failure(.neverReleased) }
        let status: ReleaseRecord.Status = try row.word("status")
        switch status {
        case .applying: return .failure(.neverReleased)
        case .undone: return .failure(.undone)
        case .live, .retired: break
        }
        let release: Int64 = run.rollback?.release ?? row["id"]
        if try isDiscarded(release, db) { return .failure(.discarded) }
        guard let live = try live(db), live.origin == release else { return .success(release) }
        return try isTouched(since: live.id, db) ? .success(release) : .failure(.alreadyLive)
    }

    private func isDiscarded(_ release: Int64, _ db: Database) throws -> Bool {
        try Bool.fetchOne(
            db,
            sql: "SELECT discarded_at IS NOT NULL FROM releases WHERE id = ?",
            arguments: [release]
        ) ?? true
    }

    /// The release that is live, and the one that a rollback made it of; itself if none did.
    private func live(_ db: Database) throws -> (id: Int64, origin: Int64)? {
        try Row.fetchOne(
            db,
            sql: """
                SELECT l.id, coalesce(r.rollback_release, l.id) AS origin FROM releases l JOIN runs r ON r.id = l.run_id
                WHERE l.environment = ? AND l.status = 'live'
                """,
            arguments: [environment]
        ).map { (id: $0["id"], origin: $0["origin"]) }
    }

    /// Whether a later release has left something in the target: it is under way, it could not be taken back whole
    /// (which leaves it `applying`), or it was kept.
    private func isTouched(since release: Int64, _ db: Database) throws -> Bool {
        try Bool.fetchOne(
            db,
            sql: """
                SELECT 1 FROM releases WHERE environment = ? AND status IN ('applying', 'undone') AND id > ?
                    AND (status = 'applying' OR retired_at IS NULL) LIMIT 1
                """,
            arguments: [environment, release]
        ) ?? false
    }
}
