import Foundation
import HTTPClient
import Testing

extension EndToEnd {
    @Suite("A re-run") struct RerunTests {
        @Test("it needs neither checkout, mirror, branch nor the builder's images, and keeps all earlier attempts")
        func everythingGone() async throws {
            try await World.run(pipeline: "secrets: { TOKEN: { file: ../token } }") { world in
                let revision = try await world.repository.head()
                let token = try await world.token()
                let first = try await world.deploy(revision)
                #expect(first.status == "errored" && first.reason?.code == "secret-missing")
                #expect(try await world.podman("images", "--quiet", "--noheading").isEmpty == false)
                try await world.podman("image", "prune", "--all", "--force")
                #expect(try await world.podman("images", "--quiet", "--noheading").isEmpty)
                try await world.deleteBranch()

                // The registry has what was pushed: the builder is not asked for it.
                let pushed = try await world.rerun(first.id, token, #"{"from":"push"}"#)
                #expect(pushed.stage("push").status == "succeeded" && pushed.stage("push").attempt == 2)
                #expect(try await world.log(first.id, "push").contains("in the registry already"))
                #expect(pushed.images.map(\.digest) == first.images.map(\.digest))
                #expect(pushed.reason?.code == "secret-missing" && pushed.stage("deploy").attempt == 2)

                try world.write("token", "now there is one")
                let deployed = try await world.rerun(first.id, token)
                #expect(deployed.status == "succeeded", "\(String(describing: deployed.reason))")
                #expect(deployed.stages.map(\.attempt) == [1, 1, 2, 3, 1])
                #expect(deployed.attempts.count == 8)
                #expect(deployed.reruns.map(\.from) == ["push", "deploy"])
                #expect(deployed.reruns.map(\.by) == ["test", "test"])
                #expect(deployed.reruns.map(\.before.status) == ["errored", "errored"])
                let earlier = try await world.get("/api/v1/runs/\(first.id)/stages/deploy/log?attempt=1").string
                #expect(earlier.contains("secret TOKEN"), "\(earlier)")
                let service = try #require(deployed.release?.services.first).url
                #expect(try await world.get(service).string.contains("version one"))

                // Not even the mirror: the server has the commit, if only under a tag.
                await world.stop()
                try FileManager.default.removeItem(atPath: "\(world.data)/mirrors")
                try await world.start()
                let refetched = try await world.rerun(first.id, token, #"{"from":"deploy"}"#)
                #expect(refetched.status == "succeeded", "\(String(describing: refetched.reason))")
                #expect(refetched.release?.id != deployed.release?.id)
                #expect(try await world.pods().count == 1)

                let whole = try await world.rerun(first.id, token, #"{"from":"clone"}"#)
                #expect(whole.status == "succeeded" && whole.revision == revision)
                #expect(whole.images.map(\.origin) == ["reused"])
                #expect(try await world.get(service).string.contains("version one"))
            }
        }

        @Test("begun at the smoke test, it deploys nothing; fresh, it reuses nothing")
        func oneStage() async throws {
            let files = [
                "web/index.html": "Hello\n", "web/Dockerfile": Sample.dockerfile, "k8s/web.yaml": Sample.manifests,
            ]
            try await World.run(files: files) { world in
                try await world.moveContext(to: "web")
                let token = try await world.token()
                let first = try await world.deploy(try await world.repository.head())
                #expect(first.status == "succeeded", "\(String(describing: first.reason))")
                let pods = try await world.pods()
                let tested = try await world.rerun(first.id, token, #"{"from":"smoke-test"}"#)
                #expect(tested.status == "succeeded" && tested.stages.map(\.attempt) == [1, 1, 1, 1, 2])
                #expect(tested.release?.id == first.release?.id)
                #expect(try await world.pods() == pods)

                // What it says of a service that has broken since is a verdict, and nothing is undone.
                let web = try #require(
                    try await world.podman("ps", "--format", "{{.Names}}").first { $0.hasSuffix("-web") }
                )
                try await world.podman("exec", web, "/bin/busybox", "rm", "/www/index.html")
                let broken = try await world.rerun(first.id, token, #"{"from":"smoke-test"}"#)
                #expect(broken.status == "failed" && broken.reason?.code == "smoke-test-failed")
                #expect(broken.reason?.message.hasSuffix("so the release stays live") == true)
                #expect(broken.undo == nil)
                #expect(try await world.pods() == pods)

                let reused = try await world.rerun(first.id, token, #"{"from":"build"}"#)
                #expect(reused.status == "succeeded" && reused.images.map(\.origin) == ["reused"])
                let fresh = try await world.rerun(first.id, token, #"{"fresh":true}"#)
                #expect(fresh.status == "succeeded" && fresh.images.map(\.origin) == ["built"])
                #expect(fresh.reruns.last.map { $0.from == "build" && $0.fresh } == true)
                #expect(try await world.pods().count == 1)
            }
        }

        @Test("killed in it, the server goes on from the stage that it had begun with")
        func killed() async throws {
            try await World.run(files: Sample.files(dockerfile: EndingTests.slow)) { world in
                let token = try await world.token()
                let id = try await world.pushed(try await world.repository.head())
                try await world.building(id, attempt: 1)
                _ = try await world.request("POST", "/api/v1/runs/\(id)/cancel", token: token)
                #expect(try await world.finished(id).status == "cancelled")
                #expect(try await world.request("POST", "/api/v1/runs/\(id)/rerun", token: token).status == 202)
                try await world.building(id, attempt: 2)
                await world.kill()
                try await world.start()
                try await world.building(id, attempt: 3)
                let run = try await world.run(id)
                #expect(run.stage("clone").attempt == 1)
                #expect(
                    run.attempts.filter { $0.name == "build" }.map(\.status) == ["cancelled", "errored", "running"]
                )
                _ = try await world.request("POST", "/api/v1/runs/\(id)/cancel", token: token)
                #expect(try await world.finished(id).status == "cancelled")
            }
        }

        @Test("what cannot be run again is refused with the reason")
        func refused() async throws {
            try await World.run { world in
                let first = try await world.deploy(try await world.repository.head())
                #expect(first.status == "succeeded")
                let token = try await world.token()
                let path = "/api/v1/runs/\(first.id)/rerun"
                #expect(try await world.request("POST", path).status == 401)
                let viewer = try await world.token("viewer")
                #expect(try await world.request("POST", path, token: viewer).status == 403)
                let cases: [(run: Int64, body: String, status: Int, words: String)] = [
                    (99, "", 404, "there is no run 99"), (first.id, "[]", 400, "the body must be"),
                    (first.id, #"{"from":"lunch"}"#, 400, "one of clone, build, push, deploy, smoke-test"),
                    (first.id, #"{"from":3}"#, 400, "the body must be"),
                    (first.id, #"{"form":"deploy"}"#, 400, "form: no such key"),
                    (first.id, "", 409, "problems/nothing-failed"),
                    (first.id, #"{"from":"push","fresh":true}"#, 409, "problems/not-fresh"),
                ]
                for example in cases {
                    try await refusal(world, token, example.run, example.body, example.status, example.words)
                }
                try world.forget(try #require(first.images.first?.digest))
                try await refusal(world, token, first.id, #"{"from":"deploy"}"#, 409, "problems/image-gone")
                #expect(try await world.run(first.id).reruns.isEmpty)

                let second = try await world.deploy(try await world.commit("two"))
                #expect(second.status == "succeeded")
                try await refusal(world, token, first.id, #"{"from":"deploy"}"#, 409, "ask for a rollback")
                #expect(try await world.run(first.id).status == "succeeded")
            }
        }

        private func refusal(
            _ world: World,
            _ token: String,
            _ run: Int64,
            _ body: String,
            _ status: Int,
            _ words: String
        ) async throws {
            let answer = try await world.request(
                "POST",
                "/api/v1/runs/\(run)/rerun",
                token: token,
                body: Array(body.utf8)
            )
            #expect(answer.status == status, "\(body): \(answer.string)")
            #expect(answer.header("Content-Type") == "application/problem+json")
            #expect(answer.string.contains(words), "\(answer.string)")
        }
    }
}

extension World {
    /// Runs a run again and waits for its end.
    fileprivate func rerun(_ run: Int64, _ token: String, _ body: String = "") async throws -> RunView {
        let answer = try await request("POST", "/api/v1/runs/\(run)/rerun", token: token, body: Array(body.utf8))
        guard answer.status == 202 else { throw Unexpected("\(answer.status): \(answer.string)") }
        #expect(answer.header("Location") == "/api/v1/runs/\(run)")
        return try await finished(run)
    }

    /// Waits until an attempt of the slow build is at work.
    fileprivate func building(_ run: Int64, attempt: Int) async throws {
        try await eventually("attempt \(attempt) of the build has begun") {
            let log = try await get("/api/v1/runs/\(run)/stages/build/log?attempt=\(attempt)")
            return log.string.contains("building slowly") ? true : nil
        }
    }

    /// Takes the branch away; a tag keeps its commit on the server.
    fileprivate func deleteBranch() async throws {
        try await repository.git("push", "-q", "origin", "HEAD:refs/tags/kept")
        let bare = "\(folder)/www/sample.git"
        try await repository.git("--git-dir", bare, "update-ref", "-d", "refs/heads/main")
    }
}
