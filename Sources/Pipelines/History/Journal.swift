internal import GRDB

/// What a release did to one object of a cluster, so that it can be taken back.
public struct JournalEntry: Sendable, Equatable {
    public enum Outcome: String, Sendable, CaseIterable {
        /// It was not there before.
        case created
        case changed
        /// It was as the release wants it.
        case unchanged
        /// The cluster did not take it: it is as it was.
        case refused
        /// Taken back: it is as it was before the release, or gone if the release had created it.
        case undone
        /// Not taken back, because it is no longer as the release left it.
        case left
    }

    /// 1, 2, 3… in the order in which the objects were touched.
    public var seq: Int
    /// JSON: what names the object.
    public var object: String
    /// Sealed by the caller; nil: it was not there.
    public var before: [UInt8]?
    /// Sealed by the caller; nil as long as it is not known to be applied.
    public var after: [UInt8]?
    /// Nil: the object may have been touched or not. So it stands after a crash.
    public var outcome: Outcome?
}

extension History {
    /// Records objects before they are touched: on the disk when this returns. One transaction.
    ///
    /// - Parameter objects: what names each (JSON) and what it was like (sealed; nil: it was not there).
    /// - Returns: their numbers, in the same order.
    public func appendJournal(
        release: Int64,
        _ objects: [(object: String, before: [UInt8]?)]
    ) async throws -> [Int] {
        try await write { db, _ in
            let last = try Int.fetchOne(
                db,
                sql: "SELECT coalesce(max(seq), 0) FROM journal WHERE release_id = ?",
                arguments: [release]
            )
            let first = (last ?? 0) + 1
            let statement = try db.cachedStatement(
                sql: "INSERT INTO journal (release_id, seq, object, before) VALUES (?, ?, ?, ?)"
            )
            for (index, entry) in objects.enumerated() {
                try statement.execute(arguments: [release, first + index, entry.object, entry.before?.blob])
            }
            return Array(first..<(first + objects.count))
        }
    }

    /// Records what became of objects. One transaction.
    ///
    /// - Parameter results: for each number the outcome, and what the object is like now (sealed); without the latter,
    ///   what was recorded before stays.
    /// - Throws: ``HistoryError`` with code `not-found` if the release has no such entry.
    public func completeJournal(
        release: Int64,
        _ results: [(seq: Int, after: [UInt8]?, outcome: JournalEntry.Outcome)]
    ) async throws {
        try await write { db, _ in
            let statement = try db.cachedStatement(
                sql: "UPDATE journal SET after = coalesce(?, after), outcome = ? WHERE release_id = ? AND seq = ?"
            )
            for result in results {
                try statement.execute(
                    arguments: [result.after?.blob, result.outcome.rawValue, release, result.seq]
                )
                guard db.changesCount == 1 else {
                    throw HistoryError(.notFound, "Release \(release) has no journal entry \(result.seq).")
                }
            }
        }
    }

    /// Everything that a release did, in order. The journal goes when the release is retired or undone.
    public func journal(release: Int64) async throws -> [JournalEntry] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT seq, object, before, after, outcome FROM journal WHERE release_id = ? ORDER BY seq",
                arguments: [release]
            ).map { row in
                JournalEntry(
                    seq: row["seq"],
                    object: row["object"],
                    before: row.bytes("before"),
                    after: row.bytes("after"),
                    outcome: (row["outcome"] as String?) == nil ? nil : try row.word("outcome")
                )
            }
        }
    }

    /// In the transaction that ends a release.
    static func pruneJournal(_ release: Int64, _ db: Database) throws {
        try db.execute(sql: "DELETE FROM journal WHERE release_id = ?", arguments: [release])
    }
}
