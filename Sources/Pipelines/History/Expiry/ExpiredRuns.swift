internal import GRDB

extension Expiry {
    /// Runs that are deleted in one transaction.
    private static let runsPiece = 10
    /// Pieces of logs that are deleted in one transaction: at most 256 KiB each.
    private static let chunksPiece = 16

    func deleteRuns(of pipeline: String) async throws -> Int {
        let old = OldRuns(pipeline: pipeline, bound: rules.runs, cutoff: cutoff(rules.runs.days), isOfLogs: false)
        return try await empty(old) { try await deleteWhole($0) }
    }

    func deleteLogs(of pipeline: String) async throws -> Int {
        let old = OldRuns(pipeline: pipeline, bound: rules.logs, cutoff: cutoff(rules.logs.days), isOfLogs: true)
        return try await empty(old) { try await markLogsDeleted(of: $0) }
    }

    /// Deletes the logs of runs, some at a time, and then does with these runs what is still to be done.
    ///
    /// - Parameter finish: returns how many it was done with.
    private func empty(_ runs: OldRuns, _ finish: ([Int64]) async throws -> Int) async throws -> Int {
        var runs = runs
        var count = 0
        while let ids = try await next(&runs) {
            for piece in ids.pieces(of: Self.runsPiece) {
                try await emptyLogs(of: piece)
                count += try await finish(piece)
                try await rest()
            }
        }
        return count
    }

    /// Some that may go, oldest first; nil if there are no more.
    private func next(_ old: inout OldRuns) async throws -> [Int64]? {
        let begin = old
        let (ids, end) = try await history.read { [kept] db in
            var old = begin
            let ids = try old.next(db)
            guard let ids else { return (nil as [Int64]?, old) }
            return (try kept.without(ids, db), old)
        }
        old = end
        return ids
    }

    /// Deletes what these runs have logged, piece by piece.
    private func emptyLogs(of runs: [Int64]) async throws {
        while try await emptyLogsOnce(of: runs) > 0 { try await rest() }
    }

    private func emptyLogsOnce(of runs: [Int64]) async throws -> Int {
        try await history.write { [kept] db, _ in
            let list = try kept.without(runs, db).jsonList
            try db.execute(
                sql: """
                    DELETE FROM log_chunks WHERE rowid IN (
                        SELECT rowid FROM log_chunks WHERE run_id IN (SELECT value FROM json_each(?)) LIMIT ?)
                    """,
                arguments: [list, Self.chunksPiece]
            )
            let count = db.changesCount
            // Who reads meanwhile sees an empty log that has ended, and does not wait for more.
            try db.execute(
                sql: """
                    UPDATE attempts SET log_bytes = 0 WHERE run_id IN (SELECT value FROM json_each(?)) AND log_bytes > 0
                    """,
                arguments: [list]
            )
            return count
        }
    }

    /// Puts a sentence in the place of the logs.
    /// - Returns: of how many runs.
    private func markLogsDeleted(of runs: [Int64]) async throws -> Int {
        let sentence = Array("This log was deleted, as `retention: { logs: … }` in fairlead.yaml says.\n".utf8)
        let compressed = Compression.compress(sentence, .quick)
        return try await history.write { [kept, time = history.now()] db, changes in
            let old = try kept.without(runs, db)
            let logs = try Row.fetchAll(
                db,
                sql: "SELECT run_id, stage, attempt FROM attempts WHERE run_id IN (SELECT value FROM json_each(?))",
                arguments: [old.jsonList]
            )
            for log in logs {
                try LogChunks(run: log["run_id"], stage: try log.word("stage"), attempt: log["attempt"])
                    .append(db, offset: 0, length: sentence.count, compressed: compressed)
            }
            try db.execute(
                sql: "UPDATE runs SET logs_deleted_at = ? WHERE id IN (SELECT value FROM json_each(?))",
                arguments: [time, old.jsonList]
            )
            changes += old.map { .run($0) }
            return old.count
        }
    }

    /// Deletes runs with everything that is theirs alone. Not the delivery: see ``deleteDeliveries()``.
    private func deleteWhole(_ ids: [Int64]) async throws -> Int {
        try await history.write { [kept, time = history.now()] db, _ in
            let list = try kept.without(ids, db).jsonList
            try db.execute(sql: Self.remembering, arguments: [time, list])
            for sql in Self.deletions { try db.execute(sql: sql, arguments: [list]) }
            return db.changesCount
        }
    }

    /// What the run was for stays known: otherwise a tag of old would be taken for one that was missed.
    private static let remembering = """
        INSERT INTO heads (pipeline, ref, revision, after_run, reason_code, reason_message, seen_at)
        SELECT pipeline, ref, revision, id, 'run-deleted', 'It had run ' || id || ', which was deleted for its age', ?1
        FROM runs WHERE id IN (SELECT value FROM json_each(?2)) AND revision IS NOT NULL AND status <> 'superseded'
            AND trigger <> 'rollback' ORDER BY id
        ON CONFLICT (pipeline, ref) DO UPDATE SET revision = excluded.revision, after_run = excluded.after_run,
            reason_code = excluded.reason_code, reason_message = excluded.reason_message, seen_at = excluded.seen_at
            WHERE excluded.after_run >= heads.after_run
        """

    /// In the order that the foreign keys want.
    private static let deletions = [
        "DELETE FROM reports WHERE run_id IN (SELECT value FROM json_each(?))",
        "DELETE FROM reruns WHERE run_id IN (SELECT value FROM json_each(?))",
        "DELETE FROM images WHERE run_id IN (SELECT value FROM json_each(?))",
        """
        DELETE FROM journal WHERE release_id IN (SELECT id FROM releases WHERE run_id IN (SELECT value FROM json_each(?)))
        """,
        "DELETE FROM attempts WHERE run_id IN (SELECT value FROM json_each(?))",
        "DELETE FROM releases WHERE run_id IN (SELECT value FROM json_each(?))",
        "DELETE FROM runs WHERE id IN (SELECT value FROM json_each(?))",
    ]
}

extension Array {
    /// Its elements in their order, so many at a time.
    func pieces(of size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
