internal import GRDB

/// What a release did to one object of its target, so that it can be taken back.
public struct JournalRecord: Sendable, Equatable {
    /// In the order in which the objects were touched.
    public var seq: Int
    /// Which object, for people: `Deployment web`.
    public var object: String
    /// In the target's own form, sealed by the caller.
    public var entry: [UInt8]
}

extension History {
    /// Records objects, before they are touched and again when it is known what became of them: an entry takes the place
    /// of an earlier one with its number. On the disk when this returns.
    public func writeJournal(release: Int64, _ records: [JournalRecord]) async throws {
        try await write { db, _ in
            let insert = try db.cachedStatement(
                sql: "INSERT OR REPLACE INTO journal (release_id, seq, object, entry) VALUES (?, ?, ?, ?)"
            )
            for record in records {
                try insert.execute(arguments: [release, record.seq, record.object, record.entry.blob])
            }
        }
    }

    /// Everything that a release did, in order. The journal goes when the release is retired or undone.
    public func journal(release: Int64) async throws -> [JournalRecord] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT seq, object, entry FROM journal WHERE release_id = ? ORDER BY seq",
                arguments: [release]
            ).map { row in
                JournalRecord(seq: row["seq"], object: row["object"], entry: row.bytes("entry") ?? [])
            }
        }
    }

    /// In the transaction that ends a release.
    static func pruneJournal(_ release: Int64, _ db: Database) throws {
        try db.execute(sql: "DELETE FROM journal WHERE release_id = ?", arguments: [release])
    }
}
