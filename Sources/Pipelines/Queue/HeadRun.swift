internal import GRDB

extension History {
    /// The run that takes over from one whose branch has moved on to `head`.
    ///
    /// It is the newest run of the same pipeline, ref and revision that is no rollback and was not superseded itself:
    /// deliveries can come in any order. If there is none, a run is queued, so that a head that was ever seen is deployed.
    /// A head that asks to be skipped is noted as seen.
    ///
    /// - Parameter skipMarker: what the head commit's message says, if it asks to be skipped.
    /// - Returns: the run's number, or nil if the head asked to be skipped.
    func runForHead(_ head: String, insteadOf run: RunRecord, skipMarker: String? = nil) async throws -> Int64? {
        try await write { [now] db, changes in
            if let known = try Int64.fetchOne(
                db,
                sql: """
                    SELECT max(id) FROM (
                        SELECT id FROM runs INDEXED BY runs_lane WHERE environment = ?1 AND status IN ('queued', 'running')
                            AND pipeline = ?2 AND ref = ?3 AND revision = ?4 AND id <> ?5 AND trigger <> 'rollback'
                        UNION ALL
                        SELECT id FROM runs INDEXED BY runs_ended_revision WHERE revision = ?4
                            AND status NOT IN ('queued', 'running') AND status <> 'superseded' AND pipeline = ?2
                            AND ref = ?3 AND id <> ?5 AND trigger <> 'rollback')
                    """,
                arguments: [run.environment, run.pipeline, run.ref, head, run.id]
            ) {
                return known
            }
            if let skipMarker {
                let seen = Head(
                    pipeline: run.pipeline,
                    environment: run.environment,
                    definitionHash: run.definitionHash,
                    ref: run.ref,
                    revision: head
                )
                try seen.note(.skipMarker(skipMarker), db, time: now())
                return nil
            }
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
