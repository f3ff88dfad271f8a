import GRDB
import Glibc
import Testing

@testable import Pipelines

@Suite("What is old is deleted, and nothing else")
struct ExpiryTests {
    private static let day: Int64 = 86_400_000

    /// Small bounds, which the settings would not take.
    private static func rules(runs: Int = 5, days: Int = 365, releases: Int = 2) -> Retention {
        var rules = Retention()
        rules.runs = .init(count: runs, days: days)
        rules.logs = .init(count: 3, days: days)
        rules.releases = releases
        return rules
    }

    private func expiry(_ fixture: Fixture, _ rules: Retention = Self.rules()) -> Expiry {
        Expiry(history: fixture.history, rules: rules, pause: .zero)
    }

    /// A run that has gone its way, with a log, an image, a report, a release that is live now.
    @discardableResult
    private func deploy(_ fixture: Fixture, _ epoch: Int64, log: Int = 1000, pipeline: String = "todo") async throws
        -> Int64
    {
        let history = fixture.history
        let run = try await fixture.push(pipeline)
        #expect(try await history.claimNext(epoch: epoch).map(\.run.id) == [run])
        let attempt = try await history.startAttempt(run: run, stage: .build)
        let writer = LogWriter(history: history, run: run, stage: .build, attempt: attempt) { bytes, _ in bytes }
        writer.write(noise(log))
        try await writer.finish()
        try await history.finishAttempt(
            run: run,
            stage: .build,
            attempt: attempt,
            status: .succeeded,
            reason: nil,
            output: Array("{}".utf8)
        )
        try await history.recordImage(
            pipeline: pipeline,
            name: "web",
            key: "k\(run)",
            digest: "sha256:\(run)",
            reference: "r@sha256:\(run)",
            run: run
        )
        let release = try await history.beginRelease(environment: pipeline, run: run, body: [1, 2, 3], images: [])
        try await history.writeJournal(release: release, [JournalRecord(seq: 1, object: "a", entry: [7])])
        try await history.markLive(release)
        try await history.finishRun(run, status: .succeeded, reason: nil)
        return run
    }

    private func ids(_ fixture: Fixture) throws -> [Int64] {
        try fixture.outside { try Int64.fetchAll($0, sql: "SELECT id FROM runs ORDER BY id") }
    }

    private func length(_ fixture: Fixture, _ run: Int64) async throws -> Int {
        try await fixture.history.log(run: run, stage: .build, attempt: 1, after: 0, limit: 1 << 20).bytes.count
    }

    private func log(_ fixture: Fixture, _ run: Int64) async throws -> String {
        let log = try await fixture.history.log(run: run, stage: .build, attempt: 1, after: 0, limit: 1 << 20)
        #expect(log.complete)
        return String(decoding: log.bytes, as: UTF8.self)
    }

    @Test("Of each pipeline the newest runs stay, with what is theirs; the rest goes whole")
    func count() async throws {
        let fixture = try Fixture()
        fixture.history.report(by: ReportRules(url: nil))
        let epoch = try fixture.history.beginEpoch()
        for _ in 0..<12 { try await deploy(fixture, epoch) }
        for _ in 0..<2 { try await deploy(fixture, epoch, pipeline: "other") }
        let deleted = try await expiry(fixture).run()
        #expect(deleted.runs == 7)
        #expect(try ids(fixture) == Array(8...14))
        for table in ["attempts", "log_chunks", "images", "releases", "reports"] {
            let runs = try fixture.outside { try Int64.fetchSet($0, sql: "SELECT run_id FROM \(table)") }
            #expect(runs == Set(8...14), "\(table)")
        }
        #expect(try fixture.outside { try String.fetchOne($0, sql: "PRAGMA integrity_check") } == "ok")
        #expect(try fixture.outside { try Row.fetchAll($0, sql: "PRAGMA foreign_key_check") } == [])
        #expect(try await fixture.history.run(1) == nil)
        // That a head was seen is known without its run, too.
        let seen = try fixture.outside { try Int64.fetchAll($0, sql: "SELECT after_run FROM heads") }
        #expect(seen == [7])
        // A second look finds nothing.
        #expect(try await expiry(fixture).run() == Expiry.Deleted())
        // Their deliveries stay: a repeated one is known by them.
        #expect(try fixture.outside { try Int.fetchOne($0, sql: "SELECT count(*) FROM deliveries") } == 14)
    }

    @Test("A run's number is never given again, even if every run is too old")
    func numbers() async throws {
        let fixture = try Fixture()
        let epoch = try fixture.history.beginEpoch()
        for _ in 0..<3 {
            let run = try await fixture.push()
            _ = try await fixture.history.claimNext(epoch: epoch)
            try await fixture.history.finishRun(run, status: .failed, reason: nil)
        }
        fixture.pass(milliseconds: 400 * Self.day)
        #expect(try await expiry(fixture).run().runs == 2)
        #expect(try ids(fixture) == [3])
        #expect(try await fixture.push() == 4)
    }

    @Test("What is old goes by its age, too; what is served, and what can be rolled back to, stays")
    func age() async throws {
        let fixture = try Fixture()
        let epoch = try fixture.history.beginEpoch()
        for _ in 0..<5 { try await deploy(fixture, epoch) }
        fixture.pass(milliseconds: 31 * Self.day)
        let failed = try await fixture.push()
        _ = try await fixture.history.claimNext(epoch: epoch)
        try await fixture.history.finishRun(failed, status: .failed, reason: nil)
        let waiting = try await fixture.push()
        fixture.pass(milliseconds: 31 * Self.day)
        // 5 is live, and 3 and 4 are two releases back; 6 is the newest that has ended; 7 waits.
        #expect(try await expiry(fixture, Self.rules(runs: 100, days: 30)).run().runs == 2)
        #expect(try ids(fixture) == [3, 4, 5, failed, waiting])
        #expect(try await fixture.history.liveRelease(environment: "todo")?.run == 5)
    }

    @Test("A release further back than that has no body any more, and nobody can roll back to it")
    func rollbacks() async throws {
        let fixture = try Fixture()
        let (history, epoch) = (fixture.history, try fixture.history.beginEpoch())
        for _ in 0..<5 { try await deploy(fixture, epoch) }
        func rollBack(_ run: Int64) async throws -> Result<Int64, RollbackRefusal> {
            try await history.enqueueRollback(
                pipeline: "todo",
                environment: "todo",
                to: run,
                hold: .untilResumed,
                by: nil
            )
        }
        // One that was asked for before the release went out of reach.
        let rollback = try await rollBack(1).get()
        #expect(try await expiry(fixture, Self.rules(runs: 100)).run().releases == 1)
        #expect(try await history.release(2)?.body == [])
        for kept: Int64 in [1, 3, 4, 5] { #expect(try await history.release(kept)?.body == [1, 2, 3]) }
        #expect(try await history.requestCancel(run: rollback) == .cancelled)
        #expect(try await rollBack(2) == .failure(.discarded))
        #expect(try await history.requestCancel(run: rollBack(3).get()) == .cancelled)
    }

    @Test("The run whose release a rollback applied stays as long as the rollback")
    func origin() async throws {
        let fixture = try Fixture()
        let (history, epoch) = (fixture.history, try fixture.history.beginEpoch())
        try await deploy(fixture, epoch)
        try await deploy(fixture, epoch)
        let rollback = try await history.enqueueRollback(
            pipeline: "todo",
            environment: "todo",
            to: 1,
            hold: .untilResumed,
            by: nil
        ).get()
        #expect(try await history.claimNext(epoch: epoch).map(\.run.id) == [rollback])
        let release = try await history.beginRelease(environment: "todo", run: rollback, body: [9], images: [])
        try await history.markLive(release)
        try await history.finishRun(rollback, status: .succeeded, reason: nil)
        #expect(try await history.resume(environment: "todo") != .notHeld)
        for _ in 0..<10 { try await deploy(fixture, epoch) }
        let rules = Self.rules(runs: 3, releases: 1)
        // The rollback goes; what it applied with the next look.
        _ = try await expiry(fixture, rules).run()
        _ = try await expiry(fixture, rules).run()
        #expect(try ids(fixture) == [11, 12, 13])
    }

    @Test("Logs go before their runs, and say so")
    func logs() async throws {
        let fixture = try Fixture()
        let epoch = try fixture.history.beginEpoch()
        for _ in 0..<8 { try await deploy(fixture, epoch, log: 100_000) }
        let before = try fixture.outside { try Int.fetchOne($0, sql: "SELECT sum(length(data)) FROM log_chunks")! }
        // Of 8 runs the logs of 3 stay; 6 and 7 would stay as what can be rolled back to anyway.
        let deleted = try await expiry(fixture, Self.rules(runs: 100)).run()
        #expect(deleted.logs == 5 && deleted.runs == 0)
        for run: Int64 in 1...5 { #expect(try await log(fixture, run).contains("retention")) }
        for run: Int64 in 6...8 { #expect(try await length(fixture, run) == 100_000) }
        let after = try fixture.outside { try Int.fetchOne($0, sql: "SELECT sum(length(data)) FROM log_chunks")! }
        #expect(after < before / 2)
        #expect(try await expiry(fixture, Self.rules(runs: 100)).run() == Expiry.Deleted())
    }

    @Test("Old deliveries go, but for those of runs that stay and the newest thousand")
    func deliveries() async throws {
        let fixture = try Fixture()
        _ = try await fixture.push()
        let log = DeliveryLog(history: fixture.history)
        defer { log.stop() }
        for number in 0..<1500 { _ = await log.accept(.sample("i\(number)"), .ignored(Reason("x", "X."))) }
        fixture.pass(milliseconds: 91 * Self.day)
        #expect(try await expiry(fixture).run().deliveries == 500)
        let left = try fixture.outside { try Int64.fetchAll($0, sql: "SELECT id FROM deliveries ORDER BY id") }
        #expect(left == [1] + Array(502...1501))
    }

    /// Bytes of the file, once the log is copied back.
    private func size(_ fixture: Fixture) throws -> Int {
        let connection = try DatabaseQueue(path: fixture.path)
        try connection.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        try connection.close()
        var facts = stat()
        stat(fixture.path, &facts)
        return Int(facts.st_size)
    }

    @Test("The file gets smaller")
    func shrinks() async throws {
        let fixture = try Fixture()
        let epoch = try fixture.history.beginEpoch()
        for _ in 0..<8 { try await deploy(fixture, epoch, log: 500_000) }
        let before = try size(fixture)
        let deleted = try await expiry(fixture, Self.rules(runs: 100)).run()
        #expect(deleted.logs == 5 && deleted.pages > 200)
        // Of eight logs three are left, and a MiB for what comes next.
        let after = try size(fixture)
        #expect(after < before / 2 + (1 << 20), "\(before) → \(after)")
        #expect(try fixture.outside { try String.fetchOne($0, sql: "PRAGMA integrity_check") } == "ok")
    }

    @Test("Pushes are accepted between its pieces")
    func turns() async throws {
        let fixture = try Fixture()
        try await fixture.fill(runs: 200)
        let log = DeliveryLog(history: fixture.history)
        defer { log.stop() }
        let hash = try await fixture.register()
        let isDone = Locked(false)
        let accepting = Task {
            var accepted = 0
            while !isDone.value {
                _ = await log.accept(.sample("load\(accepted)"), .accepted(pipelines: [("todo", "todo", hash)]))
                accepted += 1
            }
            return accepted
        }
        let deleted = try await Expiry(history: fixture.history, rules: Self.rules(), pause: .milliseconds(1)).run()
        isDone.withLock { $0 = true }
        #expect(deleted.runs >= 190)
        #expect(await accepting.value > 30)
    }
}

extension Fixture {
    /// Runs of pipeline `todo` that have ended, with attempts, logs, releases and reports, made at once.
    func fill(runs count: Int) async throws {
        _ = try await register()
        try await history.write { db, _ in
            try db.execute(
                sql: """
                    CREATE TEMP TABLE n (i INTEGER PRIMARY KEY);
                    WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < \(count))
                        INSERT INTO n SELECT i FROM c;
                    INSERT INTO deliveries (guid, event, repository, ref, before, after, received_at, outcome)
                        SELECT 'f' || i, 'push', 'acme/todo', 'refs/heads/main', '', 'a1', i, 'accepted' FROM n;
                    INSERT INTO runs (delivery_id, pipeline, environment, definition_id, trigger, ref, revision, status,
                        queued_at, finished_at)
                        SELECT i, 'todo', 'todo', 1, 'push', 'refs/heads/main', 'a1', 'succeeded', i, i + 1 FROM n;
                    INSERT INTO attempts (run_id, stage, attempt, status, started_at, finished_at, log_bytes, output)
                        SELECT i, s.value, 1, 'succeeded', i, i, 20000, zeroblob(500)
                        FROM n, json_each('["clone","build","push","deploy","smoke-test"]') s;
                    INSERT INTO log_chunks (run_id, stage, attempt, offset, length, data)
                        SELECT run_id, stage, 1, 0, 20000, randomblob(6000) FROM attempts;
                    INSERT INTO releases (environment, run_id, status, body, images, created_at)
                        SELECT 'todo', i, CASE WHEN i = \(count) THEN 'live' ELSE 'retired' END, randomblob(8000), '[]', i
                        FROM n;
                    INSERT INTO environments (name, live_release, live_run) VALUES ('todo', \(count), \(count));
                    INSERT INTO reports (run_id, repository, revision, environment, kind, state, description, created_at,
                        next_try_at, done_at)
                        SELECT i, 'acme/todo', 'a1', 'todo', 'status', 'success', 'done', i, i, i FROM n;
                    DROP TABLE n;
                    """
            )
        }
    }
}
