import FoundationEssentials
import GRDB
import Glibc
import Testing

@testable import Pipelines

@Suite("Backup and restore")
struct BackupTests {
    /// A folder for backups, and one that is still empty.
    private let folder: TestFolder
    private var file: String { folder.path + "/backup.db" }

    init() throws { folder = try TestFolder() }

    private func database(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = true
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    private func mode(_ path: String) -> mode_t {
        var facts = stat()
        return stat(path, &facts) == 0 ? facts.st_mode & 0o777 : 0
    }

    @Test("A backup takes nobody's file, and needs a name of its own")
    func names() throws {
        let fixture = try Fixture()
        try "mine".write(toFile: file + ".part", atomically: true, encoding: .utf8)
        _ = try Backup.make(of: fixture.folder, to: file)
        #expect(try String(contentsOfFile: file + ".part", encoding: .utf8) == "mine")
        for name in ["", "/", folder.path + "/new/", folder.path, file] {
            let error = #expect(throws: HistoryError.self) { try Backup.make(of: fixture.folder, to: name) }
            #expect(error?.code == .conflict, "\(name)")
        }
    }

    @Test("A backup that is taken while the server writes is one moment of it, whole, and a server starts from it")
    func underLoad() async throws {
        let fixture = try Fixture()
        let hash = try await fixture.register()
        let log = DeliveryLog(history: fixture.history)
        defer { log.stop() }
        @Sendable func push(_ number: Int) async -> Bool {
            var push = IncomingPush.sample("g\(number)")
            push.message = String(repeating: "message ", count: 500)
            let answer = await log.accept(push, .accepted(pipelines: [("todo", "todo", hash)]))
            if case .accepted = answer { return true } else { return false }
        }
        let least = 40
        for number in 0..<least { #expect(await push(number)) }
        let isDone = Locked(false)
        let writing = Task {
            var count = least
            while !isDone.value, await push(count) { count += 1 }
            return count
        }
        for number in 0..<3 { _ = try Backup.make(of: fixture.folder, to: "\(file)-\(number)") }
        let backup = try Backup.make(of: fixture.folder, to: file)
        isDone.withLock { $0 = true }
        let most = await writing.value

        #expect(mode(file) == 0o600)
        #expect(backup.size > 30 * 4000)
        #expect(try Fixture.names(in: folder.path).filter { !$0.hasPrefix("backup.db") } == [])
        #expect(access(file + "-wal", F_OK) != 0 && access("\(folder.path)/.backup.db.fairlead-draft", F_OK) != 0)
        let (runs, deliveries) = try await database(file).read { db in
            (
                try Int.fetchOne(db, sql: "SELECT count(*) FROM runs")!,
                try Int.fetchOne(db, sql: "SELECT count(*) FROM deliveries")!
            )
        }
        #expect(runs == deliveries && (least...most).contains(runs))

        let other = folder.path + "/data"
        #expect(try Restore.run(file, into: other, aside: "old").aside == nil)
        let history = try History.open(folder: other)
        defer { try? history.close() }
        #expect(try history.beginEpoch() == 1)
        #expect(try await history.runs().runs.first?.id == Int64(runs))
        // Free pages can be given back, as in the original.
        #expect(try await history.read { try Int.fetchOne($0, sql: "PRAGMA auto_vacuum") } == 2)
        let durability = try history.durability
        #expect(durability.journalMode == "wal" && durability.synchronous == 2)
    }

    @Test("It takes no file's place, needs a database, and changes nothing where it copies from")
    func refusals() throws {
        let fixture = try Fixture()
        try folder.write("mine", to: "backup.db")
        let there = #expect(throws: HistoryError.self) { try Backup.make(of: fixture.folder, to: file) }
        #expect(there?.code == .conflict)
        #expect(SmallFile.text(file) == "mine")
        let none = #expect(throws: HistoryError.self) { try Backup.make(of: folder.path, to: file + "2") }
        #expect(none?.code == .notFound)
        #expect(try Fixture.names(in: folder.path) == ["backup.db"])
        // Nothing is left beside a database that no server has open.
        try fixture.history.close()
        let names = try Fixture.names(in: fixture.folder).sorted()
        _ = try Backup.make(of: fixture.folder, to: file + "3")
        #expect(try Fixture.names(in: fixture.folder).sorted() == names)
    }

    @Test("What was there is kept aside, with its log; a server that runs is in the way")
    func restore() async throws {
        let fixture = try Fixture()
        _ = try await fixture.push()
        _ = try Backup.make(of: fixture.folder, to: file)
        _ = try await fixture.push()
        let held = #expect(throws: HistoryError.self) { try Restore.run(file, into: fixture.folder, aside: "old") }
        #expect(held?.code == .locked)
        #expect(try await fixture.history.runs().runs.count == 2)
        try fixture.history.close()

        let restore = try Restore.run(file, into: fixture.folder, aside: "old")
        let aside = try #require(restore.aside)
        defer { SmallFile.remove(aside) }
        // What is in a log that is still there belongs to it.
        #expect(access(fixture.path + "-wal", F_OK) != 0)
        #expect(mode(fixture.path) == 0o600)
        let history = try History.open(folder: fixture.folder)
        #expect(try await history.runs().runs.map(\.id) == [1])
        try history.close()
        let former = try DatabaseQueue(path: aside + "/fairlead.db")
        #expect(try await former.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM runs") } == 2)
        try former.close()
    }

    enum Bad: CaseIterable { case absent, text, foreign, newer, damaged, withLog }

    @Test("A file that is no sound backup changes nothing", arguments: Bad.allCases)
    func badFiles(bad: Bad) async throws {
        let fixture = try Fixture()
        _ = try await fixture.push()
        try await fixture.history.write { db, _ in
            try db.execute(
                sql: """
                    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
                    INSERT INTO definitions (hash, pipeline, body) SELECT 'h' || i, 'x', hex(randomblob(1000)) FROM n
                    """
            )
        }
        _ = try Backup.make(of: fixture.folder, to: file)
        let expected = try await make(bad)
        try fixture.history.close()
        let names = try Fixture.names(in: fixture.folder).sorted()
        let error = #expect(throws: HistoryError.self) { try Restore.run(file, into: fixture.folder, aside: "old") }
        #expect(error?.code == expected)
        let words = error?.message ?? ""
        #expect(words.contains(file) && !words.contains(fixture.folder), "\(words)")
        #expect(try Fixture.names(in: fixture.folder).sorted() == names)
        let history = try History.open(folder: fixture.folder)
        #expect(try await history.runs().runs.count == 1)
        try history.close()
    }

    private func make(_ bad: Bad) async throws -> HistoryError.Code {
        switch bad {
        case .absent:
            unlink(file)
            return .notFound
        case .text:
            unlink(file)
            try SmallFile.write(String(repeating: "no database ", count: 100), to: file)
            return .corrupt
        case .foreign: return try await changing(.corrupt, "PRAGMA application_id = 1")
        case .newer: return try await changing(.newerSchema, "PRAGMA user_version = 99")
        case .damaged:
            let handle = open(file, O_WRONLY)
            defer { close(handle) }
            var facts = stat()
            fstat(handle, &facts)
            let noise = [UInt8](repeating: 0x5a, count: 4096)
            for page in 30..<40 { pwrite(handle, noise, 4096, page * 4096) }
            try #require(facts.st_size > 40 * 4096)
            return .corrupt
        case .withLog:
            try SmallFile.write("log", to: file + "-wal")
            return .conflict
        }
    }

    private func changing(_ code: HistoryError.Code, _ sql: String) async throws -> HistoryError.Code {
        let database = try DatabaseQueue(path: file)
        try await database.writeWithoutTransaction { try $0.execute(sql: sql) }
        try database.close()
        return code
    }

    @Test("After a restore that was cut short no server begins anew; another restore completes it")
    func cutShort() async throws {
        let fixture = try Fixture()
        _ = try await fixture.push()
        _ = try Backup.make(of: fixture.folder, to: file)
        try fixture.history.close()
        // As it stands between the two renames.
        try #require(rename(fixture.path, fixture.path + DatabaseFile.restoringSuffix) == 0)
        let error = #expect(throws: HistoryError.self) { try History.open(folder: fixture.folder) }
        #expect(error?.code == .corrupt)
        #expect(access(fixture.path, F_OK) != 0)
        _ = try Restore.run(file, into: fixture.folder, aside: "old")
        let history = try History.open(folder: fixture.folder)
        #expect(try await history.runs().runs.count == 1)
        try history.close()
    }
}
