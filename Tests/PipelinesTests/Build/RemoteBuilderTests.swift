import Glibc
import Testing

@testable import Pipelines

@Suite("Remote builder", .serialized)
struct RemoteBuilderTests {
    @Test("an image is built and pushed through a podman elsewhere, and is the same as one built here")
    func road() async throws {
        try await withRemoteMachine { machine, podman in
            let repository = try Repository(
                "COPY . /app\nRUN ls /app && cat /app/new\n",
                files: [
                    "app/new": "said by the context\n", "app/left-out": "no", "app/.dockerignore": "left-out\n",
                ]
            )
            let log = CollectedLog()
            let id = try await machine.builder(podman).build(repository, log: log)
            #expect(log.text.contains("said by the context"))
            #expect(!log.text.contains("left-out"))
            #expect(try await machine.builder(podman).build(repository, log: log) == id)
            try await withPodman { here in
                let same = try await ImageBuilder(podman: here).build(repository, log: CollectedLog())
                #expect(same == id)
            }

            let pusher = machine.pusher(podman)
            let target = "\(machine.registry)/todo/backend"
            let digest = try await pusher.push(id, to: target, log: log, deadline: .seconds(60))
            #expect(digest.hasPrefix("sha256:") && digest.utf8.count == 71 && digest != id)
            #expect(try await pusher.exists("\(target)@\(digest)"))
            #expect(try await pusher.push(id, to: target, log: log, deadline: .seconds(60)) == digest)
            #expect(try await machine.leftovers(podman).isEmpty)
        }
    }

    @Test("credentials go along with one request, for one registry, and do not stay")
    func credentials() async throws {
        try await withRemoteMachine { machine, podman in
            let log = CollectedLog()
            let base = try await machine.builder(podman).build(try Repository("RUN echo >/base\n"), log: log)
            let name = "\(machine.registry)/private/base"
            _ = try await machine.pusher(podman).push(base, to: name, log: log, deadline: .seconds(60))
            _ = try await podman.lines(["rmi", "--force", String(base.dropFirst(7))])

            let tag = "\(name):\(base.dropFirst(7).prefix(12))"
            let repository = try Repository(files: [
                "app/Dockerfile": "FROM \(tag)\nRUN ls /base && find / -name auth.json 2>/dev/null; env\n"
            ])
            let stranger = ImageBuilder(podman: podman, authFile: nil, registries: [machine.registry])
            let error = await #expect(throws: StageError.self) { _ = try await stranger.build(repository, log: log) }
            #expect(error?.reason.code == "registry-authentication")
            let built = CollectedLog()
            let builder = machine.builder(podman)
            _ = try await builder.build(repository, log: built)
            #expect(built.text.contains("\n/base\n"))

            let secret = TestHTTP.basic(machine.user, machine.password)[0].1.dropFirst("Basic ".count)
            for word in [machine.password, String(secret)] {
                let (found, _) = try await ChildProcess(ledger: nil, run: nil).capture(
                    "grep",
                    ["-rqF", word, machine.storage],
                    deadline: .seconds(60)
                )
                #expect(found.exitCode == 1)
            }
            #expect(SmallFile.names(in: podman.temporaryFolder).filter { $0.hasPrefix("auth-") }.isEmpty)

            // A private base image counts in the key, as it is now.
            let key = try await builder.key(
                for: Repository.image(),
                folder: repository.path,
                contextTree: "t",
                log: log
            )
            #expect(key?.utf8.count == 64)
            let again = try await builder.key(
                for: Repository.image(),
                folder: repository.path,
                contextTree: "t",
                log: log
            )
            #expect(again == key)
            #expect(try await podman.builder().platform == BuildInputs.platform)
        }
    }

    @Test("a cancelled build, and one out of time, leave nothing there")
    func cancel() async throws {
        try await withRemoteMachine { machine, podman in
            for cancelled in [true, false] {
                let mark = uniqueSleep()
                let repository = try Repository("RUN echo begun; sleep \(mark)\n")
                let log = CollectedLog()
                let task = Task {
                    try await machine.builder(podman).build(repository, log: log, seconds: cancelled ? 60 : 8)
                }
                await log.wait(for: "\nbegun\n")
                #expect(!processes(with: "sleep \(mark)").isEmpty)
                if cancelled { task.cancel() }
                switch await task.result {
                case .success: Issue.record("the build came to an end")
                case .failure(let error as StageError):
                    #expect(!cancelled && error.reason.code == "deadline-exceeded")
                case .failure(let error): #expect(cancelled && error is CancellationError)
                }
                #expect(processes(with: "sleep \(mark)").isEmpty)
                #expect(try await machine.leftovers(podman) == [])
            }
        }
    }

    @Test("what a killed server left there is ended by the next one, and nobody else's builds")
    func sweep() async throws {
        try await withRemoteMachine { machine, podman in
            let (left, own) = (uniqueSleep(), uniqueSleep())
            let repository = try Repository("RUN sleep \(left)\n")
            let scratch = try BuildScratch.make(in: podman)
            _ = try await podman.run(
                ["build", "--cgroup-parent", "/\(scratch.mark)", "--", "\(repository.path)/app"],
                log: CollectedLog(),
                deadline: .seconds(4)
            )
            // The client is gone, and the build is not: this is what the sweep is for.
            #expect(!processes(with: "sleep \(left)").isEmpty)

            let other = try machine.client("other")
            let log = CollectedLog()
            let beside = Task {
                try await machine.builder(other).build(try Repository("RUN echo begun; sleep \(own)\n"), log: log)
            }
            await log.wait(for: "\nbegun\n")
            try await machine.client().sweepBuilds()
            #expect(processes(with: "sleep \(left)").isEmpty)
            #expect(!processes(with: "sleep \(own)").isEmpty)
            beside.cancel()
            _ = await beside.result
            #expect(try await machine.leftovers(podman) == [])
        }
    }

    @Test("a build reaches neither this machine's loopback, nor the podman that builds it, nor a private address")
    func isolation() async throws {
        try await withRemoteMachine { machine, podman in
            let port = Int(machine.registry.split(separator: ":")[1]) ?? 0
            let gateway = try await podman.remoteBuildNetwork().gateway
            let asks = [
                ("127.0.0.1", port), (machine.here, port), (machine.there, machine.port), (gateway, machine.port),
                ("127.0.0.1", machine.port),
            ]
            let ask = asks.map {
                "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 \($0) \($1) 2>/dev/null | grep -q HTTP/1 && echo \($0):\($1) open || echo \($0):\($1) shut; "
            }.joined()
            let log = CollectedLog()
            _ = try await machine.builder(podman).build(
                try Repository("RUN \(ask)\nRUN grep CapEff /proc/self/status\n"),
                log: log
            )
            for (address, port) in asks { #expect(log.text.contains("\n\(address):\(port) shut\n")) }
            let line = log.text.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
            let mask = try #require(line.flatMap { UInt64($0.dropFirst(7).filter { !$0.isWhitespace }, radix: 16) })
            #expect(mask & (1 << 13 | 1 << 21) == 0)

            // The operator's word opens one of them: so it was the rules that kept the build away.
            let opened = CollectedLog()
            let builder = ImageBuilder(podman: podman, allow: ["\(machine.here):\(port)"])
            _ = try await builder.build(try Repository("RUN \(ask)\n"), log: opened, fresh: true)
            #expect(opened.text.contains("\n\(machine.here):\(port) open\n"))
            #expect(opened.text.contains("\n\(machine.there):\(machine.port) shut\n"))
        }
    }

    @Test("a podman that is not there, or goes away in the middle, is a technical fault")
    func unreachable() async throws {
        try await withRemoteMachine { machine, podman in
            let log = CollectedLog()
            let task = Task {
                try await machine.builder(podman).build(try Repository("RUN echo begun; sleep 60\n"), log: log)
            }
            await log.wait(for: "\nbegun\n")
            await machine.stopService()
            switch await task.result {
            case .success: Issue.record("the build came to an end")
            case .failure(let error):
                #expect((error as? StageError)?.reason.code == "builder-unreachable", "\(error)")
            }
            let error = await #expect(throws: StageError.self) {
                _ = try await machine.builder(podman).build(try Repository(""), log: log)
            }
            #expect(error?.reason.code == "builder-unreachable")
            #expect(error?.outcome == .errored)
            let checks = await podman.check()
            #expect(checks.last?.ok == false)
        }
    }
}

@Suite("Remote builder's words")
struct RemoteBuilderWordsTests {
    @Test(
        "of the credentials, those of the reference's registry are sent",
        arguments: [
            ("registry.example/acme/web", ["registry.example/acme"]), ("registry.example/other", []),
            ("registry.example/acme-two/web", []), ("ghcr.io/a/b:1", ["ghcr.io"]),
            ("alpine", ["https://index.docker.io/v1/"]),
            ("library/alpine", ["https://index.docker.io/v1/"]),
            ("docker.io/library/alpine", ["https://index.docker.io/v1/"]),
            ("localhost:5000/x", []),
        ]
    )
    func credentials(reference: String, expected: [String]) throws {
        let folder = try TestFolder()
        let keys = ["registry.example/acme", "ghcr.io", "https://index.docker.io/v1/"]
        let auths = keys.map { #""\#($0)": {"auth": "x"}"# }.joined(separator: ", ")
        try folder.write(#"{"auths": {\#(auths)}}"#, to: "auth.json")
        let text = String(
            decoding: try RegistryCredentials("\(folder.path)/auth.json").only(for: reference),
            as: UTF8.self
        )
        #expect(keys.filter { text.replacing("\\/", with: "/").contains("\"\($0)\"") } == expected)
    }

    @Test("what the client of a podman elsewhere keeps stays when it is set up again")
    func client() throws {
        let folder = try TestFolder()
        let client = RemoteClient(folder: folder.path)
        let name = try client.write()
        #expect(name.utf8.count == 8)
        try folder.write("builder ssh-ed25519 AAAA\n", to: ".ssh/known_hosts")
        #expect(try client.write() == name)
        #expect(SmallFile.text(client.knownHosts) == "builder ssh-ed25519 AAAA\n")
        #expect(try RemoteClient(folder: TestFolder().path).write() != name)
        let remote = ServerSettings.RemoteBuilder(podman: "ssh://core@builder/run/podman.sock", identity: "/key")
        #expect(client.options(remote) == ["--url", remote.podman, "--identity", "/key"])
    }
}
