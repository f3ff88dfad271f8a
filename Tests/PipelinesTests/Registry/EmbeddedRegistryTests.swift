import Glibc
import Testing

@testable import Pipelines

/// A registry and a podman that knows it, both gone afterwards.
func withRegistry<Result>(_ body: (EmbeddedRegistry, Podman) async throws -> Result) async throws -> Result {
    let folder = try TestFolder()
    let registry = try await EmbeddedRegistry.start(folder: "\(folder.path)/registry")
    do {
        let result = try await withPodman(insecureRegistries: [registry.address]) { try await body(registry, $0) }
        await registry.stop()
        return result
    } catch {
        await registry.stop()
        throw error
    }
}

@Suite("EmbeddedRegistry")
struct EmbeddedRegistryTests {
    @Test("it listens on loopback only, asks who comes, and keeps its secrets to root")
    func start() async throws {
        let folder = try TestFolder()
        let registry = try await EmbeddedRegistry.start(folder: "\(folder.path)/registry")
        let port = try #require(registry.address.split(separator: ":").last.map(String.init))
        #expect(registry.address == "127.0.0.1:\(port)")
        let wanted = String(format(port: port))
        // /proc/net/tcp: local address in hexadecimal; 0A is LISTEN.
        let listening = ((SmallFile.text("/proc/net/tcp") ?? "") + (SmallFile.text("/proc/net/tcp6") ?? ""))
            .split(separator: "\n").filter { $0.contains(" 0A ") && $0.contains(":\(wanted) ") }
        #expect(listening.count == 1)
        #expect(listening.first?.contains(" 0100007F:\(wanted) ") == true)
        #expect(await TestHTTP.head("http://\(registry.address)/v2/", []) == 401)
        #expect(
            await TestHTTP.head("http://\(registry.address)/v2/", [("Authorization", "Basic d3Jvbmc6d3Jvbmc=")]) == 401
        )
        #expect(
            await TestHTTP.head("http://\(registry.address)/v2/", TestHTTP.basic(registry.user, registry.password))
                == 200
        )
        for name in ["password", "htpasswd", "auth.json", "config.yml"] {
            var status = stat()
            #expect(stat("\(folder.path)/registry/\(name)", &status) == 0)
            #expect(status.st_mode & 0o077 == 0, "\(name)")
        }
        await registry.stop()
        #expect(await TestHTTP.head("http://\(registry.address)/v2/", []) == nil)
    }

    private func format(port: String) -> String {
        let digits = String(Int(port) ?? 0, radix: 16, uppercase: true)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }

    @Test("it has the same port, password and images after a restart")
    func restart() async throws {
        let folder = try TestFolder()
        let first = try await EmbeddedRegistry.start(folder: "\(folder.path)/registry")
        await first.stop()
        let second = try await EmbeddedRegistry.start(folder: "\(folder.path)/registry")
        #expect(first.address == second.address)
        #expect(first.password == second.password)
        await second.stop()
    }

    @Test("it is started again when it dies, and its new process is recorded")
    func dies() async throws {
        let folder = try TestFolder()
        let ledger = LastChild()
        let registry = try await EmbeddedRegistry.start(folder: "\(folder.path)/registry", ledger: ledger)
        let first = try #require(ledger.pid)
        kill(first, SIGKILL)
        let end = ContinuousClock.now + .seconds(60)
        while ledger.pid == nil || ledger.pid == first, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(10))
        }
        while await TestHTTP.head("http://\(registry.address)/v2/", []) != 401, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(ledger.pid != first)
        #expect(await TestHTTP.head("http://\(registry.address)/v2/", []) == 401)
        await registry.stop()
        #expect(ledger.pid == nil)
    }

    @Test("a port that is taken is said to be")
    func portTaken() async throws {
        let folder = try TestFolder()
        let other = try await EmbeddedRegistry.start(folder: "\(folder.path)/one")
        let port = Int(other.address.split(separator: ":")[1])
        let error = await #expect(throws: StageError.self) {
            _ = try await EmbeddedRegistry.start(folder: "\(folder.path)/two", port: port)
        }
        #expect(error?.reason.code == "registry-port")
        // A remembered port that somebody took meanwhile is given up.
        try folder.write("\(port ?? 0)\n", to: "three/port")
        let third = try await EmbeddedRegistry.start(folder: "\(folder.path)/three")
        #expect(third.address != other.address)
        await third.stop()
        await other.stop()
    }

    private final class LastChild: ChildLedger {
        private let last = Locked<Int32?>(nil)
        var pid: Int32? { last.withLock { $0 } }
        func record(_ child: ChildRecord) async throws { last.withLock { $0 = child.pid } }
        func forget(pid: Int32) async { last.withLock { if $0 == pid { $0 = nil } } }
    }
}
