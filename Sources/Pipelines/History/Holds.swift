internal import GRDB

/// What keeps pushes back from an environment that was rolled back.
public struct EnvironmentHold: Encodable, Sendable, Equatable {
    /// When the rollback was asked for, in milliseconds since 1970 UTC; ISO 8601 in JSON.
    public var since: Int64
    /// Who asked for the rollback.
    public var by: String?
    /// The rollback.
    public var run: Int64
    public var until: Definition.Hold
    public var cause = Cause.rolledBack
    /// Why the undo failed, where that is the cause.
    public var reason: String?

    public enum Cause: String, Sendable {
        /// The rollback is queued, under way, or live.
        case rolledBack = "rolled-back"
        /// The rollback failed, and could not be taken back either: nobody knows what the environment serves.
        case undoFailed = "undo-failed"
    }

    private enum Key: String, CodingKey { case since, by, run, until, cause, reason }

    public func encode(to encoder: any Encoder) throws {
        var json = encoder.container(keyedBy: Key.self)
        try json.encode(Timestamp(since), forKey: .since)
        try json.encode(by, forKey: .by)
        try json.encode(run, forKey: .run)
        try json.encode(until, forKey: .until)
        try json.encode(cause.rawValue, forKey: .cause)
        try json.encode(reason, forKey: .reason)
    }
}

/// What became of the wish to let pushes through again.
public enum ResumeResult: Sendable, Equatable {
    /// What is over now: at least one of the two.
    case resumed(hold: EnvironmentHold?, pause: EnvironmentPause?)
    case notHeld
    /// This rollback is queued or running. It ends its hold itself, or keeps it.
    case rollingBack(Int64)
}

extension History {
    /// What keeps pushes back from the environment; nil if nothing does.
    public func hold(environment: String) async throws -> EnvironmentHold? {
        try await read { db in try HeldLane.find(environment, db)?.hold }
    }

    /// Lets pushes through again: ends the pause of the environment and the hold of its rollback. What has waited begins, as
    /// `onPush` says. The hold of a rollback that is queued or running stays; then only a pause can end.
    public func resume(environment: String) async throws -> ResumeResult {
        try await write { db, changes in
            let pause = try EnvironmentPause.find(environment, db)
            let held = try HeldLane.find(environment, db)
            let isRollingBack = held.map { !$0.rollback.isFinal } ?? false
            if pause == nil {
                guard let held else { return .notHeld }
                if isRollingBack { return .rollingBack(held.hold.run) }
            }
            try EnvironmentPause.end(environment, db)
            if !isRollingBack { try HeldLane.end(environment, db) }
            changes += try HeldLane.changed(environment, db) + [.queue]
            return .resumed(hold: isRollingBack ? nil : held?.hold, pause: pause)
        }
    }
}

/// The newest hold of an environment and how its rollback stands.
struct HeldLane {
    var hold: EnvironmentHold
    var rollback: RunStatus
    /// Pushes up to this run were looked at: none of them ends it.
    private var examined: Int64

    static func find(_ environment: String, _ db: Database) throws -> HeldLane? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT h.run_id, h.until, h.examined, r.queued_at, r.requested_by, r.status, r.undo_reason,
                        EXISTS (SELECT 1 FROM releases l WHERE l.run_id = h.run_id AND l.status IN ('live', 'retired'))
                            AS released
                    FROM holds h JOIN runs r ON r.id = h.run_id WHERE h.environment = ? ORDER BY h.run_id DESC LIMIT 1
                    """
            ),
            arguments: [environment]
        ).map { row in
            let status: RunStatus = try row.word("status")
            let isLeft = status.isFinal && !row["released"]
            return HeldLane(
                hold: EnvironmentHold(
                    since: row["queued_at"],
                    by: row["requested_by"],
                    run: row["run_id"],
                    until: try row.word("until"),
                    cause: isLeft ? .undoFailed : .rolledBack,
                    reason: isLeft ? row["undo_reason"] : nil
                ),
                rollback: status,
                examined: row["examined"]
            )
        }
    }

    /// A push waits that came after the rollback was asked for, and whether it ends the hold is still to be found out.
    func hasPushToExamine(_ environment: String, _ db: Database) throws -> Bool {
        guard hold.until == .untilNextPush else { return false }
        return try Bool.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT 1 FROM runs INDEXED BY runs_lane WHERE environment = ? AND status IN ('queued', 'running')
                        AND status = 'queued' AND id > ? AND trigger IN ('push', 'reconcile') LIMIT 1
                    """
            ),
            arguments: [environment, max(hold.run, examined)]
        ) ?? false
    }

    /// Looks at the pushes that wait, and ends the hold if one of them brings a revision that the environment had not
    /// seen on that ref when the rollback was asked for. A signed push can be sent again under another delivery id by
    /// whoever got hold of it: what it says was known then, and it lets nothing through.
    ///
    /// - Returns: whether the hold is over.
    func endIfPushed(_ environment: String, _ db: Database) throws -> Bool {
        let new = try Int64.fetchOne(
            db,
            sql: """
                SELECT id FROM runs q INDEXED BY runs_lane WHERE environment = ?1 AND status IN ('queued', 'running')
                    AND status = 'queued' AND id > ?2 AND trigger IN ('push', 'reconcile')
                    AND NOT EXISTS (SELECT 1 FROM runs e INDEXED BY runs_ended_revision
                        WHERE e.revision = q.revision AND e.status NOT IN ('queued', 'running')
                            AND e.environment = ?1 AND e.ref = q.ref AND e.id < ?3)
                    AND (ref, revision) NOT IN (SELECT ref, revision FROM runs INDEXED BY runs_lane
                        WHERE environment = ?1 AND status IN ('queued', 'running') AND id < ?3 AND revision IS NOT NULL)
                LIMIT 1
                """,
            arguments: [environment, max(hold.run, examined), hold.run]
        )
        if new != nil {
            try Self.end(environment, db)
            return true
        }
        try db.execute(
            sql: """
                UPDATE holds SET examined = (SELECT max(id) FROM runs INDEXED BY runs_lane
                    WHERE environment = ?1 AND status IN ('queued', 'running')) WHERE run_id = ?2
                """,
            arguments: [environment, hold.run]
        )
        return false
    }

    static func end(_ environment: String, _ db: Database) throws {
        try db.execute(sql: "DELETE FROM holds WHERE environment = ?", arguments: [environment])
    }

    /// In the transaction in which a run ends. A rollback whose release is live holds, instead of any that held before;
    /// one that has changed nothing holds no more, and an earlier hold is in force again. One that could not be taken back
    /// holds until somebody resumes, whatever the pipeline says: what the environment serves is for a person to look at,
    /// and no push shall be deployed over it unasked.
    static func settle(_ run: Int64, _ db: Database) throws -> [Change] {
        let environment = try String.fetchOne(
            db.cachedStatement(sql: "SELECT environment FROM holds WHERE run_id = ?"),
            arguments: [run]
        )
        guard let environment else { return [] }
        let left: ReleaseRecord.Status? = try Row.fetchOne(
            db,
            sql:
                "SELECT status FROM releases WHERE run_id = ? AND status IN ('live', 'applying') ORDER BY id DESC LIMIT 1",
            arguments: [run]
        )?.word("status")
        switch left {
        case .live:
            try db.execute(
                sql: "DELETE FROM holds WHERE environment = ? AND run_id <> ?",
                arguments: [environment, run]
            )
        case .applying:
            try db.execute(
                sql: "UPDATE holds SET until = ? WHERE run_id = ?",
                arguments: [Definition.Hold.untilResumed.rawValue, run]
            )
        default: try db.execute(sql: "DELETE FROM holds WHERE run_id = ?", arguments: [run])
        }
        return try changed(environment, db)
    }

    /// The hold itself, and the runs that wait differently now. More than these are told as a reset in any case.
    static func changed(_ environment: String, _ db: Database) throws -> [Change] {
        let waiting = try Int64.fetchAll(
            db,
            sql: """
                SELECT id FROM runs INDEXED BY runs_lane
                WHERE environment = ? AND status IN ('queued', 'running') AND status = 'queued' ORDER BY id LIMIT 1000
                """,
            arguments: [environment]
        )
        return [.hold(environment)] + waiting.map { .run($0) }
    }
}
