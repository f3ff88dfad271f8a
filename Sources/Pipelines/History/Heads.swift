internal import GRDB

/// How many runs are made for one head that errors before it is checked out.
private let triesPerHead = 3

extension History {
    /// What is known of a head. Nothing is written.
    func knowledge(of head: Head) async throws -> HeadKnowledge {
        try await read { db in try head.knowledge(db) }
    }

    /// Queues a run for a head of which nothing is known; it says `trigger: reconcile`.
    ///
    /// - Returns: the run's number; nil if a push was quicker, and something is known of the head now.
    func queueRun(for head: Head) async throws -> Int64? {
        try await write { [now] db, changes in
            switch try head.knowledge(db) {
            case .run, .seen: return nil
            case .firstSight, .missed: break
            }
            let id = try Int64.fetchOne(
                db,
                sql: """
                    INSERT INTO runs (pipeline, environment, definition_id, trigger, ref, revision, status, queued_at)
                    SELECT ?, ?, id, 'reconcile', ?, ?, 'queued', ? FROM definitions WHERE hash = ? RETURNING id
                    """,
                arguments: [
                    head.pipeline, head.environment, head.ref, head.revision, now(), head.definitionHash,
                ]
            )
            guard let id else { throw HistoryError(.notFound, "There is no definition \(head.definitionHash).") }
            changes += [.run(id), .queue]
            return id
        }
    }

    /// Keeps that a head was seen and why nothing is deployed.
    func note(_ head: Head, _ reason: Reason) async throws {
        try await write { [now] db, _ in try head.note(reason, db, time: now()) }
    }

    /// Whether somebody has looked at the tags of a pipeline before.
    func hasSeenTags(of pipeline: String) async throws -> Bool {
        try await read { db in
            try Bool.fetchOne(
                db,
                sql: "SELECT 1 FROM heads WHERE pipeline = ? AND ref = 'refs/tags/'",
                arguments: [pipeline]
            ) ?? false
        }
    }

    /// Keeps what tags were there at the first look, all or none. A tag that has a run is left to that.
    func noteTags(_ tags: [Head], _ reason: Reason, first: Head) async throws {
        try await write { [now] db, _ in
            for tag in tags where try tag.knowledge(db) == .firstSight { try tag.note(reason, db, time: now()) }
            try first.note(reason, db, time: now())
        }
    }

    /// Of these, all in one pipeline, those that were not noted at the same revision before. There may be thousands.
    func unseen(_ heads: [Head]) async throws -> [Head] {
        guard let pipeline = heads.first?.pipeline else { return [] }
        return try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: "SELECT ref, revision FROM heads WHERE pipeline = ?",
                arguments: [pipeline]
            )
            let seen = Dictionary(uniqueKeysWithValues: rows.map { ($0["ref"] as String, $0["revision"] as String) })
            return heads.filter { seen[$0.ref] != $0.revision }
        }
    }
}

extension Head {
    func note(_ reason: Reason, _ db: Database, time: Int64) throws {
        try db.execute(
            sql: Self.seen("VALUES (?, ?, ?, (SELECT coalesce(max(id), 0) FROM runs), ?, ?, ?)"),
            arguments: [pipeline, ref, revision, reason.code, reason.message, time]
        )
    }

    /// SQL that keeps what was seen of refs; what was seen before a later run is not put in the place of what came after.
    ///
    /// - Parameter rows: of pipeline, ref, revision, newest run, the reason's code and message, time. If a SELECT, then with
    ///   a WHERE.
    static func seen(_ rows: String) -> String {
        """
        INSERT INTO heads (pipeline, ref, revision, after_run, reason_code, reason_message, seen_at)
        \(rows)
        ON CONFLICT (pipeline, ref) DO UPDATE SET revision = excluded.revision, after_run = excluded.after_run,
            reason_code = excluded.reason_code, reason_message = excluded.reason_message, seen_at = excluded.seen_at
            WHERE excluded.after_run >= heads.after_run
        """
    }

    /// A head counts as known if something came of it after the ref was last at another revision. So a branch that was
    /// forced back to what was deployed a month ago is new again, and a delivery that came late, or twice, is not taken
    /// for the newest word on its branch.
    func knowledge(_ db: Database) throws -> HeadKnowledge {
        if let run = try waitingRun(db) { return .run(run) }
        let other = try newestRunElsewhere(db)
        if let run = try endedRun(db, after: other) { return .run(run) }
        let seen = try Row.fetchOne(
            db,
            sql: "SELECT * FROM heads WHERE pipeline = ? AND ref = ?",
            arguments: [pipeline, ref]
        )
        guard let seen else { return try isFirstSight(db) ? .firstSight : .missed }
        let after: Int64 = seen["after_run"]
        guard seen["revision"] == revision, after >= other, let reason = seen.reason else { return .missed }
        return .seen(reason)
    }

    /// A run of the head, or one by hand that will see it, which has not ended.
    private func waitingRun(_ db: Database) throws -> Int64? {
        try Int64.fetchOne(
            db,
            sql: """
                SELECT max(id) FROM runs INDEXED BY runs_lane
                WHERE environment = ? AND status IN ('queued', 'running') AND pipeline = ? AND ref = ?
                    AND (revision = ? OR revision IS NULL) AND trigger <> 'rollback'
                """,
            arguments: [environment, pipeline, ref, revision]
        )
    }

    /// The newest run that found the ref at another revision; 0 if there is none. A run that was superseded was not
    /// the head any more, and one that never fetched proves nothing.
    private func newestRunElsewhere(_ db: Database) throws -> Int64 {
        let found = """
            r.pipeline = ?1 AND r.ref = ?2 AND r.revision <> ?3 AND r.trigger IN ('push', 'reconcile')
                AND EXISTS (SELECT 1 FROM attempts WHERE run_id = r.id AND stage = 'clone'
                    AND attempts.status IN ('succeeded', 'skipped'))
            """
        return try Int64.fetchOne(
            db,
            sql: """
                SELECT coalesce(max(id), 0) FROM (
                    SELECT id FROM runs r INDEXED BY runs_lane
                    WHERE environment = ?4 AND status IN ('queued', 'running') AND status = 'running' AND \(found)
                    UNION ALL
                    SELECT id FROM (SELECT id FROM runs r INDEXED BY runs_ended_pipeline
                        WHERE status NOT IN ('queued', 'running') AND status <> 'superseded' AND \(found)
                        ORDER BY id DESC LIMIT 1))
                """,
            arguments: [pipeline, ref, revision, environment]
        ) ?? 0
    }

    /// The newest run of the head that ended as something else than superseded. One that errored before it had the
    /// revision says nothing about it, and is tried again some times.
    private func endedRun(_ db: Database, after other: Int64) throws -> Int64? {
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT max(id) AS id, count(*) AS tries, min(status = 'errored' AND NOT EXISTS (
                    SELECT 1 FROM attempts WHERE run_id = r.id AND stage = 'clone'
                        AND attempts.status IN ('succeeded', 'skipped'))) AS untouched
                FROM runs r INDEXED BY runs_ended_revision
                WHERE revision = ? AND status NOT IN ('queued', 'running') AND pipeline = ? AND ref = ? AND id > ?
                    AND status <> 'superseded' AND trigger <> 'rollback'
                """,
            arguments: [revision, pipeline, ref, other]
        )
        guard let row, let id: Int64 = row["id"], let tries: Int = row["tries"] else { return nil }
        return row["untouched"] && tries < triesPerHead ? nil : id
    }

    private func isFirstSight(_ db: Database) throws -> Bool {
        try Bool.fetchOne(
            db,
            sql: """
                SELECT NOT EXISTS (SELECT 1 FROM runs INDEXED BY runs_lane WHERE environment = ?3
                        AND status IN ('queued', 'running') AND pipeline = ?1 AND ref = ?2)
                    AND NOT EXISTS (SELECT 1 FROM runs INDEXED BY runs_ended_pipeline
                        WHERE pipeline = ?1 AND status NOT IN ('queued', 'running') AND ref = ?2)
                """,
            arguments: [pipeline, ref, environment]
        ) ?? true
    }
}
