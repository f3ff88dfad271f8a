import Glibc
import Testing

@testable import Pipelines

@Suite("ChildProcess")
struct ChildProcessTests {
    private let child = ChildProcess(ledger: nil, run: nil)

    @Test(
        "a program's end is a result",
        arguments: [
            ("exit 0", 0, nil), ("exit 7", 7, nil), ("exit 255", 255, nil), ("kill -9 $$", nil, 9),
            ("kill -TERM $$", nil, 15),
        ] as [(String, Int32?, Int32?)]
    )
    func endings(script: String, code: Int32?, signal: Int32?) async throws {
        let result = try await child.run("sh", ["-c", script], deadline: .seconds(60)) { _ in }
        #expect(result.exitCode == code)
        #expect(result.signal == signal)
        #expect(!result.timedOut)
        #expect(result.succeeded == (code == 0))
    }

    @Test(
        "what cannot be started is named",
        arguments: [
            ("no-such-program-anywhere", ChildError.Code.notFound), ("/no/such/program", .notFound),
            ("/etc/passwd", .notExecutable), ("/etc", .notFound),
        ]
    )
    func notStarted(program: String, code: ChildError.Code) async throws {
        let error = await #expect(throws: ChildError.self) {
            _ = try await child.run(program, [], deadline: .seconds(60)) { _ in }
        }
        #expect(error?.code == code)
        #expect(error?.message.contains(program) == true)
    }

    @Test("arguments arrive as they are, whatever a shell would make of them")
    func arguments() async throws {
        let words = ["$(id)", "a b", "", "*", "';exit 3;'", "-n", "ümlaut", "two\nlines"]
        let (result, output) = try await child.capture("printf", ["<%s>"] + words, deadline: .seconds(60))
        #expect(result.succeeded)
        #expect(String(decoding: output, as: UTF8.self) == words.map { "<\($0)>" }.joined())
    }

    @Test("the environment is what was given, and nothing of the server's but four names")
    func environment() async throws {
        setenv("FAIRLEAD_TEST_SECRET", "hidden", 1)
        defer { unsetenv("FAIRLEAD_TEST_SECRET") }
        let (_, output) = try await child.capture("env", [], environment: ["GIVEN": "yes"], deadline: .seconds(60))
        let text = String(decoding: output, as: UTF8.self)
        let names = Set(text.split(separator: "\n").compactMap { $0.split(separator: "=").first.map(String.init) })
        #expect(text.contains("GIVEN=yes"))
        #expect(!text.contains("hidden"))
        #expect(names.isSubset(of: ["PATH", "HOME", "TMPDIR", "LANG", "PWD", "OLDPWD", "FAIRLEAD_GROUP", "GIVEN"]))
    }

    @Test("descriptors of the server stay in the server")
    func descriptors() async throws {
        let leaked = open("/dev/null", O_RDONLY)
        defer { close(leaked) }
        let (_, output) = try await child.capture("ls", ["/proc/self/fd"], deadline: .seconds(60))
        let open = String(decoding: output, as: UTF8.self).split(separator: "\n").compactMap { Int32($0) }
        // 3 is the folder that ls itself reads.
        #expect(open.allSatisfy { $0 <= 3 }, "\(open)")
    }

    @Test("input reaches the program, and no input is an empty one")
    func input() async throws {
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let (_, output) = try await child.capture("cat", [], input: bytes, deadline: .seconds(60))
        #expect(output == bytes)
        let (result, nothing) = try await child.capture("cat", [], deadline: .seconds(60))
        #expect(result.succeeded && nothing.isEmpty)
    }

    @Test("a program that does not read its input ends as it likes")
    func unreadInput() async throws {
        let bytes = [UInt8](repeating: 65, count: 4 << 20)
        let result = try await child.run("sh", ["-c", "exit 4"], input: bytes, deadline: .seconds(60)) { _ in }
        #expect(result.exitCode == 4)
    }

    @Test("output arrives whole and in order, and the tail is its end")
    func output() async throws {
        let log = CollectedLog()
        let result = try await child.run("seq", ["200000"], deadline: .seconds(60)) { log.write($0) }
        #expect(log.text == (1...200_000).map { "\($0)\n" }.joined())
        #expect(result.tail.utf8.count <= 4096)
        #expect(result.tail.hasSuffix("199999\n200000\n"))
        #expect(result.lastLines(2) == "199999\n200000")
    }

    @Test("standard output and standard error come in the order written")
    func interleaved() async throws {
        let log = CollectedLog()
        let script = "for i in 1 2 3; do echo out $i; echo err $i >&2; done"
        _ = try await child.run("sh", ["-c", script], deadline: .seconds(60)) { log.write($0) }
        #expect(log.text == "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n")
    }

    @Test("output streams while the program runs")
    func streams() async throws {
        let folder = try TestFolder()
        let log = CollectedLog()
        let script = #"echo started; while [ ! -e "$1" ]; do sleep 0.02; done; echo done"#
        async let result = child.run("sh", ["-c", script, "sh", "\(folder.path)/go"], deadline: .seconds(30)) {
            log.write($0)
        }
        await log.wait(for: "started\n")
        #expect(!log.text.contains("done"))
        try SmallFile.write("", to: "\(folder.path)/go")
        #expect(try await result.succeeded)
        #expect(log.text == "started\ndone\n")
    }

    @Test("captured output is cut at its limit and the program still ends")
    func captureLimit() async throws {
        let (result, output) = try await child.capture("seq", ["100000"], deadline: .seconds(60), limit: 1000)
        #expect(result.succeeded)
        #expect(output.count == 1000)
    }

    @Test("past the deadline the whole group ends, even what ignores SIGTERM")
    func deadline() async throws {
        let log = CollectedLog()
        let script = #"trap "" TERM; sh -c 'trap "" TERM; sleep 1000' & echo $$; sleep 1000; sleep 1000"#
        let result = try await child.run("sh", ["-c", script], deadline: .milliseconds(300)) { log.write($0) }
        #expect(result.timedOut)
        #expect(result.signal == SIGKILL)
        #expect(!result.succeeded)
        let leader = try #require(Int32(log.text.split(separator: "\n").first ?? ""))
        #expect(await isGone(group: leader))
    }

    @Test("what SIGTERM lets say goodbye is heard")
    func goodbye() async throws {
        let log = CollectedLog()
        let script = #"trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.02; done"#
        let result = try await child.run("sh", ["-c", script], deadline: .milliseconds(500)) { log.write($0) }
        #expect(result.timedOut)
        #expect(result.exitCode == 3)
        #expect(log.text.hasSuffix("bye\n"))
    }

    @Test("a cancelled task ends the whole group and throws")
    func cancel() async throws {
        let log = CollectedLog()
        let child = self.child
        let task = Task {
            try await child.run("sh", ["-c", "sleep 1000 & echo $$; wait"], deadline: .seconds(60)) { log.write($0) }
        }
        await log.wait(for: "\n")
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        let leader = try #require(Int32(log.text.split(separator: "\n").first ?? ""))
        #expect(await isGone(group: leader))
    }

    @Test("what the leader leaves in its group ends with it")
    func leftInGroup() async throws {
        let log = CollectedLog()
        let result = try await child.run("sh", ["-c", "sleep 1000 & echo $$"], deadline: .seconds(60)) { log.write($0) }
        #expect(result.exitCode == 0)
        let leader = try #require(Int32(log.text.split(separator: "\n").first ?? ""))
        #expect(await isGone(group: leader))
    }

    @Test("a grandchild that left the group and keeps the output open holds nothing up")
    func escapedGrandchild() async throws {
        let log = CollectedLog()
        let script = #"setsid sh -c 'echo $$; exec sleep 1000' & while ! [ -e "$1" ]; do sleep 0.02; done; exit 5"#
        let folder = try TestFolder()
        async let running = child.run("sh", ["-c", script, "sh", "\(folder.path)/go"], deadline: .seconds(30)) {
            log.write($0)
        }
        await log.wait(for: "\n")
        try SmallFile.write("", to: "\(folder.path)/go")
        let result = try await running
        let escaped = try #require(Int32(log.text.split(separator: "\n").first ?? ""))
        #expect(kill(escaped, SIGKILL) == 0)
        #expect(result.exitCode == 5)
        #expect(!result.timedOut)
    }

    @Test("a program that closes its output is still waited for")
    func closedOutput() async throws {
        let result = try await child.run("sh", ["-c", "exec >&- 2>&-; sleep 0.2; exit 6"], deadline: .seconds(60)) {
            _ in
        }
        #expect(result.exitCode == 6)
    }
}

/// Whether every process of the group ends within some seconds.
func isGone(group: Int32) async -> Bool {
    let end = ContinuousClock.now + .seconds(10)
    while !ProcessFolder.members(ofGroup: group).isEmpty {
        if ContinuousClock.now > end { return false }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return true
}
