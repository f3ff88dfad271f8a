import Foundation
import HTTPClient
import Kubernetes
import Pipelines
import TestCluster
import Testing

/// The server is killed in each stage, and the next one brings the run to its end: what docs/recovery.md says.
extension EndToEnd {
    @Suite("Killed in a stage") struct RecoveryTests {
        @Test("a clone that was under way is made again")
        func clone() async throws {
            try await World.run { world in
                world.repository.freeze()
                let id = try await world.pushed(try await world.repository.head())
                try await world.working(id, "clone") { $0.contains("fetching refs/heads/main") }
                await world.kill()
                world.repository.thaw()
                let run = try await world.recovered(id)
                #expect(run.status == "succeeded", "\(String(describing: run.reason))")
                #expect(run.stages.map(\.attempt) == [2, 1, 1, 1, 1])
                #expect(run.attempts.first?.reason?.code == "interrupted")
            }
        }

        @Test("a push that was under way is made again, with the image that was built")
        func push() async throws {
            let dockerfile =
                Sample.dockerfile + "RUN [\"/bin/busybox\", \"sh\", \"-c\", \"echo at work; /bin/busybox sleep 2\"]\n"
            try await World.run(files: Sample.files(dockerfile: dockerfile)) { world in
                let id = try await world.pushed(try await world.repository.head())
                try await world.working(id, "build") { $0.contains("at work") }
                let registry = try await world.registryProcess()
                Foundation.kill(registry, SIGSTOP)
                try await eventually("the push has begun") {
                    try await world.run(id).stage("push").status == "running" ? true : nil
                }
                await world.kill()
                let run = try await world.recovered(id)
                #expect(run.status == "succeeded", "\(String(describing: run.reason))")
                #expect(run.stages.map(\.attempt) == [1, 1, 2, 1, 1])
                #expect(try await world.registryProcess() != registry, "the dead server's registry still runs")
            }
        }

        @Test("a deploy that was under way is undone and made again; what was live answers until then")
        func deploy() async throws {
            try await World.run { world in
                let first = try await world.deploy(try await world.repository.head())
                let service = try #require(first.release?.services.first).url
                let slow = Sample.dockerfile.replacing(
                    #"CMD ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]"#,
                    with:
                        #"CMD ["/bin/busybox", "sh", "-c", "/bin/busybox sleep 3; exec /bin/busybox httpd -f -p 8080 -h /www"]"#
                )
                let page = "Hello from version two.\n"
                let id = try await world.pushed(
                    try await world.repository.commit(["Dockerfile": slow, "index.html": page], message: "Slow")
                )
                try await eventually("both releases have a pod") { try await world.pods().count == 2 ? true : nil }
                await world.kill()
                #expect(try await world.get(service).string.contains("version one"))
                try await world.start()
                let run = try await world.finished(id)
                #expect(run.status == "succeeded", "\(String(describing: run.reason))")
                #expect(run.stages.map(\.attempt) == [1, 1, 1, 2, 1])
                #expect(try await world.get(service).string.contains("version two"))
                #expect(try await world.pods().count == 1)
            }
        }

        @Test("a smoke test that was under way is made again, on a release that is deployed again; its verdict holds")
        func smokeTest() async throws {
            try await World.run { world in
                let first = try await world.deploy(try await world.repository.head())
                let service = try #require(first.release?.services.first).url
                let id = try await world.pushed(
                    try await world.repository.commit(["index.html": "Goodbye\n"], message: "Rude")
                )
                try await eventually("the smoke test asks") {
                    try await world.run(id).stage("smoke-test").status == "running" ? true : nil
                }
                await world.kill()
                let run = try await world.recovered(id)
                #expect(run.status == "failed" && run.reason?.code == "smoke-test-failed")
                #expect(run.stages.map(\.attempt) == [1, 1, 1, 2, 2])
                #expect(run.undo?.status == "succeeded")
                #expect(try await world.get(service).string.contains("version one"))
                #expect(try await world.pods().count == 1)
            }
        }

        @Test("a smoke test that was run again is made again, and what is live stays")
        func smokeTestAgain() async throws {
            try await World.run { world in
                let first = try await world.deploy(try await world.repository.head())
                let names = try await world.podman("ps", "--format", "{{.Names}}")
                let web = try #require(names.first { $0.hasSuffix("-web") }, "\(names)")
                try await world.podman("exec", web, "/bin/busybox", "rm", "/www/index.html")
                let pods = try await world.pods()
                let path = "/api/v1/runs/\(first.id)/rerun"
                let body = Array(#"{"from":"smoke-test"}"#.utf8)
                #expect(try await world.request("POST", path, token: try await world.token(), body: body).status == 202)
                try await eventually("the smoke test asks") {
                    try await world.run(first.id).stage("smoke-test").status == "running" ? true : nil
                }
                await world.kill()
                let run = try await world.recovered(first.id)
                #expect(run.status == "failed" && run.undo == nil, "\(String(describing: run.reason))")
                #expect(run.stages.map(\.attempt) == [1, 1, 1, 1, 3])
                #expect(try await world.pods() == pods)
            }
        }

        @Test("in a cluster, a deploy is taken back and made again whichever object it had come to")
        func clusterDeploy() async throws {
            try await ClusterWorld.run(files: Self.twoObjects) { world, cluster in
                let first = try await world.deploy(try await world.repository.head())
                #expect(first.status == "succeeded", "\(String(describing: first.reason))")
                for object in ["/configmaps", "/deployments", "/services"] {
                    let revision = try await world.commit(object)
                    cluster.order(Fault(.silence, matches: { $0.isWrite && $0.path.contains(object) }))
                    let id = try await world.dying(at: object, revision, cluster)
                    let run = try await world.recovered(id)
                    #expect(run.status == "succeeded", "\(object): \(String(describing: run.reason))")
                    #expect(run.stage("deploy").attempt == 2)
                    let digest = try #require(run.images.first?.digest)
                    #expect(cluster.image(of: "web")?.hasSuffix(digest) == true, "\(object)")
                }
            }
        }

        @Test("in a cluster, an undo that was under way is brought to its end before the run goes on")
        func clusterUndo() async throws {
            try await ClusterWorld.run(files: Self.twoObjects) { world, cluster in
                let first = try await world.deploy(try await world.repository.head())
                let pinned = try #require(cluster.image(of: "web"))
                cluster.setImage(String(pinned.prefix { $0 != "@" }), ImageBehaviour(.exits(1), log: "no\n"))
                cluster.setImage(pinned, ImageBehaviour())
                for object in ["/deployments", "/configmaps"] {
                    let other =
                        "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { at: \"\(object)\" }\n"
                    let revision = try await world.commit(object, ["k8s/settings.yaml": other])
                    // The first write applies the object, the second one takes it back.
                    cluster.order(Fault(.silence, skip: 1) { $0.isWrite && $0.path.contains(object) })
                    let id = try await world.dying(at: object, revision, cluster)
                    // The verdict was not recorded: the deploy is made again, and fails again.
                    let run = try await world.recovered(id)
                    #expect(
                        run.status == "failed" && run.undo?.status == "succeeded",
                        "\(String(describing: run.reason))"
                    )
                    #expect(run.stage("deploy").attempt == 2)
                    #expect(cluster.image(of: "web") == pinned, "\(object)")
                    let settings = cluster.object("v1", "ConfigMap", "web", "settings")
                    #expect(settings?[["data", "at"]]?.string == "first", "\(object)")
                    let live = try await world.get("/api/v1/pipelines/web").json()["live"] as? [String: Any]
                    #expect(live?["run"] as? Int64 == first.id)
                }
            }
        }

        @Test("in a cluster, pruning that was under way goes on, and nothing is deployed or tested again")
        func clusterPrune() async throws {
            try await ClusterWorld.run(files: Self.twoObjects) { world, cluster in
                let first = try await world.deploy(try await world.repository.head())
                #expect(first.status == "succeeded", "\(String(describing: first.reason))")
                cluster.order(Fault(.silence) { $0.method == "DELETE" && $0.path.contains("/configmaps") })
                let id = try await world.dying(
                    at: "/configmaps",
                    try await world.commit("less", ["k8s/settings.yaml": nil]),
                    cluster
                )
                let run = try await world.recovered(id)
                #expect(run.status == "succeeded", "\(String(describing: run.reason))")
                #expect(run.stages.allSatisfy { $0.attempt == 1 })
                #expect(cluster.object("v1", "ConfigMap", "web", "settings") == nil)
            }
        }

        @Test("in a cluster, a server that goes down while it prunes leaves the run to the next one")
        func clusterPruneStopped() async throws {
            try await ClusterWorld.run(files: Self.twoObjects) { world, cluster in
                _ = try await world.deploy(try await world.repository.head())
                cluster.order(Fault(.silence) { $0.method == "DELETE" && $0.path.contains("/configmaps") })
                let id = try await world.dying(
                    at: "/configmaps",
                    try await world.commit("less", ["k8s/settings.yaml": nil]),
                    cluster,
                    by: World.stop
                )
                let run = try await world.recovered(id)
                #expect(run.status == "succeeded", "\(String(describing: run.reason))")
                #expect(run.stages.allSatisfy { $0.attempt == 1 })
                #expect(cluster.object("v1", "ConfigMap", "web", "settings") == nil)
            }
        }

        @Test("a mirror in which a power cut has left empty files is fetched anew")
        func mirror() async throws {
            try await World.run { world in
                _ = try await world.deploy(try await world.repository.head())
                let mirrors = "\(world.data)/mirrors"
                let mirror = try #require(try FileManager.default.contentsOfDirectory(atPath: mirrors).first)
                try Data().write(to: URL(filePath: "\(mirrors)/\(mirror)/refs/heads/main"))
                let run = try await world.deploy(try await world.commit("two"))
                #expect(run.status == "succeeded", "\(String(describing: run.reason))")
                #expect(try await world.log(run.id, "clone").contains("damaged"))
            }
        }

        @Test("a cancel that was recorded before it died takes back a half deploy and ends the run")
        func cancel() async throws {
            try await ClusterWorld.run(files: Self.twoObjects) { world, cluster in
                let first = try await world.deploy(try await world.repository.head())
                let pinned = try #require(cluster.image(of: "web"))
                cluster.order(Fault(.silence, matches: { $0.isWrite && $0.path.contains("/services") }))
                let id = try await world.dying(at: "/services", try await world.commit("two"), cluster)
                #expect(cluster.image(of: "web") != pinned)
                let history = try History.open(folder: world.data)
                #expect(try await history.requestCancel(run: id) == .requested)
                try history.close()
                let run = try await world.recovered(id)
                #expect(run.status == "cancelled" && run.stage("deploy").attempt == 1)
                #expect(run.undo?.status == "succeeded")
                #expect(cluster.image(of: "web") == pinned)
                let live = try await world.get("/api/v1/pipelines/web").json()["live"] as? [String: Any]
                #expect(live?["run"] as? Int64 == first.id)
            }
        }

        private static let twoObjects = Sample.files().merging(
            [
                "k8s/settings.yaml":
                    "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { at: first }\n"
            ]
        ) { $1 }
    }
}

extension World {
    /// Starts the next server and waits for the end of a run.
    fileprivate func recovered(_ run: Int64) async throws -> RunView {
        try await start()
        return try await finished(run)
    }

    /// Waits until a stage has written what is looked for.
    fileprivate func working(_ run: Int64, _ stage: String, _ sign: (String) -> Bool) async throws {
        try await eventually("the \(stage) is at work") { try await sign(log(run, stage)) ? true : nil }
    }

    /// Pushes, and ends the server when the cluster has not answered a write.
    fileprivate func dying(
        at object: String,
        _ revision: String,
        _ cluster: TestCluster,
        by end: (World) -> () async -> Void = World.kill
    ) async throws -> Int64 {
        cluster.forgetRequests()
        let id = try await pushed(revision)
        try await eventually("the cluster keeps silent at \(object)") {
            cluster.requests.contains { $0.isWrite && $0.path.contains(object) && $0.status == nil } ? true : nil
        }
        await end(self)()
        cluster.clearFaults()
        return id
    }

    /// The number of the embedded registry's process, of which there must be one.
    func registryProcess() async throws -> Int32 {
        let processes = try await registryProcesses()
        try #require(processes.count == 1, "\(processes)")
        return processes[0]
    }

    /// One that has ended and waits for its parent has no arguments any more, and is not among them.
    func registryProcesses() async throws -> [Int32] {
        try await sh("/bin/ps", ["-eo", "pid,args"]).output.split(separator: "\n")
            .filter { $0.contains("docker-registry") && $0.contains("\(data)/registry") }
            .compactMap { $0.split(separator: " ").first.flatMap { Int32($0) } }
    }
}
