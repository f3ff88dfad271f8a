import FoundationEssentials
import Glibc
import HTTPClient
import Logging
import Pipelines
import Signing

/// Everything the demo puts up: a folder, a repository, its web server, and Fairlead as a process of its own.
final class DemoStage: Sendable {
    private let app: DemoApp
    private let folder: String
    private let share: String
    private let secret = RandomToken.make()
    let client = HTTPClient()
    private let gitPort: UInt16
    private let daemons = Locked<[ChildRecord]>([])
    private let address = Locked("")

    init(_ app: DemoApp) throws {
        self.app = app
        share = try Share.find()
        folder = try temporaryFolder(prefix: "/var/tmp/fairlead-demo-")
        gitPort = try freePort()
    }

    /// The status page's address.
    var page: String { address.value + "/" }

    /// The last lines that the server said.
    var lastWords: String {
        let said = (try? String(contentsOfFile: "\(folder)/fairlead.log", encoding: .utf8)) ?? ""
        return said.split(separator: "\n").suffix(20).joined(separator: "\n")
    }

    private var data: String { "\(folder)/data" }
    private var repositoryURL: String { "http://127.0.0.1:\(gitPort)/cgi-bin/git/sample.git" }
    private var work: String { "\(folder)/sample" }

    /// Why containers cannot run on this machine; nil if they can.
    func trouble() async -> String? {
        do {
            let podman = try Podman(folder: "\(data)/podman", insecureRegistries: [])
            return await podman.check().first { !$0.ok }.map { "\($0.what): \($0.fix)" }
        } catch {
            return "podman cannot be set up here: \(error)"
        }
    }

    func makeRepository() async throws {
        let files = FileManager.default
        let copier = DemoFiles(work: work, share: share)
        for part in app.parts { try await copier.add(part) }
        try await git("init", "-q", "-b", "main")
        // For whoever commits there by hand.
        try await git("config", "user.name", "Fairlead demo")
        try await git("config", "user.email", "demo@localhost")
        try files.createDirectory(atPath: "\(folder)/www/cgi-bin", withIntermediateDirectories: true)
        try await git("clone", "-q", "--bare", work, "\(folder)/www/sample.git")
        try await git("remote", "add", "origin", "\(folder)/www/sample.git")
        let script = """
            #!/bin/sh
            export GIT_PROJECT_ROOT='\(folder)/www' GIT_HTTP_EXPORT_ALL=1
            exec git http-backend
            """
        try write(script + "\n", "www/cgi-bin/git", mode: 0o755)
        try await start(
            try DemoFiles.busybox(),
            ["httpd", "-f", "-p", "127.0.0.1:\(gitPort)", "-h", "\(folder)/www"],
            log: "git.log"
        )
    }

    func startServer() async throws {
        try write(
            """
            listen: 127.0.0.1:0
            data: ./data
            pipelines: ./pipelines
            public: everything
            webhooks:
              secrets: [{ env: FAIRLEAD_WEBHOOK_SECRET }]
            registry: { embedded: true }

            """,
            "fairlead.yaml"
        )
        try write(
            """
            name: sample
            source: { git: "\(repositoryURL)", branch: main }
            \(app.pipeline)
            """,
            "pipelines/sample.yaml"
        )
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        try await start(
            program,
            ["serve", "--config", "\(folder)/fairlead.yaml"],
            environment: ["FAIRLEAD_WEBHOOK_SECRET": secret, "FAIRLEAD_SHARE": share],
            log: "fairlead.log"
        )
        for _ in 0..<600 {
            if let text = try? String(contentsOfFile: "\(data)/address", encoding: .utf8), !text.isEmpty {
                address.value = text.trimmed
                return
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw DemoError(description: "the server did not start within 30 s")
    }

    /// Commits a version and returns the revision.
    func commit(_ version: String) async throws -> String {
        try write("Hello from version \(version).\n", "sample/\(app.versionFile)")
        try await git("add", "--all")
        try await git("commit", "-q", "-m", "Version \(version)")
        try await git("push", "-q", "origin", "main")
        return try await git("rev-parse", "HEAD").trimmed
    }

    /// What to type in another terminal to push a change, line by line.
    func ownPush() throws -> [String] {
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return [
            "cd \(work)",
            "echo 'Hello from me.' >\(app.versionFile)",
            "git commit -am 'A change' && git push origin main",
            "export TOKEN=$(\(program) token create --role deployer --name me --config ../fairlead.yaml)",
            "curl -X POST -H \"Authorization: Bearer $TOKEN\" \(address.value)/api/v1/pipelines/sample/runs",
            "echo $TOKEN",
        ]
    }

    /// Sends what GitHub would send for the push, signed, and returns the run's number.
    func push(_ revision: String, message: String) async throws -> Int64 {
        struct Receipt: Decodable {
            struct Run: Decodable { let id: Int64 }
            let runs: [Run]
        }
        let body = Array(try JSONEncoder().encode(DemoPush(revision: revision, message: message, url: repositoryURL)))
        let signature = WebhookSignature.header(for: body, key: try HMACKey(Array(secret.utf8)))
        let response = try await client.send(
            HTTPRequest(
                method: "POST",
                url: "\(address.value)/webhooks/github",
                headers: [
                    ("Content-Type", "application/json"), ("X-GitHub-Event", "push"),
                    ("X-GitHub-Delivery", RandomToken.make(bytes: 16)), ("X-Hub-Signature-256", signature),
                ],
                body: body
            )
        )
        guard response.status == 202 else {
            throw DemoError(description: "the webhook answered \(response.status): \(response.text)")
        }
        let receipt = try JSONDecoder().decode(Receipt.self, from: Data(response.body))
        guard let run = receipt.runs.first else { throw DemoError(description: "the push made no run") }
        return run.id
    }

    func follow(_ run: Int64) async throws -> RunFollower.Run {
        let base = "\(address.value)/api/v1/runs"
        return try await RunFollower(
            fetch: { [client] id in
                let answer = try await client.send(HTTPRequest(method: "GET", url: "\(base)/\(id)"))
                return try JSONDecoder().decode(RunFollower.Run.self, from: Data(answer.body))
            },
            log: { [client] run, stage, attempt, after in
                let url = "\(base)/\(run)/stages/\(stage)/log?attempt=\(attempt)&after=\(after)"
                let answer = try await client.send(HTTPRequest(method: "GET", url: url))
                return (answer.text, answer.header("X-Log-Next").flatMap { Int64($0) } ?? after)
            }
        ).follow(run)
    }

    /// Where the Services of the run are reached, by name.
    func services(of run: Int64) async throws -> [String: String] {
        struct Detail: Decodable {
            struct Release: Decodable { let services: [Service] }
            struct Service: Decodable { let name: String, url: String }
            let release: Release?
        }
        let answer = try await client.send(HTTPRequest(method: "GET", url: "\(address.value)/api/v1/runs/\(run)"))
        let detail = try JSONDecoder().decode(Detail.self, from: Data(answer.body))
        let services = (detail.release?.services ?? []).map {
            ($0.name, $0.url.hasSuffix("/") ? String($0.url.dropLast()) : $0.url)
        }
        return Dictionary(services, uniquingKeysWith: { first, _ in first })
    }

    func get(_ url: String) async throws -> String {
        try await client.send(HTTPRequest(method: "GET", url: url)).text.trimmed
    }

    /// Ends every process, removes every container and network, and the folder.
    func remove() async {
        await Task { for daemon in daemons.value.reversed() { await end(daemon) } }.value
        await Teardown.removeEverything(dataFolder: data)
        client.close()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private func start(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        log: String
    ) async throws {
        let daemon = try await ChildProcess.spawnDaemon(
            program,
            arguments,
            environment: environment,
            workingFolder: folder,
            logFile: "\(folder)/\(log)"
        )
        daemons.withLock { $0.append(daemon) }
    }

    /// Asks a daemon to end, and ends it when it has not done so within half a minute.
    private func end(_ daemon: ChildRecord) async {
        kill(daemon.pid, SIGTERM)
        for _ in 0..<600 where ChildProcess.isAlive(daemon) {
            try? await Task.sleep(for: .milliseconds(50))
        }
        await ChildProcess.endStale([daemon])
    }

    @discardableResult
    private func git(_ arguments: String...) async throws -> String {
        // Some 100 MB of libraries live for a minute: packing them well would take longer than all the rest.
        let identity = [
            "-c", "user.name=Fairlead demo", "-c", "user.email=demo@localhost", "-c", "safe.directory=*",
            "-c", "core.compression=0", "-c", "pack.window=0",
        ]
        let (result, output) = try await ChildProcess(ledger: nil, run: nil).capture(
            "git",
            identity + arguments,
            environment: ["GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"],
            workingFolder: work,
            deadline: .seconds(60)
        )
        guard result.exitCode == 0 else {
            throw DemoError(description: "git \(arguments.first ?? "") failed: \(result.tail)")
        }
        return String(decoding: output, as: UTF8.self)
    }

    private func write(_ text: String, _ path: String, mode: Int = 0o600) throws {
        let whole = "\(folder)/\(path)"
        try FileManager.default.createDirectory(
            atPath: String(whole[..<whole.lastIndex(of: "/")!]),
            withIntermediateDirectories: true
        )
        try text.write(toFile: whole, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: whole)
    }
}
