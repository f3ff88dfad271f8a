import Foundation
import GRDB
import Testing

@testable import Pipelines

/// `Tests/schemas` has a database of every schema, made by that schema. A new one needs a file more there:
/// `Tests/schemas/make`.
@Suite("Upgrading from every earlier schema")
struct UpgradeTests {
    /// Columns that a later schema has taken away: they were never written.
    private static let dropped: Set<String> = [
        "environments.held_by", "environments.held_at", "environments.hold_reason",
    ]

    private static func load(_ version: Int, into path: String) throws {
        let file = packageRoot.appending(path: "Tests/schemas/schema-\(version).sql")
        var configuration = Configuration()
        // The file has its tables in the order of their names.
        configuration.foreignKeysEnabled = false
        let database = try DatabaseQueue(path: path, configuration: configuration)
        try database.writeWithoutTransaction { db in
            try db.execute(sql: try String(contentsOf: file, encoding: .utf8))
        }
        try database.close()
    }

    /// "table.column" → its values, in the order of the rows.
    private static func content(_ db: Database) throws -> [String: [DatabaseValue]] {
        var content: [String: [DatabaseValue]] = [:]
        let tables = try String.fetchAll(
            db,
            sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
        for table in tables {
            let rows = try Row.fetchAll(db, sql: "SELECT * FROM \"\(table)\"")
            for column in try db.columns(in: table).map(\.name) {
                content["\(table).\(column)"] = rows.map { $0[column] }
            }
        }
        return content
    }

    /// Tables with their columns, and indexes, however they came about.
    private static func layout(_ db: Database) throws -> [String] {
        let columns = """
            SELECT m.name || ' ' || c.name || ' ' || c.type || ' ' || c."notnull" || ' ' || coalesce(c.dflt_value, '')
                || ' ' || c.pk
            FROM sqlite_master m, pragma_table_xinfo(m.name) c WHERE m.type = 'table'
            """
        let keys = """
            SELECT m.name || ' ' || f."from" || ' → ' || f."table" || ' ' || coalesce(f."to", '')
            FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'
            """
        let indexes = "SELECT name || ' ' || coalesce(sql, '') FROM sqlite_master WHERE type = 'index'"
        return try [columns, keys, indexes].flatMap { try String.fetchAll(db, sql: $0) }.sorted()
    }

    @Test("There is a database of each schema")
    func files() throws {
        let folder = packageRoot.appending(path: "Tests/schemas").path
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(names == ["make"] + (1...Schema.version).map { "schema-\($0).sql" })
    }

    @Test("Every row is there afterwards, and the layout is that of a new database", arguments: 1...Schema.version)
    func rows(version: Int) async throws {
        let fixture = try Fixture()
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        let path = folder + "/fairlead.db"
        try Self.load(version, into: path)
        let database = try DatabaseQueue(path: path)
        let before = try await database.read { try Self.content($0) }
        try database.close()
        for (column, values) in before { #expect(!values.isEmpty, "\(column)") }

        let history = try History.open(folder: folder)
        defer { try? history.close() }
        let after = try await history.read { try Self.content($0) }
        for (column, values) in before where !Self.dropped.contains(column) {
            #expect(after[column] == values, "\(column)")
        }
        #expect(try await history.read { try Schema.version(of: $0) } == Schema.version)
        let expected = try await fixture.history.read { try Self.layout($0) }
        #expect(try await history.read { try Self.layout($0) } == expected)
        #expect(try await history.read { try String.fetchOne($0, sql: "PRAGMA integrity_check") } == "ok")
        #expect(try await history.read { try Row.fetchAll($0, sql: "PRAGMA foreign_key_check").count } == 0)
        #expect(try await history.read { try Int.fetchOne($0, sql: "PRAGMA auto_vacuum") } == 2)
    }

    @Test("A server goes on with what it finds", arguments: 1...Schema.version)
    func goesOn(version: Int) async throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        try Self.load(version, into: folder + "/fairlead.db")
        let history = try History.open(folder: folder)
        defer { try? history.close() }
        let epoch = try history.beginEpoch()
        #expect(epoch == 8)
        #expect(try await history.run(2)?.summary.undo?.status == .succeeded)
        #expect(try await history.run(3)?.summary.supersededBy == 4)
        #expect(try await history.definition(run: 1)?.deploy.manifests == .files(["deploy/todo/k8s"]))
        #expect(try await history.liveRelease(environment: "production")?.body == [1, 2])
        let log = try await history.log(run: 1, stage: .clone, attempt: 1, after: 0, limit: 100)
        #expect(String(decoding: log.bytes, as: UTF8.self) == "hello\n" && log.complete)
        #expect(try await history.token(hash: [0xaa])?.role == .deployer)
        #expect(try await history.staleChildren(epoch: epoch).map(\.pid) == [4242])
        // What was begun is taken over, although the environment is paused; what waits goes on waiting.
        #expect(try await history.claimNext(epoch: epoch).map(\.run.id).contains(4))
        #expect(try await history.attempts(run: 4).map(\.reason?.code) == ["interrupted"])
        #expect(try await history.run(5)?.summary.waitingFor == .paused)
        // New numbers go on from the old ones.
        let newest = try await history.runs(limit: 1).runs[0].id
        let run = try await history.enqueueManual(
            pipeline: "todo",
            environment: "production",
            definitionHash: "hash-1",
            ref: "refs/heads/main",
            revision: nil,
            by: nil
        )
        #expect(run == newest + 1)
        // What is new works on what is old.
        _ = try await Expiry(history: history, rules: Retention(), pause: .zero).run()
    }
}
