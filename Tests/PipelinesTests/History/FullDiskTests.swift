import GRDB
import Glibc
import Testing

@testable import Pipelines

@Suite("A disk that is really full", .enabled(if: SmallDisk.isPossible, "needs root, to mount a small file system"))
struct FullDiskTests {
    private static let decision = DeliveryDecision.accepted(pipelines: [("todo", "todo", "")])

    private func fixture(megabytes: Int = 4) async throws -> (SmallDisk, History, DeliveryDecision) {
        let disk = try SmallDisk(megabytes: megabytes)
        let history = try History.open(folder: disk.path + "/data")
        let hash = try await history.registerDefinition(.sample())
        return (disk, history, .accepted(pipelines: [("todo", "todo", hash)]))
    }

    @Test("What is refused is refused whole, what was taken stays, and it goes on by itself")
    func goesOn() async throws {
        let (disk, history, decision) = try await fixture()
        defer { try? history.close() }
        let log = DeliveryLog(history: history)
        defer { log.stop() }
        var taken: [String] = []
        var refused = 0
        try disk.fill()
        // The log's file has room that was written before: the first ones may still be taken.
        for number in 0..<2000 where refused < 20 {
            var push = IncomingPush.sample("g\(number)")
            push.message = String(repeating: "long ", count: 1000)
            switch await log.accept(push, decision) {
            case .accepted: taken.append(push.guid)
            case .failed(let fault):
                #expect(fault.code == .diskFull)
                refused += 1
            case .duplicate: Issue.record("it was not there before")
            }
        }
        #expect(refused == 20)
        disk.free()
        #expect(
            await log.accept(.sample("after"), decision)
                == .accepted(
                    delivery: "after",
                    runs: [AcceptedRun(id: Int64(taken.count + 1), pipeline: "todo")]
                )
        )
        let guids = try await history.read { try String.fetchAll($0, sql: "SELECT guid FROM deliveries ORDER BY id") }
        #expect(guids == taken + ["after"])
        #expect(try await history.read { try String.fetchOne($0, sql: "PRAGMA integrity_check") } == "ok")
    }

    @Test("A server that starts on it says so, makes no half database, and starts when there is space")
    func start() throws {
        let disk = try SmallDisk(megabytes: 1)
        try disk.fill()
        let first = #expect(throws: HistoryError.self) { try History.open(folder: disk.path + "/data") }
        #expect(first?.code == .diskFull || first?.code == .readOnly, "\(String(describing: first))")
        #expect(access(disk.path + "/data/fairlead.db", F_OK) != 0)
        disk.free()
        try History.open(folder: disk.path + "/data").close()
        try disk.fill()
        let again = #expect(throws: HistoryError.self) {
            let history = try History.open(folder: disk.path + "/data")
            defer { try? history.close() }
            _ = try history.beginEpoch()
        }
        #expect(again?.code == .diskFull, "\(String(describing: again))")
        disk.free()
        let history = try History.open(folder: disk.path + "/data")
        #expect(try history.beginEpoch() == 1)
        try history.close()
    }

    @Test("A file system that is read-only is refused, and nothing is made in its place")
    func readOnly() async throws {
        let (disk, history, _) = try await fixture()
        try history.close()
        try await disk.makeReadOnly()
        let error = #expect(throws: HistoryError.self) { try History.open(folder: disk.path + "/data") }
        #expect(error?.code == .readOnly)
        #expect(try Fixture.names(in: disk.path + "/data").sorted() == ["fairlead.db", "lock"])
    }

    @Test("The end of a log that found no room is written with the next call")
    func log() async throws {
        let (disk, history, decision) = try await fixture()
        defer { try? history.close() }
        let deliveries = DeliveryLog(history: history)
        _ = await deliveries.accept(.sample("g"), decision)
        deliveries.stop()
        let attempt = try await history.startAttempt(run: 1, stage: .build)
        let log = LogWriter(history: history, run: 1, stage: .build, attempt: attempt) { bytes, _ in bytes }
        try disk.fill()
        // Noise, which does not get smaller.
        let text = noise(1 << 20)
        log.write(text)
        let error = await #expect(throws: HistoryError.self) { try await log.finish() }
        #expect(error?.code == .diskFull)
        disk.free()
        try await log.finish()
        let end = try await history.read { try Int.fetchOne($0, sql: "SELECT log_bytes FROM attempts") }
        #expect(end == text.count)
    }
}

@Suite("What became of a run while the disk is full")
struct RecordingTests {
    private func room() async throws -> (TestServer, Int64) {
        let server = try TestServer()
        let run = try await server.run(.sample())
        let epoch = try server.history.beginEpoch()
        #expect(try await server.history.claimNext(epoch: epoch).map(\.run.id) == [run])
        return (server, run)
    }

    /// More than a page.
    private static let reason = Reason("disk-full", String(repeating: "full ", count: 100_000))

    @Test("It is recorded once there is space, without anybody's help")
    func waits() async throws {
        let (server, run) = try await room()
        try server.fixture.limitPages(1)
        let tries = Locked(0)
        async let recorded = server.needs.recording(run: run) {
            tries.withLock { $0 += 1 }
            return try await server.history.finishRun(run, status: .errored, reason: Self.reason)
        }
        try await eventually("it was refused and tried again") { tries.value > 1 }
        #expect(try await server.history.run(run)?.summary.status == .running)
        try server.fixture.limitPages(1_000_000)
        #expect(try await recorded)
        #expect(try await server.history.run(run)?.summary.reason == Self.reason)
    }

    @Test("It is recorded once another program gives the database free")
    func locked() async throws {
        let (server, run) = try await room()
        let tries = Locked(0)
        try await server.needs.recording(run: run) {
            let first = tries.withLock { tries -> Bool in
                tries += 1
                return tries == 1
            }
            if first { throw HistoryError(.busy, "Another process keeps the database locked.") }
            try await server.history.finishRun(run, status: .succeeded, reason: nil)
        }
        #expect(tries.value == 2)
        #expect(try await server.history.run(run)?.summary.status == .succeeded)
    }

    @Test("A server that goes down waits for nothing: the next one claims the run again")
    func stopping() async throws {
        let (server, run) = try await room()
        try server.fixture.limitPages(1)
        server.needs.stopping.set()
        let error = await #expect(throws: HistoryError.self) {
            try await server.needs.recording(run: run) {
                try await server.history.finishRun(run, status: .errored, reason: Self.reason)
            }
        }
        #expect(error?.code == .diskFull)
    }

    @Test("Whoever met the full disk, the run says so; a verdict stays one")
    func words() throws {
        let server = try TestServer()
        func code(_ error: any Error) -> String { server.needs.reason(of: error).code }
        #expect(code(HistoryError(.diskFull, "The disk is full.")) == "disk-full")
        #expect(code(StageError(.errored, "git", "could not write to 'x': No space left on device")) == "disk-full")
        #expect(code(StageError(.failed, "build-failed", "step exit 1\nNo space left on device")) == "build-failed")
        #expect(code(StageError(.errored, "git", "the pack is damaged")) == "git")
        #expect(code(HistoryError(.busy, "Busy.")) == "database-busy")
        #expect(code(HistoryError(.closed, "Closed.")) == "internal")
    }
}
