internal import GRDB

extension Expiry {
    /// Deletes the bodies of releases that are further back than an environment can be rolled back.
    func discardReleases() async throws -> Int {
        let ids = try await history.read { [kept] db in
            let stay = try kept.releases(db)
            return try Int64.fetchAll(
                db,
                sql: """
                    SELECT id FROM releases INDEXED BY releases_whole
                    WHERE status IN ('retired', 'undone') AND discarded_at IS NULL
                    """
            ).filter { !stay.contains($0) }.sorted()
        }
        var pace = Pace()
        return try await inPieces(ids, &pace) { [kept, time = history.now()] ids, db, _ in
            let stay = try kept.releases(db)
            try db.execute(
                sql: """
                    UPDATE releases SET body = x'', discarded_at = ? WHERE id IN (SELECT value FROM json_each(?))
                        AND status IN ('retired', 'undone')
                    """,
                arguments: [time, ids.filter { !stay.contains($0) }.jsonList]
            )
            return db.changesCount
        }
    }
}
