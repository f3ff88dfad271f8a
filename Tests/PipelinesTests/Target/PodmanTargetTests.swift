import Glibc
import HTTPClient
import Testing

@testable import Pipelines

@Suite("PodmanTarget", .serialized)
struct PodmanTargetTests {
    @Test("version two replaces version one while clients ask without pause, and none sees a failure")
    func replace() async throws {
        try await TargetRoom.with { room in
            let log = CollectedLog()
            let first = try await room.apply(try room.body(1, replicas: 2), 1, log: log)
            #expect(first.map(\.name) == ["web"] && first.map(\.port) == [80])
            #expect(first[0].address.hasPrefix("127.0.0.1:"))
            #expect(try await room.version(first) == "version 1")
            #expect(try await room.pods() == ["todo-web-r1-0", "todo-web-r1-1"])
            #expect(log.text.contains("run the images that were pushed"))
            let bridge = try PodmanNetwork.ofPods(TargetRoom.environment, in: room.podman.folder).interface
            let address = SmallFile.text("/sys/class/net/\(bridge)/address")
            #expect(PodBridge(interface: bridge).isPinned)

            let clients = Clients(first[0].address, room.client)
            await clients.wait(for: "version 1")
            // An answer that takes its time is waited for, not cut.
            async let slow = room.get("/cgi-bin/slow", first)
            let second = try await room.apply(try room.body(2, replicas: 2), 2, previous: 1)
            #expect(second == first)
            #expect(try await slow == (200, "began in todo-web-r1"))
            // Whoever asks from now on gets the new one; the old pods still stand.
            for _ in 0..<10 { #expect(try await room.version(second) == "version 2") }
            #expect(try await room.pods().count == 4)
            try await room.retire(keeping: 2)
            await clients.wait(for: "version 2", times: 200)
            let seen = await clients.stop()
            // Were it another one, old pods would not be heard for half a minute.
            #expect(SmallFile.text("/sys/class/net/\(bridge)/address") == address)
            #expect(Set(seen.keys) == ["version 1", "version 2"], "\(seen)")
            #expect(try await room.pods() == ["todo-web-r2-0", "todo-web-r2-1"])
            #expect(SmallFile.names(in: room.target.podsFolder).sorted() == ["todo-web-r2-0", "todo-web-r2-1"])
            #expect(try room.target.endpoints(environment: "todo") == first)
        }
    }

    @Test("a release that crashes, or never gets ready, leaves the one before untouched and is undone")
    func failures() async throws {
        try await TargetRoom.with { room in
            let good = try room.body(1)
            let endpoints = try await room.apply(good, 1)
            let clients = Clients(endpoints[0].address, room.client)
            await clients.wait(for: "version 1")

            let crashLog = CollectedLog()
            let crash = await #expect(throws: StageError.self) {
                _ = try await room.apply(
                    try room.body(2, container: "env: [{ name: MODE, value: crash }]"),
                    2,
                    previous: 1,
                    log: crashLog
                )
            }
            #expect(crash?.outcome == .failed)
            #expect(crash?.reason.code == "container-exited")
            #expect(
                crash?.reason.message.contains("cannot start: no database") == true,
                "\(crash?.reason.message ?? "")"
            )
            #expect(crashLog.text.contains("The last lines of todo-web-r2-0-main:\n  service crash starting"))
            let sentence = try await room.undo(2, to: (1, good))
            #expect(sentence == "Release 1 answers again: its pods were still running")
            #expect(try await room.pods() == ["todo-web-r1-0"])

            let sickLog = CollectedLog()
            let sick = await #expect(throws: StageError.self) {
                let body = try room.body(2, container: "env: [{ name: MODE, value: sick }]")
                _ = try await room.apply(body, 3, previous: 1, log: sickLog, seconds: 10)
            }
            #expect(sick?.outcome == .failed)
            #expect(sick?.reason == Reason("never-ready", "main: never ready: GET /healthz on port 8080 answered 404"))
            #expect(sickLog.text.contains("service sick starting"))
            _ = try await room.undo(3, to: (1, good))

            await clients.wait(for: "version 1")
            #expect(Set(await clients.stop().keys) == ["version 1"])
        }
    }

    @Test("an undo after the switch goes back to pods that stand, or makes them again; a first deploy leaves nothing")
    func undo() async throws {
        try await TargetRoom.with { room in
            let one = try room.body(1)
            let two = try room.body(2)
            let endpoints = try await room.apply(one, 1)
            let clients = Clients(endpoints[0].address, room.client)
            await clients.wait(for: "version 1")
            _ = try await room.apply(two, 2, previous: 1)
            await clients.wait(for: "version 2")
            #expect(try await room.undo(2, to: (1, one)).contains("were still running"))
            #expect(try await room.version(endpoints) == "version 1")
            await clients.wait(for: "version 1")
            #expect(Set(await clients.stop().keys) == ["version 1", "version 2"])

            _ = try await room.apply(two, 3, previous: 1)
            await room.target.engine.remove([PodName(known: "todo-web-r1-0")], grace: 0)
            #expect(try await room.undo(3, to: (1, one)).contains("were made again"))
            #expect(try await room.version(endpoints) == "version 1")
            #expect(try await room.pods() == ["todo-web-r1-0"])

            #expect(try await room.undo(1, to: nil).hasPrefix("There was no earlier release"))
            #expect(try await room.pods() == [])
            #expect(try room.target.endpoints(environment: "todo") == [])
            #expect(SmallFile.names(in: room.target.podsFolder) == [])
            #expect(SmallFile.names(in: room.target.releases.folder) == [])
            #expect(processes(with: "\(room.target.folder)/proxy") == [])
            await #expect(throws: HTTPClientError.self) { try await room.version(endpoints) }
        }
    }

    @Test("HAProxy killed, pods stopped, everything started again: the port stays, and so does what it serves")
    func restarts() async throws {
        try await TargetRoom.with { room in
            let more =
                "---\n" + ManifestSample.service("raw", ports: "[{ port: 9, targetPort: 8080, appProtocol: tcp }]")
            let endpoints = try await room.apply(try room.body(1, more: more), 1)
            #expect(endpoints.map(\.name).sorted() == ["raw", "web"])
            let process = ProxyProcess(folder: "\(room.target.folder)/proxy", children: room.podman.children)
            let master = try #require(process.running)
            kill(master.pid, SIGKILL)
            await waitUntil { process.running == nil }
            try await room.target.ensureProxy()
            #expect(process.running?.pid != master.pid)
            for endpoint in endpoints { #expect(try await room.version([endpoint]) == "version 1") }
            // Started by a server that died before it could write that down: it is found, and not started twice.
            let started = process.running
            SmallFile.remove("\(room.target.folder)/proxy/process.json")
            #expect(process.running?.pid == started?.pid && started != nil)
            try await room.target.ensureProxy()
            #expect(process.running?.pid == started?.pid)
            // Killed again, and the next deploy finds it so.
            kill(try #require(process.running).pid, SIGKILL)
            await waitUntil { process.running == nil }
            // `raw` is gone with this release: HAProxy is reloaded.
            let second = try await room.apply(try room.body(2), 2, previous: 1)
            #expect(second == endpoints.filter { $0.name == "web" })
            try await room.retire(keeping: 2)

            // As after a restart of the machine: nothing runs, and another server begins.
            _ = try await room.podman.lines(["pod", "stop", "-t", "1", "todo-web-r2-0"])
            kill(try #require(process.running).pid, SIGKILL)
            await waitUntil { process.running == nil }
            // podman cleans up after a container for a moment, and would stop a pod that is started again by then.
            await waitUntil {
                processes(with: "\(room.podman.folder)/").allSatisfy { !processes(with: "cleanup").contains($0) }
            }
            let again = try PodmanTarget(
                podman: room.podman,
                folder: room.target.folder,
                authFile: room.registry.authFile,
                client: room.client
            )
            try await again.sweep(live: ["todo": 2])
            #expect(try again.endpoints(environment: "todo") == second)
            await waitUntil { (try? await room.version(second)) == "version 2" }
            #expect(try await room.version(second) == "version 2")
            let third = try await room.apply(try room.body(1, more: more), 3, previous: 2)
            #expect(Set(third.map(\.address)) == Set(endpoints.map(\.address)))

            // The server died before release 3 was tested: release 2 answers again.
            try await again.sweep(live: ["todo": 2])
            #expect(try await room.version(second) == "version 2")
            #expect(try await room.pods() == ["todo-web-r2-0"])
            try await again.sweep(live: [:])
            #expect(try await room.pods() == [])
            #expect(process.running == nil)
        }
    }

    @Test("applied again after a crash, whole pods are kept and half-made ones made again")
    func again() async throws {
        try await TargetRoom.with { room in
            let body = try room.body(1, replicas: 2)
            let endpoints = try await room.apply(body, 1)
            let before = try await room.target.engine.pods().map(\.infraID)
            await room.target.engine.remove([PodName(known: "todo-web-r1-1")], grace: 0)
            #expect(try await room.apply(body, 1) == endpoints)
            let after = try await room.target.engine.pods().map(\.infraID)
            #expect(after.first == before.first && after.last != before.last && after.count == 2)
            for _ in 0..<4 { #expect(try await room.version(endpoints) == "version 1") }
        }
    }

    /// Waits for a sign, at most 30 s, so that the test fails by what it expects next.
    private func waitUntil(_ sign: () async -> Bool) async {
        let end = ContinuousClock.now + .seconds(30)
        while !(await sign()), ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(10)) }
    }
}
