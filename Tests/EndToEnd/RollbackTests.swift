import Foundation
import HTTPClient
import Kubernetes
import TestCluster
import Testing

extension EndToEnd {
    @Suite("A rollback") struct RollbackTests {
        @Test("an earlier release comes back by its digests, and pushes wait until somebody resumes")
        func podman() async throws {
            try await World.run { world in
                let first = try await world.deploy(try await world.repository.head())
                let second = try await world.deploy(try await world.commit("two"))
                let service = try #require(second.release?.services.first).url
                let token = try await world.token()
                try await refusals(world, token, live: second.id)

                let events = try await EventReader(world.address + "/api/v1/events")
                let rollback = try await world.rollBack(to: first.id, token)
                #expect(rollback.status == "succeeded", "\(String(describing: rollback.reason))")
                #expect(rollback.trigger == "rollback" && rollback.rollbackTo == first.id)
                #expect(rollback.revision == first.revision)
                for stage in ["clone", "build", "push"] {
                    #expect(rollback.stage(stage).status == "skipped")
                    #expect(rollback.stage(stage).reason?.message.contains("release of run \(first.id) again") == true)
                }
                #expect(rollback.smokeTest.map(\.passed) == [true])
                #expect(try await world.get(service).string.contains("version one"))
                #expect(rollback.images.map(\.digest) == first.images.map(\.digest))
                let running = try await world.podman("ps", "--format", "{{.Image}}")
                let digest = try #require(first.images.first?.digest)
                #expect(running.contains { $0.hasSuffix(digest) }, "\(running)")
                let hold = try await world.hold()
                #expect(hold["run"] as? Int64 == rollback.id && hold["by"] as? String == "test")
                #expect(hold["until"] as? String == "untilResumed" && hold["since"] is String)

                try await eventually("the hold is told") {
                    events.events.contains { $0.name == "hold" && $0.data.contains("\"run\":\(rollback.id)") }
                        ? true : nil
                }
                await events.end()

                let third = try await world.pushed(try await world.commit("three"))
                let fourth = try await world.pushed(try await world.commit("four"))
                #expect(try await world.run(third).waitingFor == "rollback-hold")
                await world.kill()
                let here = try await world.fairlead(
                    "run",
                    "web",
                    "--config",
                    "\(world.folder)/fairlead.yaml",
                    expecting: nil
                )
                #expect(here.status != 0 && here.output.contains("pipelines/web/resume"), "\(here.output)")
                try await world.start()
                #expect(try await world.run(fourth).waitingFor == "rollback-hold")
                #expect(try await world.get(service).string.contains("version one"))

                let resumed = try await world.lane("resume", token)
                #expect(resumed.status == 200, "\(resumed.string)")
                #expect(try resumed.json()["hold"] is NSNull)
                #expect(try await world.finished(fourth).status == "succeeded")
                #expect(try await world.run(third).supersededBy == fourth)
                #expect(try await world.get(service).string.contains("version four"))
                let again = try await world.lane("resume", token)
                #expect(again.status == 409 && again.string.contains("problems/not-held"), "\(again.string)")

                try await imageGone(world, token, first)
                #expect(try await world.get(service).string.contains("version four"))
            }
        }

        @Test("the live release is applied again after one that failed and was kept")
        func toLiveOnPodman() async throws {
            let deploy = World.podman.replacing("timeout:", with: "onFailure: keep, timeout:")
            try await World.run(deploy: deploy) { world in
                let token = try await world.token()
                let live = try await world.deploy(try await world.repository.head())
                let service = try #require(live.release?.services.first).url
                try await isRefused(live, world, token)
                let crashing = Sample.dockerfile.replacing(#""httpd""#, with: #""false""#)
                let kept = try await world.deploy(try await world.commit("two", ["Dockerfile": crashing]))
                #expect(kept.status == "failed" && kept.undo == nil)
                let pods = try await world.pods()
                #expect(pods.count == 2, "\(pods)")

                let rollback = try await world.rollBack(to: live.id, token)
                #expect(rollback.status == "succeeded", "\(String(describing: rollback.reason))")
                #expect(try await world.get(service).string.contains("version one"))
                let left = try await world.pods()
                #expect(left.count == 1 && !pods.contains(left[0]), "\(left)")
                try await isRefused(live, world, token)
            }
        }

        @Test("in a cluster, too, the live release is applied again after one that failed and was kept")
        func toLiveInCluster() async throws {
            try await ClusterWorld.run(deploy: "timeout: 60s, onFailure: keep") { world, cluster in
                let token = try await world.token()
                let live = try await world.deploy(try await world.repository.head())
                let pinned = try #require(cluster.image(of: "web"))
                try await isRefused(live, world, token)
                cluster.setImage(String(pinned.prefix { $0 != "@" }), ImageBehaviour(.exits(1)))
                cluster.setImage(pinned, ImageBehaviour())
                let extra = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: extra }\ndata: { a: b }\n"
                let kept = try await world.deploy(try await world.commit("two", ["k8s/extra.yaml": extra]))
                #expect(kept.status == "failed" && kept.undo == nil)
                #expect(cluster.image(of: "web") != pinned)
                #expect(cluster.object("v1", "ConfigMap", "web", "extra") != nil)

                let rollback = try await world.rollBack(to: live.id, token)
                #expect(rollback.status == "succeeded", "\(String(describing: rollback.reason))")
                #expect(cluster.image(of: "web") == pinned)
                #expect(cluster.object("v1", "ConfigMap", "web", "extra") == nil)
                try await isRefused(live, world, token)
            }
        }

        private func isRefused(_ live: RunView, _ world: World, _ token: String) async throws {
            let answer = try await world.lane("rollback", token, body: #"{"to":\#(live.id)}"#)
            #expect(answer.status == 409 && answer.string.contains("problems/already-live"), "\(answer.string)")
        }

        /// A verdict, and nothing is touched.
        private func imageGone(_ world: World, _ token: String, _ first: RunView) async throws {
            let digest = try #require(first.images.first?.digest)
            try world.forget(digest)
            let run = try await world.rollBack(to: first.id, token)
            #expect(run.status == "failed" && run.stage("deploy").status == "failed")
            #expect(run.reason?.code == "image-gone")
            #expect(run.reason?.message.contains(digest) == true, "\(String(describing: run.reason))")
            #expect(try await world.get("/api/v1/pipelines/web").json()["hold"] is NSNull)
        }

        private func refusals(_ world: World, _ token: String, live: Int64) async throws {
            let viewer = try await world.token("viewer")
            for what in ["rollback", "resume"] {
                #expect(try await world.request("POST", "/api/v1/pipelines/web/\(what)").status == 401)
                #expect(try await world.lane(what, viewer).status == 403)
            }
            #expect(try await world.request("POST", "/api/v1/pipelines/web2/rollback", token: token).status == 404)
            let cases: [(body: String, status: Int, words: String)] = [
                ("", 400, "the body must be"), ("[]", 400, "the body must be"),
                (#"{"to":"1"}"#, 400, "the body must be"),
                (#"{"to":\#(live),"from":"deploy"}"#, 400, "from: no such key"),
                (#"{"to":0}"#, 400, "the body must be"), (#"{"to":99}"#, 404, "there is no run 99"),
                (#"{"to":\#(live)}"#, 409, "is what web serves already"),
            ]
            for example in cases {
                let answer = try await world.lane("rollback", token, body: example.body)
                #expect(answer.status == example.status, "\(example.body): \(answer.string)")
                #expect(answer.header("Content-Type") == "application/problem+json")
                #expect(answer.string.contains(example.words), "\(answer.string)")
            }
            #expect(try await world.get("/api/v1/pipelines/web").json()["hold"] is NSNull)
        }

        @Test("in a cluster it brings back objects and Secrets, prunes what came later, and is undone if it fails")
        func cluster() async throws {
            let job = """
                apiVersion: batch/v1
                kind: Job
                metadata: { name: migrate }
                spec: { template: { spec: { restartPolicy: Never, containers: [{ name: migrate, image: web }] } } }
                """
            try await ClusterWorld.run(
                files: Sample.files().merging(["ops/migrate.yaml": job]) { $1 },
                pipeline: "hold: untilNextPush\nsecrets: { TOKEN: { file: ../token } }",
                before: "ops/migrate.yaml"
            ) { world, cluster in
                let token = try await world.token()
                try world.write("token", "first-token")
                let first = try await world.deploy(try await world.repository.head())
                #expect(first.status == "succeeded", "\(String(describing: first.reason))")
                let pinned = try #require(cluster.image(of: "web"))
                try world.write("token", "second-token")
                let extra = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: extra }\ndata: { a: b }\n"
                let second = try await world.deploy(try await world.commit("two", ["k8s/extra.yaml": extra]))
                #expect(second.status == "succeeded", "\(String(describing: second.reason))")
                #expect(cluster.image(of: "web") != pinned && cluster.token == "second-token")
                #expect(cluster.object("v1", "ConfigMap", "web", "extra") != nil)

                let rollback = try await world.rollBack(to: first.id, token)
                #expect(rollback.status == "succeeded", "\(String(describing: rollback.reason))")
                #expect(cluster.image(of: "web") == pinned && cluster.token == "first-token")
                #expect(cluster.object("v1", "ConfigMap", "web", "extra") == nil)
                #expect(try await world.log(rollback.id, "deploy").contains("is not run again"))
                #expect(try await world.hold()["until"] as? String == "untilNextPush")

                let third = try await world.deploy(try await world.commit("three"))
                #expect(third.status == "succeeded", "\(String(describing: third.reason))")
                let newest = try #require(cluster.image(of: "web"))
                #expect(newest != pinned)
                #expect(try await world.get("/api/v1/pipelines/web").json()["hold"] is NSNull)

                // A release that does not work any more: what was live comes back, and nothing is held.
                cluster.setImage(pinned, ImageBehaviour(.exits(1), log: "no such table; first-token\n"))
                let failed = try await world.rollBack(to: first.id, token)
                #expect(failed.status == "failed" && failed.undo?.status == "succeeded")
                let reason = failed.reason?.message ?? ""
                #expect(reason.hasPrefix("web: CrashLoopBackOff, exit 1, `no such table; ***`"), "\(reason)")
                #expect(try await !world.log(failed.id, "deploy").contains("first-token"))
                #expect(cluster.image(of: "web") == newest && cluster.token == "second-token")
                #expect(cluster.object("v1", "ConfigMap", "web", "extra") != nil)
                let pipeline = try await world.get("/api/v1/pipelines/web").json()
                #expect(pipeline["hold"] is NSNull)
                #expect((pipeline["live"] as? [String: Any])?["run"] as? Int64 == third.id)
            }
        }
    }
}

extension World {
    /// Commits a page that says which version it is.
    func commit(_ version: String, _ files: [String: String?] = [:]) async throws -> String {
        let page = ["index.html": Optional("Hello from version \(version).\n")]
        return try await repository.commit(page.merging(files) { $1 }, message: version)
    }

    func pushed(_ revision: String) async throws -> Int64 {
        let answer = try await push(revision)
        #expect(answer.status == 202)
        return try Receipt(answer).runs[0].id
    }

    func lane(_ what: String, _ token: String, body: String = "") async throws -> HTTPResponse {
        try await request("POST", "/api/v1/pipelines/web/\(what)", token: token, body: Array(body.utf8))
    }

    fileprivate func rollBack(to run: Int64, _ token: String) async throws -> RunView {
        let answer = try await lane("rollback", token, body: #"{"to":\#(run)}"#)
        guard answer.status == 202 else { throw Unexpected("\(answer.status): \(answer.string)") }
        let id = try #require(try answer.json()["id"] as? Int64)
        #expect(answer.header("Location") == "/api/v1/runs/\(id)")
        return try await finished(id)
    }

    fileprivate func hold() async throws -> [String: Any] {
        try #require(try await get("/api/v1/pipelines/web").json()["hold"] as? [String: Any])
    }

    /// Takes an image out of the embedded registry.
    func forget(_ digest: String) throws {
        let manifests = "\(data)/registry/images/docker/registry/v2/repositories/web/web/_manifests"
        try FileManager.default.removeItem(
            atPath: "\(manifests)/revisions/\(digest.replacing(":", with: "/"))"
        )
    }
}

extension TestCluster {
    fileprivate var token: String? {
        let text = object("v1", "Secret", "web", "web-secrets")?[["data", "TOKEN"]]?.string
        return text.flatMap { Data(base64Encoded: $0) }.map { String(decoding: $0, as: UTF8.self) }
    }
}
