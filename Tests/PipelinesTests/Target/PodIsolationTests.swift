import Testing

@testable import Pipelines

@Suite("Pod isolation", .serialized)
struct PodIsolationTests {
    @Test("a pod reaches its own environment's, private networks and the internet; not this machine, metadata, others")
    func reach() async throws {
        let server = try await HostServer()
        defer { server.end() }
        try await Outside.with { outside in
            try await TargetRoom.with { room in
                _ = try await room.apply(try room.body(1, replicas: 2), 1)
                _ = try await room.apply(try room.body(1), 2, environment: "other")
                let own = try await addresses(of: "todo", room)
                let other = try await addresses(of: "other", room)
                let asking = try #require(own.keys.min())
                let mate = try #require(own.first { $0.key != asking }?.value)
                let stranger = try #require(other.values.first)

                let outsiders = outside.addresses.map { ($0, Int(Outside.port)) }
                let here = hostAddresses().map { ($0, server.port) }
                let seen = try await reached(from: asking, [(mate, 8080), (stranger, 8080)] + outsiders + here, room)
                #expect(seen == [mate, outside.publicAddress, outside.privateAddress])

                // Nor do others reach it, except through the port that its Service has on loopback.
                let asked = try await reached(from: try #require(other.keys.first), own.values.map { ($0, 8080) }, room)
                #expect(asked == [])

                // What the operator allows is reached.
                let target = try PodmanTarget(
                    podman: room.podman,
                    folder: room.target.folder,
                    authFile: nil,
                    allow: ["\(outside.linkLocalAddress)/32"]
                )
                _ = try await target.readyNetwork(of: "todo")
                let now = try await reached(from: asking, outsiders, room)
                #expect(Set(now) == Set(outside.addresses))
            }
        }
    }

    @Test(
        "a pod reaches the Services of its environment by Kubernetes' variables, also while it is replaced; no other's"
    )
    func services() async throws {
        try await TargetRoom.with { room in
            let first = try await room.apply(try room.body(1), 1)
            let others = try await room.apply(try room.body(2), 2, environment: "other")
            let asking = try #require(try await addresses(of: "todo", room).keys.first)
            #expect(try await asked(from: asking, "/version", room) == "version 1")
            // The port is the one on loopback, and what listens there for others is nothing to this pod.
            let own = try PodmanNetwork.ofPods("todo", in: room.podman.folder)
            let ports = try (first + others).map { try #require(Int($0.address.split(separator: ":")[1])) }
            let gateways = try [own, PodmanNetwork.ofPods("other", in: room.podman.folder)].map(\.gateway)
            #expect(try await reached(from: asking, [(gateways[0], ports[0])], room) == [gateways[0]])
            let foreign = [(gateways[0], ports[1]), (gateways[1], ports[1]), (gateways[1], ports[0])]
            #expect(try await reached(from: asking, foreign, room) == [])

            // Version one's pod still stands, and asks version two.
            _ = try await room.apply(try room.body(2), 3, previous: 1)
            #expect(try await asked(from: asking, "/version", room) == "version 2")

            // After the proxy died.
            await room.target.proxy.stop()
            try await room.target.ensureProxy()
            #expect(try await asked(from: asking, "/version", room) == "version 2")
        }
    }

    /// What the Service `web` answers to a container that knows it by its variables alone.
    private func asked(from container: String, _ path: String, _ room: TargetRoom) async throws -> String? {
        let ask =
            "printf 'GET \(path) HTTP/1.0\\r\\n\\r\\n'"
            + " | /bin/busybox nc -w 2 $WEB_SERVICE_HOST $WEB_SERVICE_PORT | /bin/busybox tail -n 1"
        return try await room.podman.lines(["exec", container, "/bin/sh", "-c", ask]).last
    }

    /// Container → its address, of an environment's pods.
    private func addresses(of environment: String, _ room: TargetRoom) async throws -> [String: String] {
        let pods = try await room.target.engine.pods(environment: environment)
        let containers = try await room.target.engine.inspect(pods.flatMap(\.containers))
        return Dictionary(
            containers.filter { !$0.address.isEmpty && !$0.name.hasSuffix("-infra") }.map { ($0.name, $0.address) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// The addresses that answer HTTP when they are asked from inside of a container.
    private func reached(
        from container: String,
        _ targets: [(address: String, port: Int)],
        _ room: TargetRoom
    ) async throws -> [String] {
        let asks = targets.map { address, port in
            "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | /bin/busybox nc -w 1 \(address) \(port) 2>/dev/null"
                + " | /bin/busybox grep -q HTTP/1 && echo \(address)"
        }
        return try await room.podman.lines(
            ["exec", container, "/bin/sh", "-c", asks.joined(separator: "; ") + "; true"]
        )
    }
}
