import Glibc
import HTTPClient
import Signing
import Testing

@testable import Pipelines

/// A podman system service in network and mount namespaces of its own, with its own storage, as another machine would
/// have it; and a registry that this machine and that one can reach.
final class RemoteMachine: Sendable {
    let folder: TestFolder
    let name: String
    /// This machine's address on the wire between the two.
    let here: String
    /// The other machine's.
    let there: String
    let port = 8080
    let registry: String
    let user = "fairlead"
    let password = "password-of-the-registry"
    private let children = ChildProcess(ledger: nil, run: nil)
    private let running = Locked<[Task<Void, Never>]>([])
    private let service = Locked<Task<Void, Never>?>(nil)

    init() throws {
        folder = try TestFolder()
        let number = Int.random(in: 1...250)
        name = "flr\(Int.random(in: 100_000...999_999))"
        here = "10.251.\(number).1"
        there = "10.251.\(number).2"
        registry = "\(here):\(try #require(LoopbackProbe.freePort()))"
    }

    var address: String { "tcp://\(there):\(port)" }
    var storage: String { "\(folder.path)/machine" }
    var authFile: String { "\(folder.path)/auth.json" }

    func open() async throws {
        try await ip("netns", "add", name)
        try await ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        try await ip("addr", "add", "\(here)/24", "dev", name)
        try await ip("link", "set", name, "up")
        for arguments in [
            ["link", "set", "lo", "up"], ["link", "set", "eth0", "up"], ["addr", "add", "\(there)/24", "dev", "eth0"],
            ["route", "add", "default", "via", here],
        ] {
            try await ip(["-n", name] + arguments)
        }
        try startRegistry()
        try startService()
    }

    func close() async {
        await stopService()
        for task in running.withLock({ $0 }) {
            task.cancel()
            await task.value
        }
        try? await ip("netns", "del", name)
        try? await ip("link", "del", name)
        // What the service had mounted went with its namespace; its networks with theirs.
    }

    private func ip(_ arguments: String...) async throws { try await ip(arguments) }

    private func ip(_ arguments: [String]) async throws {
        let (result, _) = try await children.capture("ip", arguments, deadline: .seconds(60))
        guard result.succeeded else {
            throw StageError(.errored, "ip", "ip \(arguments.joined(separator: " ")): \(result.tail)")
        }
    }

    // MARK: - The service

    /// As on a machine of its own: nothing of it is known to the server, not even the folder.
    private func startService() throws {
        for name in ["tmp", "storage", "run", ".config/containers"] { try SmallFile.makeFolder("\(storage)/\(name)") }
        let limits =
            Capability.sysResource.isEffective ? "" : "default_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n"
        try SmallFile.write(
            """
            [containers]
            \(limits)log_driver = "k8s-file"
            [engine]
            runtime = "runc"
            cgroup_manager = "cgroupfs"
            events_logger = "file"
            lock_type = "file"
            static_dir = "\(storage)/storage/libpod"
            tmp_dir = "\(storage)/run/libpod"
            [network]
            network_backend = "netavark"
            network_config_dir = "\(storage)/networks"

            """,
            to: "\(storage)/containers.conf"
        )
        try SmallFile.write(
            "[storage]\ndriver = \"overlay\"\ngraphroot = \"\(storage)/storage\"\nrunroot = \"\(storage)/run\"\n",
            to: "\(storage)/storage.conf"
        )
        try SmallFile.write("", to: "\(storage)/registries.conf")
        try SmallFile.write(
            #"{"default": [{"type": "insecureAcceptAnything"}]}"#,
            to: "\(storage)/.config/containers/policy.json"
        )
        let task = start(
            "nsenter",
            [
                "--net=/run/netns/\(name)", "unshare", "--mount", "podman", "system", "service", "--time", "0",
                "tcp:\(there):\(port)",
            ],
            [
                "HOME": storage, "TMPDIR": "\(storage)/tmp",
                "CONTAINERS_CONF": "\(storage)/containers.conf",
                "CONTAINERS_STORAGE_CONF": "\(storage)/storage.conf",
                "CONTAINERS_REGISTRIES_CONF": "\(storage)/registries.conf",
            ]
        )
        service.withLock { $0 = task }
    }

    func stopService() async {
        let task = service.withLock { task in
            defer { task = nil }
            return task
        }
        task?.cancel()
        await task?.value
    }

    private func startRegistry() throws {
        try SmallFile.write(
            "\(user):\(try bcrypt(password: password, cost: 5))\n",
            to: "\(folder.path)/htpasswd",
            mode: 0o600
        )
        try SmallFile.write(
            """
            version: 0.1
            log: { level: error, accesslog: { disabled: true } }
            storage: { filesystem: { rootdirectory: "\(folder.path)/images" } }
            http: { addr: "\(registry)" }
            auth: { htpasswd: { realm: test, path: "\(folder.path)/htpasswd" } }

            """,
            to: "\(folder.path)/registry.yaml"
        )
        let basic = TestHTTP.basic(user, password)[0].1.dropFirst("Basic ".count)
        try SmallFile.write(
            #"{"auths": {"\#(registry)": {"auth": "\#(basic)"}, "other.example": {"auth": "c29tZWJvZHk6ZWxzZQ=="}}}"#,
            to: authFile,
            mode: 0o600
        )
        let task = start("docker-registry", ["serve", "\(folder.path)/registry.yaml"])
        running.withLock { $0.append(task) }
    }

    private func start(_ program: String, _ arguments: [String], _ environment: [String: String] = [:]) -> Task<
        Void, Never
    > {
        let children = children
        return Task {
            _ = try? await children.run(program, arguments, environment: environment, deadline: .seconds(300)) { _ in }
        }
    }

    // MARK: - What a test asks

    /// A server's way to it, with a folder of its own.
    func client(_ name: String = "builder", address: String? = nil) throws -> Podman {
        try Podman(
            folder: "\(folder.path)/\(name)",
            remote: ServerSettings.RemoteBuilder(podman: address ?? self.address),
            insecureRegistries: [registry]
        )
    }

    func builder(_ podman: Podman) -> ImageBuilder {
        ImageBuilder(podman: podman, authFile: authFile, registries: [registry])
    }

    func pusher(_ podman: Podman, authFile: String? = nil) -> ImagePusher {
        let headers = TestHTTP.basic(user, password)
        let client = HTTPClient()
        let ask: ImagePusher.Ask = { method, url, headers in
            let response = try await client.send(HTTPRequest(method: method, url: url, headers: headers))
            return (response.status, response.body)
        }
        return ImagePusher(
            podman: podman,
            authFile: authFile ?? self.authFile,
            access: { _ in ("http", headers) },
            ask: ask
        )
    }

    /// Everything that a build can leave there.
    func leftovers(_ podman: Podman) async throws -> [String] {
        let containers = try await podman.lines(["ps", "--all", "--external", "--quiet"]).map { "container \($0)" }
        return containers + BuildScratch.left(in: podman).map { "folder \($0.folder)" }
    }
}

/// Runs the body with another machine whose podman answers, and takes all of it away.
func withRemoteMachine(_ body: (RemoteMachine, Podman) async throws -> Void) async throws {
    let machine = try RemoteMachine()
    do {
        try await machine.open()
        let podman = try machine.client()
        let end = ContinuousClock.now + .seconds(30)
        while !(await podman.check().allSatisfy(\.ok)), ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(50))
        }
        for check in await podman.check() { try #require(check.ok, "\(check.what) \(check.fix)") }
        try await body(machine, podman)
    } catch {
        await machine.close()
        throw error
    }
    await machine.close()
}
