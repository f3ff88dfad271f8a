internal import GRDB

/// The queue of one environment: one run at a time. All of it is SQL, because that is where exclusion holds.
struct Lane: Sendable {
    let environment: String

    /// What one transaction came to.
    enum Step: Sendable {
        case claimed(ClaimedRun)
        /// Older runs were superseded, and there are more of them.
        case superseding
        case nothing
    }

    /// Runs that are superseded in one transaction: some milliseconds.
    static let piece = 500

    /// A revision or a re-run that somebody asked for: it has its turn, whatever else is pushed. Index `runs_pinned`.
    static let isPinned = "(trigger = 'manual' AND revision IS NOT NULL OR reruns > 0)"

    /// Every environment with runs that have not ended: a queue of any length costs one look-up.
    static let environments = leap(
        over: "environment",
        in: "runs INDEXED BY runs_lane",
        where: "status IN ('queued', 'running')"
    )

    /// Asked forty times a second while pushes pour in, hence the cached statements here and in what it asks.
    static func claimable(_ db: Database, epoch: Int64) throws -> [String] {
        try String.fetchAll(db.cachedStatement(sql: environments))
            .filter { try Lane(environment: $0).isClaimable(db, epoch: epoch) }
    }

    /// Something is queued, or was left running by an earlier epoch.
    func isWaiting(_ db: Database, epoch: Int64) throws -> Bool {
        if let running = try running(db), running.epoch < epoch { return true }
        return try head(db) != nil
    }

    private func isClaimable(_ db: Database, epoch: Int64) throws -> Bool {
        if let running = try running(db) { return running.epoch < epoch }
        return try turn(db) != nil
    }

    /// Claims the lane's next run, or clears the way to it a little. In a transaction of its own.
    func step(_ db: Database, epoch: Int64, time: Int64, _ changes: inout [Change]) throws -> Step {
        let current = try Int64.fetchOne(db, sql: "SELECT epoch FROM server") ?? 0
        guard epoch == current else {
            throw HistoryError(.conflict, "Epoch \(epoch) is over: this is epoch \(current).")
        }
        if let running = try running(db) {
            return running.epoch < epoch
                ? try resume(running.id, db, epoch: epoch, time: time, &changes) : .nothing
        }
        guard let turn = try turn(db) else { return .nothing }
        let head: Waiting
        switch turn {
        case .rollback(let id): return try claim(id, db, epoch: epoch, time: time, &changes)
        case .head(let oldest): head = oldest
        case .push(let held):
            guard try held.endIfPushed(environment, db), let oldest = try self.head(db) else { return .nothing }
            changes.append(.hold(environment))
            head = oldest
        }
        let next = try successor(of: head, db)
        let superseded = try supersede(olderThan: next, like: head, db, time: time)
        for run in superseded { changes += [.run(run), .end(pipeline: head.pipeline, .superseded)] }
        if superseded.count == Lane.piece { return .superseding }
        return try claim(next, db, epoch: epoch, time: time, &changes)
    }

    // MARK: - Which run is next

    private struct Waiting {
        var id: Int64
        var pipeline: String
        var ref: String
        var isPinned: Bool
    }

    private enum Turn {
        /// The oldest queued run decides.
        case head(Waiting)
        /// So it does, if a push has come that ends this hold.
        case push(HeldLane)
        case rollback(Int64)
    }

    private func running(_ db: Database) throws -> (id: Int64, epoch: Int64)? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: "SELECT id, claimed_epoch FROM runs WHERE environment = ? AND status = 'running'"
            ),
            arguments: [environment]
        ).map { (id: $0["id"], epoch: $0["claimed_epoch"] ?? 0) }
    }

    /// What may begin, once nothing is running; nil if nothing may.
    private func turn(_ db: Database) throws -> Turn? {
        if try isPaused(db) { return nil }
        guard let held = try HeldLane.find(environment, db) else { return try head(db).map(Turn.head) }
        if held.rollback == .queued { return .rollback(held.hold.run) }
        return try held.hasPushToExamine(environment, db) ? .push(held) : nil
    }

    private func isPaused(_ db: Database) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT paused_at IS NOT NULL FROM environments WHERE name = ?"),
            arguments: [environment]
        ) ?? false
    }

    /// The oldest queued run.
    private func head(_ db: Database) throws -> Waiting? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT id, pipeline, ref, \(Lane.isPinned) AS pinned
                    FROM runs INDEXED BY runs_lane
                    WHERE environment = ? AND status IN ('queued', 'running') AND status = 'queued' ORDER BY id LIMIT 1
                    """
            ),
            arguments: [environment]
        ).map { Waiting(id: $0["id"], pipeline: $0["pipeline"], ref: $0["ref"], isPinned: $0["pinned"]) }
    }

    /// The run to claim in the head's place: the newest of its pipeline and ref if that one's definition says so.
    /// A pinned run that waits behind the head keeps its turn: nothing leaps over it.
    private func successor(of head: Waiting, _ db: Database) throws -> Int64 {
        if head.isPinned { return head.id }
        let newest = try Row.fetchOne(
            db,
            sql: """
                SELECT r.id, f.body FROM runs r INDEXED BY runs_lane JOIN definitions f ON f.id = r.definition_id
                WHERE environment = ?1 AND status IN ('queued', 'running') AND status = 'queued'
                    AND r.pipeline = ?2 AND ref = ?3 AND r.id >= ?4 AND r.id < coalesce(
                        (SELECT min(id) FROM runs INDEXED BY runs_pinned WHERE environment = ?1 AND status = 'queued'
                            AND \(Lane.isPinned) AND pipeline = ?2 AND ref = ?3), ?5)
                ORDER BY r.id DESC LIMIT 1
                """,
            arguments: [environment, head.pipeline, head.ref, head.id, Int64.max]
        )
        guard let newest, let definition = try? DefinitionBody.decode(newest["body"]) else { return head.id }
        return definition.onPush == .queue ? head.id : newest["id"]
    }

    private func supersede(
        olderThan next: Int64,
        like head: Waiting,
        _ db: Database,
        time: Int64
    ) throws -> [Int64] {
        guard next > head.id else { return [] }
        return try Int64.fetchAll(
            db,
            sql: """
                UPDATE runs SET status = 'superseded', superseded_by = ?1, reason_code = 'superseded',
                    reason_message = ?2, finished_at = ?3
                WHERE id IN (
                    SELECT id FROM runs INDEXED BY runs_lane
                    WHERE environment = ?4 AND status IN ('queued', 'running') AND status = 'queued'
                        AND pipeline = ?5 AND ref = ?6 AND id < ?1 ORDER BY id LIMIT ?7)
                RETURNING id
                """,
            arguments: [
                next, "A newer push came before it began: run \(next).", time, environment, head.pipeline, head.ref,
                Lane.piece,
            ]
        )
    }

    // MARK: - Claiming

    private func claim(
        _ id: Int64,
        _ db: Database,
        epoch: Int64,
        time: Int64,
        _ changes: inout [Change]
    ) throws -> Step {
        try db.execute(
            sql: """
                UPDATE runs SET status = 'running', claimed_epoch = ?, started_at = coalesce(started_at, ?)
                WHERE id = ? AND status = 'queued'
                """,
            arguments: [epoch, time, id]
        )
        guard db.changesCount == 1 else { return .nothing }
        return try claimed(id, db, time: time, &changes)
    }

    /// Takes over what an earlier epoch began.
    private func resume(
        _ id: Int64,
        _ db: Database,
        epoch: Int64,
        time: Int64,
        _ changes: inout [Change]
    ) throws -> Step {
        try db.execute(
            sql: "UPDATE runs SET claimed_epoch = ?1 WHERE id = ?2 AND status = 'running' AND claimed_epoch < ?1",
            arguments: [epoch, id]
        )
        guard db.changesCount == 1 else { return .nothing }
        try db.execute(
            sql: """
                UPDATE attempts SET status = 'errored', reason_code = 'interrupted',
                    reason_message = 'The server stopped while this ran.', finished_at = ?
                WHERE run_id = ? AND status = 'running'
                """,
            arguments: [time, id]
        )
        return try claimed(id, db, time: time, &changes)
    }

    private func claimed(_ id: Int64, _ db: Database, time: Int64, _ changes: inout [Change]) throws -> Step {
        changes.append(.run(id))
        guard let run = try RunRecord.find(id, db) else { return .nothing }
        let body = try String.fetchOne(
            db,
            sql: "SELECT body FROM definitions WHERE hash = ?",
            arguments: [run.definitionHash]
        )
        if let body, let definition = try? DefinitionBody.decode(body) {
            return .claimed(
                ClaimedRun(run: run, definition: definition, attempts: try AttemptRecord.all(of: id, db))
            )
        }
        // A lane must not stand still for ever behind a run that this Fairlead cannot read.
        try db.execute(
            sql: """
                UPDATE runs SET status = 'errored', reason_code = 'definition-unreadable',
                    reason_message = 'This Fairlead cannot read the definition that the run was accepted with.',
                    finished_at = ?
                WHERE id = ?
                """,
            arguments: [time, id]
        )
        changes += [.end(pipeline: run.pipeline, .errored), .queue] + (try HeldLane.settle(id, db))
        return .nothing
    }
}
