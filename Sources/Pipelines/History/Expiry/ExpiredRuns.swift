internal import GRDB

extension Expiry {
    /// Pieces of logs that are deleted in one transaction: at most 256 KiB each.
    private static let chunksPiece = 16

    func deleteRuns(of pipeline: String) async throws -> Int {
        let old = OldRuns(pipeline: pipeline, bound: rules.runs, cutoff: cutoff(rules.runs.days), isOfLogs: false)
        return try await empty(old) { [kept, time = history.now()] ids, db, _ in
            try Self.deleteWhole(try kept.without(ids, db), db, time: time)
        }
    }

    func deleteLogs(of pipeline: String) async throws -> Int {
        let old = OldRuns(pipeline: pipeline, bound: rules.logs, cutoff: cutoff(rules.logs.days), isOfLogs: true)
        // Who reads such a log is told why there is none.
        let sentence = Array("This log was deleted, as `retention: { logs: … }` in fairlead.yaml says.\n".utf8)
        let note = LogNote(length: sentence.count, compressed: Compression.compress(sentence, .quick))
        return try await empty(old) { [kept, time = history.now()] ids, db, changes in
            let old = try kept.without(ids, db)
            try note.put(inThePlaceOf: old, db, time: time)
            changes += old.map { .run($0) }
            return old.count
        }
    }

    /// Deletes the logs of runs, some at a time, and then does with these runs what is still to be done.
    ///
    /// - Parameter finish: returns how many it was done with.
    private func empty(
        _ runs: OldRuns,
        _ finish: @escaping @Sendable ([Int64], Database, inout [Change]) throws -> Int
    ) async throws -> Int {
        var (runs, pace, count) = (runs, Pace(), 0)
        while let old = try await next(&runs) {
            // Most of them gave way before they began, and have none.
            for run in old.withLogs { try await emptyLogs(of: [run]) }
            count += try await inPieces(old.ids, &pace, finish)
        }
        return count
    }

    /// Some that may go, oldest first, and those of them that have logs; nil if there are no more.
    private func next(_ old: inout OldRuns) async throws -> (ids: [Int64], withLogs: [Int64])? {
        let begin = old
        let (found, end) = try await history.read { [kept] db in
            var old = begin
            let ids = try old.next(db)
            guard let ids else { return (nil as (ids: [Int64], withLogs: [Int64])?, old) }
            let going = try kept.without(ids, db)
            let withLogs = try Int64.fetchAll(
                db,
                sql: """
                    SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM log_chunks WHERE run_id = value)
                    """,
                arguments: [going.jsonList]
            )
            return ((going, withLogs), old)
        }
        old = end
        return found
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

    /// Deletes runs with everything that is theirs alone. Not the delivery: see ``deleteDeliveries()``.
    private static func deleteWhole(_ runs: [Int64], _ db: Database, time: Int64) throws -> Int {
        try db.execute(sql: remembering, arguments: [time, runs.jsonList])
        for sql in deletions { try db.execute(sql: sql, arguments: [runs.jsonList]) }
        return db.changesCount
    }

    /// What the run was for stays known: otherwise a tag of old would be taken for one that was missed.
    private static let remembering = Head.seen(
        """
        SELECT pipeline, ref, revision, id, 'run-deleted', 'It had run ' || id || ', which was deleted for its age', ?1
        FROM runs WHERE id IN (SELECT value FROM json_each(?2)) AND revision IS NOT NULL AND status <> 'superseded'
            AND trigger <> 'rollback' ORDER BY id
        """
    )

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

/// A sentence that stands where logs were.
private struct LogNote: Sendable {
    let length: Int
    let compressed: [UInt8]

    func put(inThePlaceOf runs: [Int64], _ db: Database, time: Int64) throws {
        let logs = try Row.fetchAll(
            db,
            sql: "SELECT run_id, stage, attempt FROM attempts WHERE run_id IN (SELECT value FROM json_each(?))",
            arguments: [runs.jsonList]
        )
        for log in logs {
            try LogChunks(run: log["run_id"], stage: try log.word("stage"), attempt: log["attempt"])
                .append(db, offset: 0, length: length, compressed: compressed)
        }
        try db.execute(
            sql: "UPDATE runs SET logs_deleted_at = ? WHERE id IN (SELECT value FROM json_each(?))",
            arguments: [time, runs.jsonList]
        )
    }
}
