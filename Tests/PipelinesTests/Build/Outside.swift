import Glibc
import Testing

@testable import Pipelines

/// A network namespace that stands for the world outside of the machine: one public address (of a range that is kept
/// for documentation), one private and one link-local, with a web server on all of them.
final class Outside: Sendable {
    static let port = 8099
    let name: String
    let publicAddress: String
    let privateAddress: String
    let linkLocalAddress: String
    private let children = ChildProcess(ledger: nil, run: nil)
    private let server = Locked<Task<Void, Never>?>(nil)

    init() {
        let number = Int.random(in: 1...250)
        name = "flo\(Int.random(in: 100_000...999_999))"
        publicAddress = "198.51.100.\(number)"
        privateAddress = "10.250.\(number).2"
        linkLocalAddress = "169.254.\(number).2"
    }

    var addresses: [String] { [publicAddress, privateAddress, linkLocalAddress] }

    func open() async throws {
        try await ip("netns", "add", name)
        try await ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        // The way back is the host's private address; what comes from a build is behind it (NAT).
        let host = privateAddress.replacing(/2$/, with: "1")
        try await ip("addr", "add", "\(host)/24", "dev", name)
        try await ip("link", "set", name, "up")
        try await ip("-n", name, "link", "set", "lo", "up")
        try await ip("-n", name, "link", "set", "eth0", "up")
        try await ip("-n", name, "addr", "add", "\(privateAddress)/24", "dev", "eth0")
        for address in [publicAddress, linkLocalAddress] {
            try await ip("-n", name, "addr", "add", "\(address)/32", "dev", "eth0")
            try await ip("route", "add", "\(address)/32", "via", privateAddress, "dev", name)
        }
        try await ip("-n", name, "route", "add", "default", "via", host)
        let (children, name) = (children, name)
        server.withLock {
            $0 = Task {
                _ = try? await children.run(
                    "ip",
                    ["netns", "exec", name, "busybox", "httpd", "-f", "-p", "\(Self.port)"],
                    deadline: .seconds(120)
                ) { _ in }
            }
        }
    }

    func close() async {
        let task = server.withLock { $0 }
        task?.cancel()
        await task?.value
        try? await ip("link", "del", name)
        try? await ip("netns", "del", name)
    }

    private func ip(_ arguments: String...) async throws {
        let (result, _) = try await children.capture("ip", arguments, deadline: .seconds(60))
        guard result.succeeded else {
            throw StageError(.errored, "ip", "ip \(arguments.joined(separator: " ")): \(result.tail)")
        }
    }

    /// Whether the host itself gets an answer from there.
    func answers(_ address: String) async -> Bool {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            let result = try? await children.capture(
                "busybox",
                ["nc", "-w", "2", address, "\(Self.port)"],
                input: Array("GET / HTTP/1.0\r\n\r\n".utf8),
                deadline: .seconds(10)
            )
            if let result, String(decoding: result.stdout, as: UTF8.self).hasPrefix("HTTP/1") { return true }
            try? await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    static func with(_ body: (Outside) async throws -> Void) async throws {
        let outside = Outside()
        do {
            try await outside.open()
            for address in outside.addresses { #expect(await outside.answers(address), "\(address) from the host") }
            try await body(outside)
        } catch {
            await outside.close()
            throw error
        }
        await outside.close()
    }
}

/// The IPv4 addresses of this machine, besides loopback.
func hostAddresses() -> [String] {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return [] }
    defer { freeifaddrs(list) }
    var result: [String] = []
    var next = list
    while let entry = next {
        if let address = entry.pointee.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET) {
            let value = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                UInt32(bigEndian: $0.pointee.sin_addr.s_addr)
            }
            let text = IPv4Range(base: value, length: 32).address(0)
            if !text.hasPrefix("127.") { result.append(text) }
        }
        next = entry.pointee.ifa_next
    }
    return Array(Set(result)).sorted()
}

/// A web server on every address of this machine, loopback and bridges included. It has nothing to show.
struct HostServer {
    let port: Int
    private let folder: TestFolder
    private let server: Task<Void, Never>

    init() async throws {
        let port = try #require(LoopbackProbe.freePort())
        let folder = try TestFolder()
        (self.port, self.folder) = (Int(port), folder)
        server = Task {
            _ = try? await ChildProcess(ledger: nil, run: nil).run(
                "busybox",
                ["httpd", "-f", "-p", "\(port)", "-h", folder.path],
                deadline: .seconds(120)
            ) { _ in }
        }
        let end = ContinuousClock.now + .seconds(60)
        while await LoopbackProbe.status(port: port, path: "/") == nil, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(await LoopbackProbe.status(port: port, path: "/") == 404)
    }

    func end() { server.cancel() }
}
