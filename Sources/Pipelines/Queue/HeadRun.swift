internal import GRDB

/// How many of the newest deliveries are searched for one that was ignored on purpose.
private let searchedDeliveries = 1000

extension History {
    /// The run that takes over from one whose branch has moved on to `head`.
    ///
    /// It is the newest run of the same pipeline, ref and revision that is no rollback. If no delivery announced the
    /// head, a run is queued for it, so that a head that was ever seen is deployed; unless a delivery announced it and
    /// was ignored for a skip marker.
    ///
    /// - Returns: the run's number, or nil if the head asked to be skipped.
    func runForHead(_ head: String, insteadOf run: RunRecord) async throws -> Int64? {
        try await write { [now] db, changes in
            if let known = try Int64.fetchOne(
                db,
                sql: """
                    SELECT max(id) FROM (
                        SELECT id FROM runs INDEXED BY runs_lane WHERE environment = ?1 AND status IN ('queued', 'running')
                            AND pipeline = ?2 AND ref = ?3 AND revision = ?4 AND id <> ?5 AND trigger <> 'rollback'
                        UNION ALL
                        SELECT id FROM runs INDEXED BY runs_ended_ref WHERE ref = ?3
                            AND status NOT IN ('queued', 'running') AND pipeline = ?2 AND revision = ?4 AND id <> ?5
                            AND trigger <> 'rollback')
                    """,
                arguments: [run.environment, run.pipeline, run.ref, head, run.id]
            ) {
                return known
            }
            let skipped = try Bool.fetchOne(
                db,
                sql: """
                    SELECT 1 FROM deliveries WHERE id > (SELECT max(id) FROM deliveries) - ? AND ref = ? AND after = ?
                        AND reason_code = 'skip-marker'
                    """,
                arguments: [searchedDeliveries, run.ref, head]
            )
            if skipped != nil { return nil }
            try db.execute(
                sql: """
                    INSERT INTO runs (pipeline, environment, definition_id, trigger, ref, revision, status, queued_at)
                    SELECT pipeline, environment, definition_id, 'reconcile', ref, ?, 'queued', ? FROM runs WHERE id = ?
                    """,
                arguments: [head, now(), run.id]
            )
            let id = db.lastInsertedRowID
            changes += [.run(id), .queue]
            return id
        }
    }
}
