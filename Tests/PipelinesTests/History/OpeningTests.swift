import GRDB
import Glibc
import Testing

@testable import Pipelines

@Suite("Opening the history")
struct OpeningTests {
    @Test("A commit is on the disk when it returns: WAL, and FULL on the writer")
    func durability() throws {
        let fixture = try Fixture()
        let durability = try fixture.history.durability
        #expect(durability.journalMode == "wal")
        #expect(durability.synchronous == 2)
    }

    @Test("A folder is made with its parents, and nobody else may look into the database")
    func creates() throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        let nested = folder + "/a"
        defer { Fixture.remove(nested) }
        let history = try History.open(folder: nested)
        try history.close()
        var facts = stat()
        try #require(stat(nested + "/fairlead.db", &facts) == 0)
        #expect(facts.st_mode & 0o777 == 0o600)
        #expect(try Fixture.names(in: nested).sorted() == ["fairlead.db", "lock"])
    }

    @Test("Nothing is taken while the file is away, for it would be gone with the process; put back, it goes on")
    func takenAway() async throws {
        let fixture = try Fixture()
        let hash = try await fixture.register()
        let path = fixture.folder + "/fairlead.db"
        #expect(rename(path, path + ".away") == 0)
        let result = await DeliveryLog(history: fixture.history).accept(
            .sample("a"),
            .accepted(pipelines: [("todo", "todo", hash)])
        )
        guard case .failed(let fault) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(fault.code == .corrupt && fault.message.contains("was taken away"))
        let error = #expect(throws: HistoryError.self) { try fixture.history.beginEpoch() }
        #expect(error?.code == .corrupt)
        // Another file of that name is not the one that is written to.
        try SmallFile.write("something else", to: path)
        #expect(throws: HistoryError.self) { try fixture.history.beginEpoch() }
        #expect(rename(path + ".away", path) == 0)
        _ = try await fixture.push()
    }

    @Test("What was written is there after a restart, and epochs go on counting")
    func reopens() async throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        let first = try History.open(folder: folder)
        #expect(try first.beginEpoch() == 1)
        let hash = try await first.registerDefinition(.sample())
        try first.close()
        let second = try History.open(folder: folder)
        defer { try? second.close() }
        #expect(try second.beginEpoch() == 2)
        #expect(try await second.definition(hash: hash) == .sample())
        #expect(try await second.definition(hash: "none") == nil)
    }

    @Test("One server per data folder; the refusal names the one that holds it")
    func lock() throws {
        let fixture = try Fixture()
        let error = #expect(throws: HistoryError.self) { try History.open(folder: fixture.folder) }
        #expect(error?.code == .locked)
        #expect(error?.message.contains("process \(getpid())") == true)
        try fixture.history.close()
        try History.open(folder: fixture.folder).close()
    }

    @Test("A child that outlives the server does not keep the folder locked")
    func lockIsNotInherited() throws {
        let fixture = try Fixture()
        var fault = stat()
        for entry in try Fixture.names(in: "/proc/self/fd") {
            guard let descriptor = Int32(entry), let path = realpath("/proc/self/fd/\(entry)", nil) else { continue }
            defer { free(path) }
            guard String(cString: path) == fixture.folder + "/lock", fstat(descriptor, &fault) == 0 else { continue }
            #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
            return
        }
        Issue.record("the lock's descriptor was not found")
    }

    @Test("A short write beside the server needs no lock")
    func withoutLock() async throws {
        let fixture = try Fixture()
        let beside = try History.open(folder: fixture.folder, lock: false)
        let id = try await beside.createToken(name: "ci", role: .deployer, hash: [1])
        try beside.close()
        #expect(try await fixture.history.token(hash: [1])?.id == id)
        #expect(throws: HistoryError.self) { try History.open(folder: fixture.folder) }
    }

    @Test("Without a server, a short write makes the database and leaves the folder free")
    func withoutServer() throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        let short = try History.open(folder: folder, lock: false)
        let server = try History.open(folder: folder)
        try short.close()
        try server.close()
    }

    @Test(
        "A file that is no database is refused and left as it is",
        arguments: [[], Array("not a database\n".utf8), [UInt8](repeating: 0, count: 8192)]
    )
    func corrupt(content: [UInt8]) throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        let path = folder + "/fairlead.db"
        try write(content, to: path)
        let error = #expect(throws: HistoryError.self) { try History.open(folder: folder) }
        #expect(error?.code == .corrupt)
        #expect(try read(path) == content)
        // The folder is free again.
        unlink(path)
        try History.open(folder: folder).close()
    }

    @Test("A damaged database is refused: its first page is overwritten after the header")
    func damaged() throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        try History.open(folder: folder).close()
        let path = folder + "/fairlead.db"
        var content = try read(path)
        for index in 100..<4096 { content[index] = 0xff }
        try write(content, to: path)
        let error = #expect(throws: HistoryError.self) { try History.open(folder: folder) }
        #expect(error?.code == .corrupt)
    }

    @Test("Another program's database is refused and left as it is")
    func foreign() throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        let path = folder + "/fairlead.db"
        let other = try DatabaseQueue(path: path)
        try other.write { db in try db.execute(sql: "CREATE TABLE mine (x)") }
        try other.close()
        let content = try read(path)
        let error = #expect(throws: HistoryError.self) { try History.open(folder: folder) }
        #expect(error?.code == .corrupt)
        #expect(try read(path) == content)
    }

    @Test("A database that was taken away from beside its log is not replaced")
    func takenAway() throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        try write([1], to: folder + "/fairlead.db-wal")
        let error = #expect(throws: HistoryError.self) { try History.open(folder: folder) }
        #expect(error?.code == .corrupt)
        #expect(try !Fixture.names(in: folder).contains("fairlead.db"))
    }

    @Test("A folder that a server has used, without its database, gets no new one")
    func gone() throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        try write(Array("{}".utf8), to: folder + "/registries.json")
        let error = #expect(throws: HistoryError.self) { try History.open(folder: folder) }
        #expect(error?.code == .corrupt)
        #expect(try !Fixture.names(in: folder).contains("fairlead.db"))
    }

    @Test("A database that another process keeps locked is refused after 5 s, and is well afterwards")
    func locked() throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        try History.open(folder: folder).close()
        let other = try DatabaseQueue(path: folder + "/fairlead.db")
        try other.inDatabase { db in
            try db.execute(sql: "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
            let error = #expect(throws: HistoryError.self) { try History.open(folder: folder) }
            #expect(error?.code == .busy)
            try db.execute(sql: "ROLLBACK")
        }
        try other.close()
        try History.open(folder: folder).close()
    }

    @Test("Damage behind the first page is told where it is met, and nothing is made anew")
    func damagedWithin() throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        try History.open(folder: folder).close()
        let path = folder + "/fairlead.db"
        var content = try read(path)
        for index in 4096..<content.count { content[index] = 0x5a }
        try write(content, to: path)
        let error = #expect(throws: HistoryError.self) {
            let history = try History.open(folder: folder)
            defer { try? history.close() }
            _ = try history.beginEpoch()
        }
        #expect(error?.code == .corrupt)
        #expect(try read(path).count == content.count)
    }

    @Test("What a crash left of a first start is thrown away")
    func halfMade() throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        try write([1, 2, 3], to: folder + "/fairlead.db.new")
        try History.open(folder: folder).close()
        #expect(try Fixture.names(in: folder).sorted() == ["fairlead.db", "lock"])
    }

    /// A database as the first version left it: a run that is live, a definition in its coding.
    private func writeFirstVersion(_ path: String) throws {
        let database = try DatabaseQueue(path: path)
        try database.writeWithoutTransaction { db in
            try db.execute(
                sql: "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = \(Schema.applicationID)"
            )
            try db.execute(sql: Schema.version1)
            try db.execute(
                sql: "INSERT INTO definitions (hash, pipeline, body) VALUES ('h', 'todo', ?)",
                arguments: [Golden.firstDefinition]
            )
            try db.execute(
                sql: """
                    UPDATE server SET epoch = 7;
                    INSERT INTO runs (pipeline, environment, definition_id, trigger, ref, revision, status, queued_at)
                    VALUES ('todo', 'production', 1, 'manual', 'refs/heads/main', 'a1', 'succeeded', 1);
                    INSERT INTO releases (environment, run_id, status, body, images, created_at, live_at)
                    VALUES ('production', 1, 'live', x'0102', '[]', 2, 3);
                    INSERT INTO environments (name, live_release, live_revision, live_run)
                    VALUES ('production', 1, 'a1', 1);
                    PRAGMA user_version = 1;
                    """
            )
        }
        try database.close()
    }

    @Test("A database of the first version is upgraded with all that is in it")
    func upgrade() async throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        try writeFirstVersion(folder + "/fairlead.db")
        let history = try History.open(folder: folder)
        defer { try? history.close() }
        #expect(try await history.read { try Schema.version(of: $0) } == Schema.version)
        #expect(try history.beginEpoch() == 8)
        let live = try #require(try await history.liveRelease(environment: "production"))
        #expect(live.body == [1, 2] && live.run == 1)
        #expect(try await history.definition(run: 1)?.deploy.manifests == .files(["deploy/todo/k8s"]))
        #expect(try await history.run(1)?.summary.status == .succeeded)
        // What is new works on what is old.
        try await history.writeJournal(release: 1, [JournalRecord(seq: 1, object: "a", entry: [7])])
        #expect(try await history.journal(release: 1).map(\.entry) == [[7]])
        history.report(by: ReportRules(url: nil))
        try await history.setRevision(run: 1, revision: "b2", message: nil, author: nil, forced: false)
        #expect(try await history.dueReports().map(\.revision) == ["b2"])
        let rerun = try await history.rerun(run: 1, from: nil, fresh: false, hold: .untilResumed, by: nil)
        #expect(rerun == .success(.clone))
        #expect(try await history.read { try String.fetchOne($0, sql: "PRAGMA integrity_check") } == "ok")
    }

    @Test("Beside a running server of the first version nothing is upgraded")
    func noUpgradeBeside() throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        try writeFirstVersion(folder + "/fairlead.db")
        let lock = try FolderLock.take(folder: folder)
        let error = #expect(throws: HistoryError.self) { try History.open(folder: folder, lock: false) }
        #expect(error?.code == .olderSchema)
        lock.release()
        let database = try DatabaseQueue(path: folder + "/fairlead.db")
        #expect(try database.read { try Schema.version(of: $0) } == 1)
        try database.close()
    }

    @Test("A newer schema is refused", arguments: [true, false])
    func newerSchema(lock: Bool) throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        let history = try History.open(folder: folder)
        try history.blockingWrite { db, _ in try db.execute(sql: "PRAGMA user_version = 99") }
        try history.close()
        let error = #expect(throws: HistoryError.self) { try History.open(folder: folder, lock: lock) }
        #expect(error?.code == .newerSchema)
        #expect(error?.message.contains("schema 99") == true)
    }

    @Test("A folder that cannot be written is refused", arguments: ["/proc/fairlead", "/proc/self", "/dev/null/x"])
    func readOnly(folder: String) throws {
        let error = #expect(throws: HistoryError.self) { try History.open(folder: folder) }
        #expect(error?.code == .readOnly)
    }

    @Test("A closed history says so, and closing again does nothing")
    func closed() async throws {
        let fixture = try Fixture()
        try fixture.history.close()
        try fixture.history.close()
        let reading = await #expect(throws: HistoryError.self) { try await fixture.history.runs() }
        #expect(reading?.code == .closed)
        let writing = await #expect(throws: HistoryError.self) {
            try await fixture.history.createToken(name: "x", role: .viewer, hash: [1])
        }
        #expect(writing?.code == .closed)
        let log = DeliveryLog(history: fixture.history)
        defer { log.stop() }
        let answer = await log.accept(.sample("late"), .ignored(Reason("x", "X.")))
        #expect(answer == .failed(HistoryError(.closed, "The history is closed.")))
    }

    @Test("Who lets go of it last may be one of its own readers: the folder is free a moment later")
    func droppedByReader() async throws {
        let folder = try Fixture.makeFolder()
        defer { Fixture.remove(folder) }
        let last = Locked<History?>(try History.open(folder: folder))
        let pool = try #require(last.withLock { $0?.pool })
        await withCheckedContinuation { done in
            pool.asyncRead { _ in
                last.withLock { $0 = nil }
                done.resume()
            }
        }
        try await eventually("the folder is free") { (try? History.open(folder: folder).close()) != nil }
    }

    private func write(_ content: [UInt8], to path: String) throws {
        let file = try #require(fopen(path, "w"))
        defer { fclose(file) }
        try #require(fwrite(content, 1, content.count, file) == content.count)
    }

    private func read(_ path: String) throws -> [UInt8] {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var content = [UInt8](repeating: 0, count: 1 << 20)
        content.removeLast(content.count - fread(&content, 1, content.count, file))
        return content
    }
}
