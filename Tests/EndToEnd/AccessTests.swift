import Foundation
import HTTPClient
import Testing

extension EndToEnd {
    @Suite("Who may") struct AccessTests {
        @Test("looking needs a token, changing needs the role, and a session is as good as its token")
        func roles() async throws {
            try await World.run(settings: "") { world in
                let viewer = try await world.token("viewer")
                let deployer = try await world.token("deployer")
                for path in ["/api/v1/runs", "/api/v1/pipelines", "/api/v1/events", "/api/v1/runs/1"] {
                    #expect(try await world.get(path).status == 401, "\(path)")
                }
                #expect(try await world.get("/api/v1/runs", token: "fl_wrong").status == 401)
                #expect(try await world.get("/api/v1/runs", token: viewer).status == 200)
                let start = "/api/v1/pipelines/web/runs"
                #expect(try await world.request("POST", start).status == 401)
                #expect(try await world.request("POST", start, token: viewer).status == 403)
                let mistyped = Array(#"{"revison":"\#(String(repeating: "0", count: 40))"}"#.utf8)
                let refused = try await world.request("POST", start, token: deployer, body: mistyped)
                #expect(refused.status == 400 && refused.string.contains("revison: no such key"))
                let started = try await world.request("POST", start, token: deployer)
                #expect(started.status == 202)
                let id = try #require(try started.json()["id"] as? Int)
                let run = try await eventually("the run is over", seconds: 120) { () -> RunView? in
                    let run = try RunView(try await world.get("/api/v1/runs/\(id)", token: viewer))
                    return run.isOver ? run : nil
                }
                #expect(run.status == "succeeded")
                #expect(run.trigger == "manual")

                let session = try await world.request(
                    "POST",
                    "/api/v1/session",
                    body: Array(#"{"token":"\#(viewer)"}"#.utf8)
                )
                #expect(session.status == 204)
                let cookie = try #require(session.header("Set-Cookie"))
                #expect(cookie.contains("HttpOnly"))
                #expect(cookie.contains("SameSite=Strict"))
                let pair = ("Cookie", String(cookie.split(separator: ";")[0]))
                #expect(try await world.get("/api/v1/runs", headers: [pair]).status == 200)
                #expect(try await world.request("POST", start, headers: [pair]).status == 403)
                let elsewhere = try await world.request(
                    "DELETE",
                    "/api/v1/session",
                    headers: [pair, ("Origin", "https://evil.example")]
                )
                #expect(elsewhere.status == 403)
                #expect(try await world.request("DELETE", "/api/v1/session", headers: [pair]).status == 204)
                #expect(try await world.get("/api/v1/runs", headers: [pair]).status == 401)
                #expect(
                    try await world.request("POST", "/api/v1/session", body: Array(#"{"token":"no"}"#.utf8)).status
                        == 401
                )

                let list = try await world.fairlead("token", "list").output
                #expect(!list.contains(viewer))
                let number = try #require(
                    list.split(separator: "\n").first { $0.contains("viewer") }?.split(separator: "\t").first
                )
                try await world.fairlead("token", "revoke", String(number))
                #expect(try await world.get("/api/v1/runs", token: viewer).status == 401)
            }
        }

        @Test("public: status shows runs and stages, and neither logs nor reasons")
        func publicStatus() async throws {
            try await World.run(
                files: ["index.html": "x", "k8s/web.yaml": Sample.manifests],
                settings: "public: status\n"
            ) { world in
                let answer = try await world.push(try await world.repository.head())
                let id = try Receipt(answer).runs[0].id
                let run = try await world.finished(id)
                #expect(run.status == "failed")
                #expect(run.reason == nil)
                #expect(run.stage("build").reason == nil)
                #expect(try await world.get("/api/v1/runs/\(id)/stages/build/log").status == 401)
                let token = try await world.token("viewer")
                let whole = try RunView(try await world.get("/api/v1/runs/\(id)", token: token))
                #expect(whole.reason?.code == "dockerfile-missing")
                #expect(try await world.get("/api/v1/runs/\(id)/stages/build/log", token: token).status == 200)
            }
        }

        @Test("a foreign Host gets nothing")
        func host() async throws {
            try await World.run { world in
                #expect(try await world.get("/api/v1/runs", headers: [("Host", "evil.example")]).status == 421)
                #expect(try await world.get("/", headers: [("Host", "evil.example")]).status == 421)
                #expect(try await world.get("/healthz", headers: [("Host", "10.0.0.1")]).status == 200)
                #expect(try await world.get("/readyz").status == 200)
                let page = try await world.get("/")
                #expect(page.status == 200)
                #expect(page.header("Content-Security-Policy")?.contains("default-src 'self'") == true)
                #expect(page.header("ETag") != nil)
            }
        }

        @Test("pipeline secrets reach the container, and nobody else")
        func secrets() async throws {
            let showing = Sample.dockerfile.replacing(
                #"CMD ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]"#,
                with:
                    #"CMD ["/bin/busybox", "sh", "-c", "echo Hello $DATABASE_URL > /www/index.html; exec /bin/busybox httpd -f -p 8080 -h /www"]"#
            )
            let manifests = Sample.manifests.replacing(
                "image: web",
                with: "image: web\n          envFrom: [{ secretRef: { name: web-secrets } }]"
            )
            try await World.run(
                files: Sample.files(dockerfile: showing, manifests: manifests),
                pipeline: "secrets: { DATABASE_URL: { env: DATABASE_URL } }"
            ) { world in
                let run = try await world.deploy(try await world.repository.head())
                #expect(run.status == "succeeded", "\(String(describing: run.reason))")
                let service = try #require(run.release?.services.first).url
                #expect(try await world.get(service).string.contains("postgres://hidden"))
                let shown = try await world.get("/api/v1/runs/\(run.id)").string
                #expect(!shown.contains("postgres://hidden"))
                #expect(shown.contains("says hello"))
                for stage in ["build", "deploy", "smoke-test"] {
                    #expect(!(try await world.log(run.id, stage)).contains("postgres://hidden"))
                }
                await world.stop()
                for file in try FileManager.default.contentsOfDirectory(atPath: world.data)
                where file.hasPrefix("fairlead.db") {
                    let bytes = try Data(contentsOf: URL(filePath: "\(world.data)/\(file)"))
                    #expect(bytes.range(of: Data("postgres://hidden".utf8)) == nil, "\(file)")
                }
            }
        }
    }

    @Suite("The program") struct ProgramTests {
        /// Every way in which files can be wrong, each alone and against each other: file → text, and where it shows.
        private static func broken(_ good: String) -> [(file: String, text: String, faults: [String])] {
            let bomb = (1...40).map { level in
                let items = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
                return "a\(level): &a\(level) [\(items)]"
            }
            func named(_ name: String) -> String { good.replacing("name: web\n", with: "name: \(name)\n") }
            func inNamespace(_ namespace: String, _ text: String) -> String {
                text.replacing("podman: {}", with: "podman: {}, namespace: \(namespace)")
            }
            return [
                (
                    "x-bomb", "a0: &a0 [x]\n" + bomb.joined(separator: "\n"),
                    ["2:10: '*a0' is an alias, and aliases are not read"]
                ),
                (
                    "x-keys", named("keys") + "onPsh: latest\nonPush: 7\nsecrets: [x]\n",
                    ["6:1: the file has an unknown key 'onPsh'", "7:9:", "8:10:"]
                ),
                (
                    "x-shadow", inNamespace("web", named("shadow")),
                    ["1:7: the environment 'shadow' has the target and the namespace 'web' of the environment 'web'"]
                ),
                (
                    "x-twin", inNamespace("twins", good) + "environment: twins\n",
                    ["1:7: the name 'web' belongs to the pipeline in"]
                ),
                (
                    "x-two-places", named("two-places") + "environment: web\n",
                    ["6:14: the environment 'web' has the namespace 'two-places' here and 'web' in"]
                ),
            ]
        }

        @Test("validate reports every fault with its line, and a running server keeps the old definitions")
        func validate() async throws {
            try await World.run { world in
                #expect(try await world.fairlead("validate").output.contains("valid"))
                let good = try String(contentsOfFile: "\(world.folder)/pipelines/web.yaml", encoding: .utf8)
                let before = try await world.get("/api/v1/pipelines").string
                let broken = Self.broken(good)
                for (file, text, _) in broken { try world.write("pipelines/\(file).yaml", text) }
                let report = try await world.fairlead("validate", expecting: 1).output
                for (file, _, faults) in broken {
                    for fault in faults {
                        #expect(report.contains("pipelines/\(file).yaml:\(fault)"), "\(fault)\n\(report)")
                    }
                }
                #expect(report.contains("\n\(broken.flatMap(\.faults).count) faults\n"), "\(report)")

                // A server of the same folder that runs no registry says so among the rest, and does not start.
                let settings = try String(contentsOfFile: "\(world.folder)/fairlead.yaml", encoding: .utf8)
                try world.write("bare.yaml", settings.replacing("registry: { embedded: true }\n", with: ""))
                let wanted = "pipelines/web.yaml:1:7: the images go to the registry of this server"
                let bare = try await world.fairlead("validate", "--config", "bare.yaml", expecting: 1).output
                #expect(bare.contains(wanted) && bare.contains("onPsh"), "\(bare)")
                let refused = try await world.fairlead("serve", "--config", "bare.yaml", expecting: 1).output
                #expect(refused.contains(wanted) && refused.contains("onPsh"), "\(refused)")

                world.serverProcess?.signal(SIGHUP)
                try await eventually("the server says that it keeps the old") {
                    let said = world.serverProcess?.said ?? ""
                    return broken.allSatisfy { said.contains("pipelines/\($0.file).yaml:") } ? true : nil
                }
                #expect(try await world.get("/api/v1/pipelines").string == before)
                #expect(try await world.deploy(try await world.repository.head()).status == "succeeded")
            }
        }

        @Test("SIGHUP reads the pipelines again")
        func reload() async throws {
            try await World.run { world in
                try world.write(
                    "pipelines/second.yaml",
                    try String(contentsOfFile: "\(world.folder)/pipelines/web.yaml", encoding: .utf8)
                        .replacing("name: web", with: "name: second")
                )
                world.serverProcess?.signal(SIGHUP)
                try await eventually("the pipeline is there") {
                    try await world.get("/api/v1/pipelines/second").status == 200 ? true : nil
                }
            }
        }

        @Test("run takes a pipeline once, here and now")
        func runOnce() async throws {
            try await World.run(serve: false) { world in
                let (_, output) = try await world.fairlead("run", "web")
                #expect(output.contains("smoke-test"))
                #expect(output.contains("run 1 succeeded"))
                #expect(try await world.fairlead("run", "absent", expecting: nil).status != 0)
                #expect(try await world.pods().count == 1)
            }
        }

        @Test("an empty secret refuses to start, and so does a second server on the same folder")
        func refusals() async throws {
            try await World.run { world in
                let second = try await world.fairlead(
                    "serve",
                    "--config",
                    "\(world.folder)/fairlead.yaml",
                    expecting: nil
                )
                #expect(second.status != 0)
                #expect(second.output.contains("\(world.serverProcess?.pid ?? 0)"), "\(second.output)")
                var environment = world.environment
                environment["FL_SECRET"] = ""
                let empty = try await sh(
                    World.program,
                    ["serve", "--config", "\(world.folder)/fairlead.yaml"],
                    folder: world.folder,
                    environment: environment,
                    expecting: nil
                )
                #expect(empty.status == 1)
                #expect(empty.output.contains("FL_SECRET"))
            }
        }

        @Test("doctor says what is well and how to mend what is not")
        func doctor() async throws {
            try await World.run(serve: false) { world in
                let well = try await world.fairlead("doctor").output
                #expect(well.contains("checks passed"), "\(well)")
                let mode = try FileManager.default.attributesOfItem(atPath: world.data)[.posixPermissions] as? Int
                #expect(mode == 0o700)
                try world.replace("branch: main", with: "branch: absent")
                let ill = try await world.fairlead("doctor", expecting: 1).output
                #expect(ill.contains("refs/heads/absent"))
                #expect(ill.contains("mend:"))
            }
        }

        @Test("events tell of a run while it happens, and go on where they were left")
        func events() async throws {
            try await World.run { world in
                let events = try await EventReader(world.address + "/api/v1/events")
                let run = try await world.deploy(try await world.repository.head())
                let seen = try await eventually("the end of the run is told") { () -> [EventReader.Event]? in
                    let events = events.events
                    return events.contains {
                        $0.name == "run" && $0.data.contains("\"status\":\"succeeded\",\"supersededBy\"")
                    } ? events : nil
                }
                #expect(seen.contains { $0.name == "log" })
                #expect(seen.contains { $0.data.contains("\"id\":\(run.id)") })
                let last = try #require(seen.last { !$0.id.isEmpty }).id
                await events.end()
                let skipped = try await world.deploy(try await world.repository.head())
                let resumed = try await EventReader(world.address + "/api/v1/events", lastEventID: last)
                try await eventually("what was missed is told") {
                    resumed.events.contains { $0.data.contains("\"id\":\(skipped.id)") } ? true : nil
                }
                await resumed.end()
            }
        }

        @Test("events end for whoever may not listen any more")
        func revoked() async throws {
            try await World.run(settings: "") { world in
                let deployer = try await world.token("deployer")
                let viewer = try await world.token("viewer")
                let events = try await EventReader(world.address + "/api/v1/events", token: viewer)
                let list = try await world.fairlead("token", "list").output
                let line = try #require(list.split(separator: "\n").first { $0.contains("viewer") })
                try await world.fairlead("token", "revoke", String(try #require(line.split(separator: "\t").first)))
                // A listener is asked again with what happens, and not more often than once in a second.
                try await eventually("the stream is over") {
                    _ = try await world.request("POST", "/api/v1/pipelines/web/runs", token: deployer)
                    return events.isOver ? true : nil
                }
                await events.end()
            }
        }
    }
}

/// A listener to server-sent events.
final class EventReader: Sendable {
    struct Event: Sendable {
        var name = "message"
        var id = ""
        var data = ""
    }

    private let child: Child

    init(_ url: String, lastEventID: String? = nil, token: String? = nil) async throws {
        let header =
            (lastEventID.map { ["-H", "Last-Event-ID: \($0)"] } ?? [])
            + (token.map { ["-H", "Authorization: Bearer \($0)"] } ?? [])
        child = try Child(
            "/usr/bin/curl",
            ["-sN"] + header + [url],
            environment: [:],
            folder: "/",
            log: NSTemporaryDirectory() + "fl-events-\(UUID().uuidString)"
        )
        try await eventually("the stream is open") { child.said.isEmpty ? nil : true }
    }

    /// The server has ended the stream.
    var isOver: Bool { !child.isRunning }

    var events: [Event] {
        child.said.components(separatedBy: "\n\n").dropLast().map { block in
            var event = Event()
            for line in block.split(separator: "\n") {
                if line.hasPrefix("event: ") { event.name = String(line.dropFirst(7)) }
                if line.hasPrefix("id: ") { event.id = String(line.dropFirst(4)) }
                if line.hasPrefix("data: ") { event.data += line.dropFirst(6) }
            }
            return event
        }
    }

    func end() async {
        child.signal(SIGKILL)
        await child.wait()
        try? FileManager.default.removeItem(atPath: child.outputPath)
    }
}
