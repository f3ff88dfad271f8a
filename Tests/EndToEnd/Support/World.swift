import Foundation
import HTTPClient
import Pipelines
import Signing

/// A folder with a repository, a pipeline and the real program serving it. `World.run` takes it down again.
final class World: Sendable {
    static let secret = "correct horse battery staple"
    static let otherSecret = "another secret, for the rotation"

    static let podman = "{ podman: {}, manifests: [k8s], timeout: 60s }"

    let folder: String
    let repository: Repository
    let client = HTTPClient()
    private let server = Locked<Child?>(nil)
    private let base = Locked("")

    /// So many at once: a world mostly waits, for containers, clocks and deadlines.
    private static let slots = Slots(4)

    /// Makes a world, lets `body` live in it, and removes every process, container and file of it.
    static func run(
        files: [String: String] = Sample.files(),
        pipeline: String = "",
        deploy: String = World.podman,
        settings: String = "public: everything\n",
        serve: Bool = true,
        _ body: (World) async throws -> Void
    ) async throws {
        try await slots.with {
            let world = try await World(files: files, pipeline: pipeline, deploy: deploy, settings: settings)
            do {
                if serve { try await world.start() }
                try await body(world)
            } catch {
                print("the server said:\n\(world.server.value?.said ?? "nothing")")
                await world.remove()
                throw error
            }
            await world.remove()
        }
    }

    private init(files: [String: String], pipeline: String, deploy: String, settings: String) async throws {
        var template = Array("/var/tmp/fl-e2e-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Unexpected("no temporary folder") }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        repository = try await Repository(in: folder, files: files)
        try write(
            "pipelines/web.yaml",
            """
            name: web
            source: { git: "\(repository.url)", branch: main }
            images: { web: { context: . } }
            deploy: \(deploy)
            smokeTest: [{ name: says hello, get: "service://web:80/", expect: { body: Hello }, retry: { for: 5s, every: 1s } }]
            \(pipeline)
            """
        )
        try write(
            "fairlead.yaml",
            """
            listen: 127.0.0.1:0
            data: ./data
            pipelines: ./pipelines
            webhooks: { secrets: [{ env: FL_SECRET }, { env: FL_OTHER_SECRET }] }
            registry: { embedded: true }
            \(settings)
            """
        )
    }

    var data: String { "\(folder)/data" }
    var address: String { base.value }
    var serverProcess: Child? { server.value }

    func write(_ path: String, _ text: String) throws {
        let whole = "\(folder)/\(path)"
        try FileManager.default.createDirectory(
            atPath: (whole as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true
        )
        try text.write(toFile: whole, atomically: true, encoding: .utf8)
    }

    /// Puts a pipeline for each branch in the place of the one for `main`.
    func splitPipeline(into branches: [String]) throws {
        guard !branches.isEmpty else { return }
        let whole = "\(folder)/pipelines/web.yaml"
        let text = try String(contentsOfFile: whole, encoding: .utf8)
        try FileManager.default.removeItem(atPath: whole)
        for branch in branches {
            let own = text.replacing("name: web\n", with: "name: \(branch)\n").replacing(
                "branch: main",
                with: "branch: \(branch)"
            )
            try write("pipelines/\(branch).yaml", own)
        }
    }

    // MARK: the program

    static let program: String = {
        let folder = (CommandLine.arguments[0] as NSString).deletingLastPathComponent
        let beside = "\(folder)/fairlead"
        return FileManager.default.isExecutableFile(atPath: beside) ? beside : "\(root)/.build/debug/fairlead"
    }()
    static let root: String = {
        var url = URL(filePath: #filePath)
        for _ in 0..<4 { url.deleteLastPathComponent() }
        return url.path
    }()

    var environment: [String: String] {
        [
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": folder, "FL_SECRET": Self.secret,
            "FL_OTHER_SECRET": Self.otherSecret, "FAIRLEAD_SHARE": Self.root, "DATABASE_URL": "postgres://hidden",
        ]
    }

    /// Starts the server (again) and waits until it listens; `under` is put in front of it, e.g. strace.
    func start(under prefix: [String] = []) async throws {
        let command = prefix + [Self.program, "serve", "--config", "\(folder)/fairlead.yaml"]
        try? FileManager.default.removeItem(atPath: "\(data)/address")
        let child = try Child(
            command[0],
            Array(command.dropFirst()),
            environment: environment,
            folder: folder,
            log: "\(folder)/server-\(UUID().uuidString).log"
        )
        server.value = child
        base.value = try await eventually("the server listens") {
            guard child.isRunning else { throw Unexpected("the server ended: \(child.said)") }
            let text = try? String(contentsOfFile: "\(data)/address", encoding: .utf8)
            return text?.trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    /// Ends the server as the machine would: at once, with no chance to clear up.
    func kill() async {
        server.value?.signal(SIGKILL)
        await server.value?.wait()
    }

    func stop() async { await server.value?.end() }

    /// Runs a command of the program to its end.
    @discardableResult
    func fairlead(_ arguments: String..., expecting status: Int32? = 0) async throws -> (status: Int32, output: String)
    {
        try await sh(
            Self.program,
            arguments,
            folder: folder,
            environment: environment,
            expecting: status
        )
    }

    private func remove() async {
        await server.value?.end()
        await repository.end()
        await Teardown.removeEverything(dataFolder: data)
        client.close()
        try? FileManager.default.removeItem(atPath: folder)
    }

    // MARK: requests

    func get(_ path: String, token: String? = nil, headers: [(String, String)] = []) async throws -> HTTPResponse {
        try await request("GET", path, token: token, headers: headers)
    }

    func request(
        _ method: String,
        _ path: String,
        token: String? = nil,
        headers: [(String, String)] = [],
        body: [UInt8]? = nil
    ) async throws -> HTTPResponse {
        let bearer = token.map { [("Authorization", "Bearer \($0)")] } ?? []
        return try await client.send(
            HTTPRequest(
                method: method,
                url: path.hasPrefix("http") ? path : address + path,
                headers: bearer + headers,
                body: body
            )
        )
    }

    /// Sends a push as GitHub does; `signature` replaces the right one.
    func push(
        _ revision: String,
        ref: String = "refs/heads/main",
        guid: String = UUID().uuidString,
        message: String = "A change",
        secret: String = World.secret,
        changing payload: ([String: Any]) -> [String: Any] = { $0 }
    ) async throws -> HTTPResponse {
        let body = try Sample.payload(revision, ref: ref, message: message, url: repository.url, changing: payload)
        return try await deliver(body, guid: guid, secret: secret)
    }

    func deliver(
        _ body: [UInt8],
        event: String = "push",
        guid: String = UUID().uuidString,
        secret: String = World.secret,
        contentType: String = "application/json"
    ) async throws -> HTTPResponse {
        let signature = WebhookSignature.header(for: body, key: try HMACKey(Array(secret.utf8)))
        return try await request(
            "POST",
            "/webhooks/github",
            headers: [
                ("Content-Type", contentType), ("X-GitHub-Event", event), ("X-GitHub-Delivery", guid),
                ("X-Hub-Signature-256", signature),
            ],
            body: body
        )
    }

    /// Pushes, expects 202 with one run, and waits for that run's end.
    func deploy(_ revision: String) async throws -> RunView {
        let answer = try await push(revision)
        guard answer.status == 202 else { throw Unexpected("\(answer.status): \(answer.string)") }
        return try await finished(try Receipt(answer).runs[0].id)
    }

    /// Runs it again from the first stage that did not succeed.
    func rerunToEnd(_ run: Int64, token: String) async throws -> RunView {
        let answer = try await request("POST", "/api/v1/runs/\(run)/rerun", token: token)
        guard answer.status == 202 else { throw Unexpected("\(answer.status): \(answer.string)") }
        return try await finished(run)
    }

    func run(_ id: Int64) async throws -> RunView { try RunView(try await get("/api/v1/runs/\(id)")) }

    func finished(_ id: Int64) async throws -> RunView {
        try await eventually("run \(id) is over", seconds: 120) {
            let run = try await run(id)
            return run.isOver ? run : nil
        }
    }

    func log(_ run: Int64, _ stage: String) async throws -> String {
        try await get("/api/v1/runs/\(run)/stages/\(stage)/log").string
    }

    /// Names of this world's pods, as podman knows them.
    func pods() async throws -> [String] { try await podman("pod", "ps", "--format", "{{.Name}}") }

    /// Names of all containers, working containers of builds included.
    func containers() async throws -> [String] {
        try await podman("ps", "--all", "--external", "--format", "{{.Names}}")
    }

    @discardableResult
    func podman(_ arguments: String...) async throws -> [String] {
        let podman = try Podman(folder: "\(data)/podman", insecureRegistries: nil)
        let (_, output) = try await podman.capture(arguments, deadline: .seconds(30))
        return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init).sorted()
    }
}

extension HTTPResponse {
    var string: String { String(decoding: body, as: UTF8.self) }
    func json() throws -> [String: Any] {
        guard let object = try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any] else {
            throw Unexpected("not a JSON object: \(string)")
        }
        return object
    }
}

/// The webhook's answer.
struct Receipt: Decodable {
    struct Run: Decodable {
        let id: Int64
        let pipeline: String
    }
    let delivery: String
    let runs: [Run]
    let duplicate: Bool?

    init(_ response: HTTPResponse) throws { self = try JSONDecoder().decode(Receipt.self, from: Data(response.body)) }
}

/// A run as the API shows it.
struct RunView: Decodable {
    struct Reason: Decodable { let code, message: String }
    struct Undo: Decodable { let status, reason: String }
    struct Stage: Decodable {
        let name, status: String
        let attempt: Int
        let duration: Double?
        let reason: Reason?
    }
    struct Image: Decodable {
        let name, origin: String
        let digest: String?
    }
    struct Service: Decodable { let name, address, url: String }
    struct Release: Decodable {
        let id: Int64
        let services: [Service]
    }
    struct Rerun: Decodable {
        struct Ending: Decodable { let status: String }
        let from: String
        let by: String?
        let fresh: Bool
        let before: Ending
    }
    struct Check: Decodable {
        let name, message: String
        let passed, wasFailingBefore: Bool
    }
    let id: Int64
    let status, trigger: String
    let waitingFor: String?
    let rollbackTo: Int64?
    let reason: Reason?
    let undo: Undo?
    let supersededBy: Int64?
    let revision: String?
    let stages: [Stage]
    let images: [Image]
    let release: Release?
    let smokeTest: [Check]
    let attempts: [Stage]
    let reruns: [Rerun]

    init(_ response: HTTPResponse) throws {
        guard response.status == 200 else { throw Unexpected("\(response.status): \(response.string)") }
        self = try JSONDecoder().decode(RunView.self, from: Data(response.body))
    }

    var isOver: Bool { status != "queued" && status != "running" }
    func stage(_ name: String) -> Stage { stages.first { $0.name == name }! }
}
