internal import GRDB

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// What was applied to an environment. Times are milliseconds since 1970 UTC.
public struct ReleaseRecord: Sendable, Equatable {
    public enum Status: String, Sendable {
        /// Begun, and neither live nor undone: after a crash it must be brought to one of them.
        case applying
        case live
        /// Another release took its place.
        case retired
        case undone
    }
    public var id: Int64
    public var environment: String
    public var run: Int64
    public var status: Status
    /// As the caller gave it: sealed.
    public var body: [UInt8]
    public var images: [PushedImage]
    public var createdAt: Int64
    public var liveAt: Int64?
    /// When it was retired or undone. Nil for one that is `undone` by name only: it failed and was kept.
    public var retiredAt: Int64?
}

/// What an environment serves. `since` is milliseconds since 1970 UTC.
public struct LiveRelease: Sendable, Equatable {
    public var run: Int64
    public var revision: String?
    public var release: Int64
    public var since: Int64
}

extension History {
    /// Records a release before anything of it is applied, so that a crash leaves a trace of it.
    /// - Parameter body: sealed by the caller; kept as it is.
    public func beginRelease(
        environment: String,
        run: Int64,
        body: [UInt8],
        images: [PushedImage]
    ) async throws -> Int64 {
        let list = String(decoding: try JSONEncoder().encode(images), as: UTF8.self)
        return try await write { [now] db, changes in
            try db.execute(
                sql: """
                    INSERT INTO releases (environment, run_id, status, body, images, created_at)
                    VALUES (?, ?, 'applying', ?, ?, ?)
                    """,
                arguments: [environment, run, body.blob, list, now()]
            )
            let release = db.lastInsertedRowID
            try self.reportWriter(db)?.noteDeployment(run)
            changes.append(.run(run))
            return release
        }
    }

    /// The release is what the environment serves now; the one before it is retired. One transaction.
    /// A release that is live already stays so.
    /// - Throws: ``HistoryError`` with code `conflict` if it was undone or retired.
    public func markLive(_ release: Int64) async throws {
        try await write { [now] db, changes in
            let (environment, run, status) = try Self.releaseFacts(release, db)
            if status == .live { return }
            guard status == .applying else {
                throw HistoryError(.conflict, "Release \(release) is \(status.rawValue) and cannot become live.")
            }
            let time = now()
            let former = try Int64.fetchOne(
                db,
                sql: """
                    UPDATE releases SET status = 'retired', retired_at = ? WHERE environment = ? AND status = 'live'
                    RETURNING id
                    """,
                arguments: [time, environment]
            )
            try db.execute(
                sql: "UPDATE releases SET status = 'live', live_at = ?, replaced = ? WHERE id = ?",
                arguments: [time, former, release]
            )
            try Self.setLive(release, environment, db)
            if let former { try Self.pruneJournal(former, db) }
            // An earlier one that could not be taken back whole: what it left is overtaken, and must not be taken back from
            // under this one.
            let overtaken = try Int64.fetchAll(
                db,
                sql: """
                    UPDATE releases SET status = 'undone', retired_at = ?
                    WHERE environment = ? AND status = 'applying' AND id < ? RETURNING id
                    """,
                arguments: [time, environment, release]
            )
            for earlier in overtaken { try Self.pruneJournal(earlier, db) }
            changes.append(.run(run))
        }
    }

    /// The release is gone from the environment. If it was live, the release that it replaced is live again, or none.
    public func markUndone(_ release: Int64) async throws {
        try await write { [now] db, changes in
            let (environment, run, status) = try Self.releaseFacts(release, db)
            if status == .undone { return }
            guard status != .retired else {
                throw HistoryError(.conflict, "Release \(release) is retired: there is nothing to undo.")
            }
            try db.execute(
                sql: "UPDATE releases SET status = 'undone', retired_at = ? WHERE id = ?",
                arguments: [now(), release]
            )
            try Self.pruneJournal(release, db)
            if status == .live {
                let former = try Int64.fetchOne(
                    db,
                    sql: """
                        UPDATE releases SET status = 'live', retired_at = NULL
                        WHERE id = (SELECT replaced FROM releases WHERE id = ?) RETURNING id
                        """,
                    arguments: [release]
                )
                try Self.setLive(former, environment, db)
            }
            changes.append(.run(run))
        }
    }

    /// The release failed, and what was applied of it stays (`onFailure: keep`). It is no release to go back to, and what
    /// the environment served before is still what is live by record; but the target is not as that one says any more.
    public func markKept(_ release: Int64) async throws {
        try await write { db, changes in
            let (_, run, status) = try Self.releaseFacts(release, db)
            guard status == .applying else {
                throw HistoryError(.conflict, "Release \(release) is \(status.rawValue): it is not to be kept.")
            }
            try db.execute(sql: "UPDATE releases SET status = 'undone' WHERE id = ?", arguments: [release])
            try Self.pruneJournal(release, db)
            changes.append(.run(run))
        }
    }

    /// The release with this id; nil if there is none.
    public func release(_ id: Int64) async throws -> ReleaseRecord? {
        try await releases("id = ?", [id]).first
    }

    /// What the environment serves, with its body; nil if nothing was deployed.
    public func liveRelease(environment: String) async throws -> ReleaseRecord? {
        try await releases("environment = ? AND status = 'live'", [environment]).first
    }

    /// Releases that were begun and are neither live nor undone, oldest first: what a crash left.
    public func unfinishedReleases(environment: String) async throws -> [ReleaseRecord] {
        try await releases("environment = ? AND status = 'applying'", [environment])
    }

    /// What the environment serves, and since when; nil if nothing was deployed.
    public func live(environment: String) async throws -> LiveRelease? {
        try await read { db in try LiveRelease.find(environment, db) }
    }

    private func releases(_ condition: String, _ arguments: StatementArguments) async throws -> [ReleaseRecord] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT * FROM releases WHERE \(condition) ORDER BY id",
                arguments: arguments
            ).map(ReleaseRecord.init(row:))
        }
    }

    private static func releaseFacts(
        _ id: Int64,
        _ db: Database
    ) throws -> (environment: String, run: Int64, status: ReleaseRecord.Status) {
        let row = try Row.fetchOne(
            db,
            sql: "SELECT environment, run_id, status FROM releases WHERE id = ?",
            arguments: [id]
        )
        guard let row else { throw HistoryError(.notFound, "There is no release \(id).") }
        return (row["environment"], row["run_id"], try row.word("status"))
    }

    private static func setLive(_ release: Int64?, _ environment: String, _ db: Database) throws {
        try db.execute(
            sql: """
                INSERT INTO environments (name, live_release, live_run, live_revision)
                VALUES (?1, ?2, (SELECT run_id FROM releases WHERE id = ?2),
                    (SELECT revision FROM runs WHERE id = (SELECT run_id FROM releases WHERE id = ?2)))
                ON CONFLICT (name) DO UPDATE SET live_release = excluded.live_release, live_run = excluded.live_run,
                    live_revision = excluded.live_revision
                """,
            arguments: [environment, release]
        )
    }
}

extension ReleaseRecord {
    fileprivate init(row: Row) throws {
        id = row["id"]
        environment = row["environment"]
        run = row["run_id"]
        status = try row.word("status")
        body = row.bytes("body") ?? []
        images = try JSONDecoder().decode([PushedImage].self, from: Data((row["images"] as String).utf8))
        createdAt = row["created_at"]
        liveAt = row["live_at"]
        retiredAt = row["retired_at"]
    }
}

extension LiveRelease {
    static func find(_ environment: String, _ db: Database) throws -> LiveRelease? {
        try Row.fetchOne(
            db,
            sql: """
                SELECT e.live_run, e.live_revision, l.id, l.live_at
                FROM environments e JOIN releases l ON l.id = e.live_release WHERE e.name = ?
                """,
            arguments: [environment]
        ).map { row in
            LiveRelease(
                run: row["live_run"],
                revision: row["live_revision"],
                release: row["id"],
                since: row["live_at"]
            )
        }
    }
}
