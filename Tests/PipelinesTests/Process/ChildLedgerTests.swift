import Glibc
import Testing

@testable import Pipelines

@Suite("ChildLedger")
struct ChildLedgerTests {
    private final class Ledger: ChildLedger {
        let records = Locked<[ChildRecord]>([])
        let forgotten = Locked<[Int32]>([])
        let beforeRecord: @Sendable (ChildRecord) async throws -> Void

        init(_ beforeRecord: @escaping @Sendable (ChildRecord) async throws -> Void = { _ in }) {
            self.beforeRecord = beforeRecord
        }

        func record(_ child: ChildRecord) async throws {
            try await beforeRecord(child)
            records.withLock { $0.append(child) }
        }

        func forget(pid: Int32) async { forgotten.withLock { $0.append(pid) } }
    }

    @Test("a child is recorded as what it is, and forgotten when it has ended")
    func recorded() async throws {
        let ledger = Ledger()
        let (_, output) = try await ChildProcess(ledger: ledger, run: 12).capture(
            "sh",
            ["-c", #"echo $$; cut -d' ' -f22 /proc/$$/stat; cat /proc/sys/kernel/random/boot_id"#],
            deadline: .seconds(60)
        )
        let lines = String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
        let record = try #require(ledger.records.withLock { $0.first })
        #expect("\(record.pid)" == lines[0])
        #expect("\(record.startTime)" == lines[1])
        #expect(record.bootID == lines[2])
        #expect(record.run == 12)
        #expect(record.command.hasSuffix("/sh -c"))
        #expect(ledger.forgotten.withLock { $0 } == [record.pid])
        #expect(!ChildProcess.isAlive(record))
    }

    @Test("a child does nothing before it is recorded")
    func gate() async throws {
        let folder = try TestFolder()
        let sign = "\(folder.path)/started"
        let seen = Locked<Bool?>(nil)
        let ledger = Ledger { _ in
            // Long enough for a program that is not held back to leave its sign.
            try await Task.sleep(for: .milliseconds(300))
            seen.withLock { $0 = SmallFile.exists(sign) }
        }
        let result = try await ChildProcess(ledger: ledger, run: nil).run("touch", [sign], deadline: .seconds(60)) {
            _ in
        }
        #expect(result.succeeded)
        #expect(seen.withLock { $0 } == false)
        #expect(SmallFile.exists(sign))
    }

    @Test("a child that cannot be recorded never runs")
    func ledgerFails() async throws {
        struct Full: Error {}
        let folder = try TestFolder()
        let sign = "\(folder.path)/started"
        let pid = Locked<Int32>(0)
        let ledger = Ledger { record in
            pid.withLock { $0 = record.pid }
            throw Full()
        }
        await #expect(throws: Full.self) {
            _ = try await ChildProcess(ledger: ledger, run: nil).run("touch", [sign], deadline: .seconds(60)) { _ in }
        }
        #expect(await isGone(group: pid.withLock { $0 }))
        #expect(!SmallFile.exists(sign))
    }

    @Test("what a killed server leaves is ended by its records")
    func afterCrash() async throws {
        // A stand-in for the server: its group is not its children's, as with ours, and it is killed without warning.
        let folder = try TestFolder()
        let script = #"""
            setsid sh -c 'export FAIRLEAD_GROUP=$$; echo $$ >"$1/pid"; trap "" TERM; sleep 1000 & sleep 1000; :' sh "$1" &
            wait
            """#
        let server = try await ChildProcess.spawnDaemon(
            "/bin/sh",
            ["-c", script, "sh", folder.path],
            logFile: "\(folder.path)/log"
        )
        let pid = try #require(await number(in: "\(folder.path)/pid"))
        let identity = try #require(ChildProcess.identity(of: pid))
        let record = ChildRecord(
            pid: pid,
            startTime: identity.startTime,
            bootID: identity.bootID,
            command: "sh",
            run: 1
        )
        await waitForMembers(of: pid, count: 3)
        kill(server.pid, SIGKILL)

        var other = record
        other.startTime += 1
        await ChildProcess.endStale([other])
        #expect(ChildProcess.isAlive(record), "a process with another start time is not ours")
        other = record
        other.bootID = "00000000-0000-0000-0000-000000000000"
        await ChildProcess.endStale([other])
        #expect(ChildProcess.isAlive(record), "a record of another boot means nothing")

        await ChildProcess.endStale([record])
        #expect(ProcessFolder.members(ofGroup: pid).isEmpty)
        #expect(!ChildProcess.isAlive(record))
    }

    @Test("members of a group whose leader is gone are ended too")
    func leaderGone() async throws {
        let folder = try TestFolder()
        let daemon = try await ChildProcess.spawnDaemon(
            "/bin/sh",
            ["-c", #"sleep 1000 & echo $$ >"$1/pid"; wait"#, "sh", folder.path],
            logFile: "\(folder.path)/log"
        )
        _ = try #require(await number(in: "\(folder.path)/pid"))
        kill(daemon.pid, SIGKILL)
        await waitForMembers(of: daemon.pid, count: 1)
        await ChildProcess.endStale([daemon])
        #expect(ProcessFolder.members(ofGroup: daemon.pid).isEmpty)
    }

    @Test("a daemon has a session of its own, logs to its file and is not ours to wait for")
    func daemon() async throws {
        let folder = try TestFolder()
        let daemon = try await ChildProcess.spawnDaemon(
            "sh",
            ["-c", "echo $GREETING; echo problem >&2; exec sleep 1000"],
            environment: ["GREETING": "hello"],
            logFile: "\(folder.path)/log"
        )
        #expect(ChildProcess.isAlive(daemon))
        #expect(getsid(daemon.pid) == daemon.pid)
        let end = ContinuousClock.now + .seconds(60)
        while SmallFile.text("\(folder.path)/log") != "hello\nproblem\n", ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(SmallFile.text("\(folder.path)/log") == "hello\nproblem\n")
        await ChildProcess.endStale([daemon])
        #expect(!ChildProcess.isAlive(daemon))
        await #expect(throws: ChildError.self) {
            _ = try await ChildProcess.spawnDaemon("no-such-daemon", [], logFile: "\(folder.path)/log")
        }
    }

    private func number(in path: String) async -> Int32? {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            if let text = SmallFile.text(path), let number = Int32(text.filter(\.isNumber)), text.hasSuffix("\n") {
                return number
            }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return nil
    }

    private func waitForMembers(of group: Int32, count: Int) async {
        let end = ContinuousClock.now + .seconds(60)
        while ProcessFolder.members(ofGroup: group).count != count, ContinuousClock.now < end {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }
}
