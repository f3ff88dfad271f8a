import FoundationEssentials
import GRDB

/// The same documents in a SQLite file, for one machine without Dapr. Every write is on the disk before it is answered.
public final class SQLiteStateStore: StateStore {
    private let database: DatabasePool

    /// Opens the database of a folder, which is made if it is missing.
    /// - Throws: what GRDB or the file system throws.
    public init(folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        database = try DatabasePool(path: "\(folder)/state.sqlite", configuration: configuration)
        try database.writeWithoutTransaction { db in
            // Only after opening: in WAL mode GRDB sets NORMAL, with which the last writes may be lost.
            try db.execute(sql: "PRAGMA synchronous = FULL")
            try db.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS document (
                        key TEXT PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL, expires INTEGER
                    ) STRICT;
                    CREATE INDEX IF NOT EXISTS document_expires ON document(expires) WHERE expires IS NOT NULL;
                    """
            )
        }
    }

    public func read(_ keys: [String]) async throws -> [String: StateDocument] {
        try await attempt {
            try await self.database.read { db in
                let now = Timestamp.now.milliseconds
                let statement = try db.cachedStatement(
                    sql: "SELECT value, version FROM document WHERE key = ? AND (expires IS NULL OR expires > ?)"
                )
                var documents: [String: StateDocument] = [:]
                for key in keys {
                    guard let row = try Row.fetchOne(statement, arguments: [key, now]) else { continue }
                    let value: Data = row[0]
                    documents[key] = StateDocument(value: Array(value), etag: "\(row[1] as Int64)")
                }
                return documents
            }
        }
    }

    public func write(_ key: String, _ value: [UInt8], etag: String?, lifetime: Duration?) async throws {
        let now = Timestamp.now.milliseconds
        let expires = lifetime.map { now + $0.components.seconds * 1000 }
        let isWritten = try await attempt {
            try await self.database.write { db in
                try db.execute(sql: "DELETE FROM document WHERE expires <= ?", arguments: [now])
                if let etag {
                    try db.execute(
                        sql:
                            "UPDATE document SET value = ?, version = version + 1, expires = ? WHERE key = ? AND version = ?",
                        arguments: [Data(value), expires, key, Int64(etag)]
                    )
                } else {
                    try db.execute(
                        sql: "INSERT INTO document VALUES (?, ?, 1, ?) ON CONFLICT (key) DO NOTHING",
                        arguments: [key, Data(value), expires]
                    )
                }
                return db.changesCount == 1
            }
        }
        guard isWritten else { throw StateError.conflict }
    }

    private func attempt<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as DatabaseError {
            throw StateError.failure("the database: \(error)")
        }
    }
}
