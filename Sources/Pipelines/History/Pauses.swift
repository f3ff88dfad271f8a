internal import GRDB

/// What keeps an environment from beginning anything: somebody has paused it.
public struct EnvironmentPause: Encodable, Sendable, Equatable {
    /// Milliseconds since 1970 UTC; ISO 8601 in JSON.
    public var since: Int64
    public var by: String?
    public var reason: String?

    private enum Key: String, CodingKey { case since, by, reason }

    public func encode(to encoder: any Encoder) throws {
        var json = encoder.container(keyedBy: Key.self)
        try json.encode(Timestamp(since), forKey: .since)
        try json.encode(by, forKey: .by)
        try json.encode(reason, forKey: .reason)
    }
}

/// What became of the wish to pause an environment.
public enum PauseResult: Sendable, Equatable {
    case paused
    /// It was paused before, like this, and still is.
    case already(EnvironmentPause)
}

extension History {
    /// The environment's pause; nil if there is none.
    public func pause(environment: String) async throws -> EnvironmentPause? {
        try await read { db in try EnvironmentPause.find(environment, db) }
    }

    /// Begins nothing more in an environment until ``resume(environment:)``, also after a restart. What runs is brought to
    /// its end, and what is queued waits, rollbacks and re-runs too.
    ///
    /// - Parameters:
    ///   - reason: for people; nil if nobody gave one.
    ///   - by: who asked.
    public func pause(environment: String, reason: String?, by: String?) async throws -> PauseResult {
        try await write { [now] db, changes in
            if let pause = try EnvironmentPause.find(environment, db) { return .already(pause) }
            try db.execute(
                sql: """
                    INSERT INTO environments (name, paused_at, paused_by, pause_reason) VALUES (?, ?, ?, ?)
                    ON CONFLICT (name) DO UPDATE SET paused_at = excluded.paused_at, paused_by = excluded.paused_by,
                        pause_reason = excluded.pause_reason
                    """,
                arguments: [environment, now(), by, reason]
            )
            changes += try HeldLane.changed(environment, db)
            return .paused
        }
    }
}

extension EnvironmentPause {
    static func find(_ environment: String, _ db: Database) throws -> EnvironmentPause? {
        try Row.fetchOne(
            db,
            sql: """
                SELECT paused_at, paused_by, pause_reason FROM environments WHERE name = ? AND paused_at IS NOT NULL
                """,
            arguments: [environment]
        ).map { EnvironmentPause(since: $0["paused_at"], by: $0["paused_by"], reason: $0["pause_reason"]) }
    }

    static func end(_ environment: String, _ db: Database) throws {
        try db.execute(
            sql: "UPDATE environments SET paused_at = NULL, paused_by = NULL, pause_reason = NULL WHERE name = ?",
            arguments: [environment]
        )
    }
}
