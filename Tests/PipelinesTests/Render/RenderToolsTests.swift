import Glibc
import Testing

@testable import Pipelines

@Suite("Children that render")
struct RenderToolsTests {
    private func run(
        _ room: RenderRoom,
        _ program: String,
        _ arguments: [String],
        seconds: Int = 30,
        isolation: Isolation? = nil
    ) async throws -> String {
        var tools = room.tools
        tools.isolation = isolation
        let output = try await tools.run(
            program,
            what: "a tool",
            checkout: try room.checkout,
            files: ["set.json": Array("{}".utf8)],
            log: room.log,
            deadline: .seconds(seconds),
            arguments: { _ in arguments }
        )
        return String(decoding: output, as: UTF8.self)
    }

    @Test("see no variable of the server, and a home of their own")
    func environment() async throws {
        setenv("FAIRLEAD_TEST_SECRET", "hunter2-hunter2", 1)
        defer { unsetenv("FAIRLEAD_TEST_SECRET") }
        let room = try RenderRoom(["a": "b"])
        let lines = try await run(room, "/usr/bin/env", []).split(separator: "\n").map(String.init)
        let names = Set(lines.map { String($0.prefix { $0 != "=" }) })
        #expect(
            names.subtracting(["FAIRLEAD_GROUP", "PWD", "OLDPWD", "SHLVL", "_"]) == [
                "PATH", "HOME", "TMPDIR", "LANG", "KUBECONFIG", "HELM_NO_PLUGINS", "HELM_CACHE_HOME",
                "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HTTP_PROXY", "HTTPS_PROXY",
            ],
            "\(names)"
        )
        #expect(lines.contains { $0.hasPrefix("HOME=\(room.scratch.path)/") })
        #expect(SmallFile.names(in: room.scratch.path) == [])
    }

    @Test(
        "reach nobody, not even this machine",
        .enabled("no network namespace can be made here") { await !isolations().isEmpty }
    )
    func network() async throws {
        let answers = try AnswerServer { _, _ in .init(body: "hello") }
        let script = "exec 3<>/dev/tcp/127.0.0.1/\(answers.port) && echo connected"
        for isolation in await Self.isolations() {
            let room = try RenderRoom(["a": "b"])
            let error = await #expect(throws: StageError.self) {
                _ = try await run(room, "/bin/bash", ["-c", script], isolation: isolation)
            }
            #expect(error?.reason.code == "render-failed", "\(isolation)")
            #expect(!room.log.text.contains("dead proxy"))
        }
        // Where no namespace can be made, the log says so; then the same is possible.
        let room = try RenderRoom(["a": "b"])
        #expect(try await run(room, "/bin/bash", ["-c", script], isolation: Isolation.none) == "connected\n")
        #expect(room.log.text.contains("a tool runs with a dead proxy instead"))
    }

    private static func isolations() async -> [Isolation] {
        var found: [Isolation] = []
        for isolation in [Isolation.namespace, .userNamespace]
        where await isolation.works(ChildProcess(ledger: nil, run: nil)) {
            found.append(isolation)
        }
        return found
    }

    @Test("have a deadline, an end that is looked at, and a bound on what they write")
    func bounds() async throws {
        let room = try RenderRoom(["a": "b"])
        let late = await #expect(throws: StageError.self) { _ = try await run(room, "/bin/sleep", ["60"], seconds: 1) }
        #expect(late?.reason.code == "render-timeout" && late?.outcome == .failed)
        let failing = await #expect(throws: StageError.self) {
            _ = try await run(room, "/bin/sh", ["-c", "echo in $PWD/a >&2; exit 3"])
        }
        #expect(failing?.reason.message == "a tool: exit 3. in a", "\(failing?.reason.message ?? "")")
        let large = await #expect(throws: StageError.self) {
            _ = try await run(room, "/usr/bin/head", ["-c", "9000000", "/dev/zero"])
        }
        #expect(large?.reason.code == "manifest-too-large")
        _ = try await run(room, "/bin/sh", ["-c", "echo careful >&2"])
        #expect(room.log.text.contains("a tool: careful"))
    }

    @Test("that are not installed are named")
    func missing() {
        let error = #expect(throws: StageError.self) {
            _ = try RenderTools.find(["no-such-tool", "nor-this"], for: "helm")
        }
        #expect(error?.outcome == .errored && error?.reason.code == "render-tool-missing")
        #expect(error?.reason.message == "deploy.helm needs no-such-tool or nor-this on this server: install it")
    }
}
