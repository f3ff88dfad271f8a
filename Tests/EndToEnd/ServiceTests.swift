import Foundation
import Glibc
import HTTPClient
import Signing
import Testing

extension EndToEnd {
    @Suite("Under a service manager") struct ServiceTests {
        private static let slow =
            Sample.dockerfile
            + "RUN [\"/bin/busybox\", \"sh\", \"-c\", \"echo building slowly; /bin/busybox sleep 300\"]\n"

        @Test("it is told how the server stands; going down answers what is under way and begins nothing new")
        func goesDown() async throws {
            try await World.run(files: Sample.files(dockerfile: Self.slow), serve: false) { world in
                try world.splitPipeline(into: ["main", "beta"])
                let manager = try NotifySocket("\(world.folder)/notify")
                try await world.start(
                    under: ["/usr/bin/env", "NOTIFY_SOCKET=\(manager.path)", "WATCHDOG_USEC=900000"]
                )
                let server = try #require(world.serverProcess)
                try await manager.hears("READY=1")
                #expect(try await world.get("/readyz").status == 200)
                for _ in 0..<3 { try await manager.hears("WATCHDOG=1") }
                server.signal(SIGHUP)
                try await manager.hears("RELOADING=1")
                try await manager.hears("READY=1")

                let running = try Receipt(try await world.push(try await world.repository.head())).runs[0].id
                try await eventually("the build has begun") {
                    try await world.log(running, "build").contains("building slowly") ? true : nil
                }
                let quick = try await world.repository.commit(
                    ["Dockerfile": Sample.dockerfile],
                    message: "Quick",
                    branch: "beta"
                )
                let port = try #require(UInt16(world.address.split(separator: ":").last ?? ""))
                let kept = try RawConnection(port: port)
                let ask = Array("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
                try kept.send(ask)
                #expect(try kept.status() == 200)
                let body = try Sample.payload(quick, ref: "refs/heads/beta", url: world.repository.url)
                let half = try RawConnection(port: port)
                try half.send(try Self.head(of: body))
                #expect(try half.status() == 100)
                try half.send(Array(body.prefix(100)))

                server.signal(SIGTERM)
                try await manager.hears("STOPPING=1")
                try kept.send(ask)
                #expect(try kept.status() == 503)
                try await eventually("nobody listens any more") { (try? RawConnection(port: port)) == nil ? true : nil }
                try half.send(Array(body.dropFirst(100)))
                #expect(try half.status() == 202)
                #expect(await server.wait() == 0)
                // One is left claimed, the other was not begun any more.
                let statuses = try await sh(
                    "/usr/bin/python3",
                    ["-c", Self.statuses, "\(world.data)/fairlead.db"]
                ).output
                #expect(statuses == "running queued\n")

                try await world.start()
                _ = try await world.request("POST", "/api/v1/runs/\(running)/cancel", token: try await world.token())
                #expect(try await world.finished(running).status == "cancelled")
                #expect(try await world.finished(running + 1).status == "succeeded")
            }
        }

        private static let statuses = """
            import sqlite3, sys
            rows = sqlite3.connect(sys.argv[1]).execute('SELECT status FROM runs ORDER BY id')
            print(*(row[0] for row in rows))
            """

        private static func head(of body: [UInt8]) throws -> [UInt8] {
            let signature = WebhookSignature.header(for: body, key: try HMACKey(Array(World.secret.utf8)))
            let lines = [
                "POST /webhooks/github HTTP/1.1", "Host: localhost", "Content-Type: application/json",
                "Content-Length: \(body.count)", "Expect: 100-continue", "X-GitHub-Event: push",
                "X-GitHub-Delivery: \(UUID().uuidString)",
                "X-Hub-Signature-256: \(signature)", "", "",
            ]
            return Array(lines.joined(separator: "\r\n").utf8)
        }
    }
}

/// What systemd listens on.
final class NotifySocket: Sendable {
    let path: String
    private let descriptor: Int32

    init(_ path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else { throw Unexpected("cannot listen on \(path)") }
    }

    deinit { close(descriptor) }

    /// Waits for a datagram with this line; those before it are passed over.
    func hears(_ line: String) async throws {
        try await eventually("the service manager hears \(line)") { () -> Bool? in
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                guard count > 0 else { return nil }
                if String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n").contains(line[...]) {
                    return true
                }
            }
        }
    }
}
