internal import GRDB

/// What somebody may do: each role may do what the ones before it may.
public enum Role: String, Codable, Sendable, CaseIterable {
    case viewer, deployer, admin
}

/// An access token as it is recorded: never the token, only its hash. Times are milliseconds since 1970 UTC.
public struct TokenRecord: Sendable, Equatable {
    public var id: Int64
    public var name: String
    public var role: Role
    public var createdAt: Int64
    public var expiresAt: Int64?
    public var revokedAt: Int64?
}

extension History {
    /// - Parameters:
    ///   - hash: of the token, made by the caller.
    ///   - expiresAt: milliseconds since 1970 UTC; nil: never.
    public func createToken(name: String, role: Role, hash: [UInt8], expiresAt: Int64? = nil) async throws -> Int64 {
        try await write { [now] db, _ in
            try db.execute(
                sql: "INSERT INTO tokens (name, role, hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
                arguments: [name, role.rawValue, hash.blob, now(), expiresAt]
            )
            return db.lastInsertedRowID
        }
    }

    /// The token with this hash, if it still opens anything: neither revoked nor expired.
    public func token(hash: [UInt8]) async throws -> TokenRecord? {
        try await read { [now] db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT * FROM tokens
                    WHERE hash = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
                    """,
                arguments: [hash.blob, now()]
            ).map(TokenRecord.init(row:))
        }
    }

    /// All tokens, also those that open nothing any more, oldest first.
    public func listTokens() async throws -> [TokenRecord] {
        try await read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM tokens ORDER BY id").map(TokenRecord.init(row:))
        }
    }

    /// From now on the token and every session that was opened with it open nothing.
    /// - Returns: false if there is no such token or it was revoked before.
    @discardableResult
    public func revokeToken(id: Int64) async throws -> Bool {
        try await write { [now] db, _ in
            try db.execute(
                sql: "UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
                arguments: [now(), id]
            )
            guard db.changesCount == 1 else { return false }
            try db.execute(sql: "DELETE FROM sessions WHERE token_id = ?", arguments: [id])
            return true
        }
    }

    /// - Parameters:
    ///   - hash: of the session's cookie, made by the caller.
    ///   - expiresAt: milliseconds since 1970 UTC.
    public func createSession(hash: [UInt8], token: Int64, expiresAt: Int64) async throws {
        try await write { db, _ in
            try db.execute(
                sql: "INSERT INTO sessions (hash, token_id, expires_at) VALUES (?, ?, ?)",
                arguments: [hash.blob, token, expiresAt]
            )
        }
    }

    /// The token behind a session, if both still hold.
    public func session(hash: [UInt8]) async throws -> TokenRecord? {
        try await read { [now] db in
            let time = now()
            return try Row.fetchOne(
                db,
                sql: """
                    SELECT t.* FROM sessions s JOIN tokens t ON t.id = s.token_id
                    WHERE s.hash = ? AND s.expires_at > ? AND t.revoked_at IS NULL
                        AND (t.expires_at IS NULL OR t.expires_at > ?)
                    """,
                arguments: [hash.blob, time, time]
            ).map(TokenRecord.init(row:))
        }
    }

    public func deleteSession(hash: [UInt8]) async throws {
        try await write { db, _ in
            try db.execute(sql: "DELETE FROM sessions WHERE hash = ?", arguments: [hash.blob])
        }
    }

    /// Deletes sessions that are over, and returns how many.
    @discardableResult
    public func expireSessions() async throws -> Int {
        try await write { [now] db, _ in
            try db.execute(sql: "DELETE FROM sessions WHERE expires_at <= ?", arguments: [now()])
            return db.changesCount
        }
    }
}

extension TokenRecord {
    fileprivate init(row: Row) throws {
        id = row["id"]
        name = row["name"]
        role = try row.word("role")
        createdAt = row["created_at"]
        expiresAt = row["expires_at"]
        revokedAt = row["revoked_at"]
    }
}
