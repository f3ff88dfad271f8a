internal import GRDB

/// The database's layout: an append-only list of migrations. Its length is the version, kept in `user_version`.
///
/// A migration that was released is never edited. Times are milliseconds since 1970 UTC; states are the words of the
/// enums in `Run/Status.swift`.
enum Schema {
    /// "FLrd": marks the file as ours (PRAGMA application_id).
    static let applicationID: Int32 = 0x464C_7264

    static let migrations: [String] = [version1, version2, version3, version4, version5, version6, version7, version8]

    static var version: Int { migrations.count }

    static func version(of db: Database) throws -> Int {
        try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    }

    /// Brings the database up to the newest version, each migration in a transaction of its own.
    static func migrate(_ db: Database) throws {
        for number in try version(of: db)..<version {
            try db.inTransaction(.immediate) {
                try db.execute(sql: migrations[number])
                try db.execute(sql: "PRAGMA user_version = \(number + 1)")
                return .commit
            }
        }
    }
}
