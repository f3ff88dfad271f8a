import Foundation
import HTTPClient
import Testing

extension EndToEnd {
    @Suite("What fails is undone, and says why") struct FailureTests {
        @Test("an image that crashes at start puts the previous release back")
        func crash() async throws {
            try await World.run { world in
                let good = try await world.deploy(try await world.repository.head())
                let service = try #require(good.release?.services.first).url
                let crashing = Sample.dockerfile.replacing(
                    #"CMD ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]"#,
                    with: #"CMD ["/bin/busybox", "sh", "-c", "echo DATABASE is not set; exit 3"]"#
                )
                let bad = try await world.deploy(
                    try await world.repository.commit(["Dockerfile": crashing], message: "Crash")
                )
                #expect(bad.status == "failed")
                #expect(bad.stage("deploy").status == "failed")
                #expect(
                    bad.reason?.message.contains("DATABASE is not set") == true,
                    "\(String(describing: bad.reason))"
                )
                #expect(bad.undo?.status == "succeeded")
                #expect(try await world.log(bad.id, "deploy").contains("DATABASE is not set"))
                #expect(try await world.get(service).string.contains("version one"))
                #expect(try await world.pods().count == 1)
            }
        }

        @Test("a smoke test that says no puts the previous release back")
        func smokeTest() async throws {
            try await World.run { world in
                let good = try await world.deploy(try await world.repository.head())
                let service = try #require(good.release?.services.first).url
                let bad = try await world.deploy(
                    try await world.repository.commit(["index.html": "Goodbye\n"], message: "Rude")
                )
                #expect(bad.status == "failed")
                #expect(bad.reason?.code == "smoke-test-failed")
                #expect(bad.smokeTest.map(\.passed) == [false])
                #expect(bad.undo?.status == "succeeded")
                #expect(try await world.get(service).string.contains("version one"))
                #expect(try await world.pods().count == 1)
                let live = try await world.get("/api/v1/pipelines/web").json()["live"] as? [String: Any]
                #expect(live?["run"] as? Int == Int(good.id))
            }
        }

        @Test("a first deploy that is not ready leaves nothing behind")
        func neverReady() async throws {
            let manifests = Sample.manifests.replacing("path: /, port: http", with: "path: /absent, port: http")
            try await World.run(files: Sample.files(manifests: manifests)) { world in
                try world.replace("timeout: 60s", with: "timeout: 5s")
                await world.stop()
                try await world.start()
                let run = try await world.deploy(try await world.repository.head())
                #expect(run.status == "failed" || run.status == "errored")
                #expect(run.undo?.status == "succeeded")
                #expect(try await world.pods().isEmpty)
            }
        }

        struct Case: Sendable, CustomTestStringConvertible {
            let testDescription: String
            var files = Sample.files()
            let stage: String
            let code: String
            let words: String
        }

        @Test(
            "a verdict names its stage and its reason",
            arguments: [
                Case(
                    testDescription: "no Dockerfile",
                    files: ["index.html": "x", "k8s/web.yaml": Sample.manifests],
                    stage: "build",
                    code: "dockerfile-missing",
                    words: "Dockerfile"
                ),
                Case(
                    testDescription: "build exit 7",
                    files: Sample.files(
                        dockerfile:
                            "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"sh\", \"-c\", \"echo compiling; exit 7\"]\n"
                    ),
                    stage: "build",
                    code: "build-failed",
                    words: "7"
                ),
                Case(
                    testDescription: "a pod field that is not allowed",
                    files: Sample.files(
                        manifests: Sample.manifests.replacing(
                            "    spec:\n      terminationGrace",
                            with: "    spec:\n      hostNetwork: true\n      terminationGrace"
                        )
                    ),
                    stage: "deploy",
                    code: "pod-field-not-allowed",
                    words: "hostNetwork"
                ),
                Case(
                    testDescription: "no manifests",
                    files: ["index.html": "x", "Dockerfile": Sample.dockerfile],
                    stage: "deploy",
                    code: "manifest-missing",
                    words: "k8s"
                ),
            ]
        )
        func verdicts(_ example: Case) async throws {
            try await World.run(files: example.files) { world in
                let run = try await world.deploy(try await world.repository.head())
                #expect(run.status == "failed")
                #expect(run.stage(example.stage).status == "failed")
                #expect(run.reason?.code == example.code)
                #expect(run.reason?.message.contains(example.words) == true, "\(run.reason?.message ?? "")")
                #expect(try await world.pods().isEmpty)
            }
        }

        @Test("a revision that never arrives fails the clone stage in words")
        func missingRevision() async throws {
            try await World.run(settings: "public: everything\nlimits: { revisionWait: 1s }\n") { world in
                let run = try await world.deploy(String(repeating: "ab", count: 20))
                #expect(run.status == "failed")
                #expect(run.reason?.code == "revision-not-found")
            }
        }
    }

    @Suite("Crash and cancel") struct EndingTests {
        /// A build that takes longer than anybody waits.
        private static let slow =
            Sample.dockerfile
            + "RUN [\"/bin/busybox\", \"sh\", \"-c\", \"echo building slowly; /bin/busybox sleep 300\"]\n"

        @Test("a server killed in the middle of a run claims it again and finishes it")
        func killed() async throws {
            try await World.run(files: Sample.files(dockerfile: Self.slow)) { world in
                let receipt = try Receipt(try await world.push(try await world.repository.head()))
                let id = receipt.runs[0].id
                try await eventually("the build has begun") {
                    try await world.log(id, "build").contains("building slowly") ? true : nil
                }
                await world.kill()
                let fixed = try await world.repository.commit(["Dockerfile": Sample.dockerfile], message: "Quick")
                try await world.start()
                try await eventually("no build of the dead server is left") {
                    try await sh("/bin/ps", ["-eo", "args"]).output.contains("sleep 300") ? nil : true
                }
                let answer = try await world.push(fixed)
                #expect(answer.status == 202)
                _ = try await world.request("POST", "/api/v1/runs/\(id)/cancel", token: try await world.token())
                #expect(try await world.finished(id).isOver)
                #expect(try await world.finished(try Receipt(answer).runs[0].id).status == "succeeded")
            }
        }

        @Test("with onPush: cancel, a newer push ends a build and takes its place")
        func givesWay() async throws {
            try await World.run(files: Sample.files(dockerfile: Self.slow), pipeline: "onPush: cancel") { world in
                let id = try Receipt(try await world.push(try await world.repository.head())).runs[0].id
                try await eventually("the build has begun") {
                    try await world.log(id, "build").contains("building slowly") ? true : nil
                }
                let fixed = try await world.repository.commit(["Dockerfile": Sample.dockerfile], message: "Quick")
                let newer = try await world.deploy(fixed)
                #expect(newer.status == "succeeded")
                let older = try await world.run(id)
                #expect(older.status == "superseded")
                #expect(older.supersededBy == newer.id)
                #expect(older.stage("build").status == "skipped")
                #expect(try await world.pods().count == 1)
            }
        }

        @Test("a server killed during a quick run finishes it after its restart")
        func finishes() async throws {
            try await World.run { world in
                let id = try Receipt(try await world.push(try await world.repository.head())).runs[0].id
                try await eventually("the clone is over") {
                    try await world.run(id).stage("clone").status == "succeeded" ? true : nil
                }
                await world.kill()
                try await world.start()
                let run = try await world.finished(id)
                #expect(run.status == "succeeded")
                #expect(try await world.pods().count == 1)
            }
        }

        @Test("a cancelled build leaves no process and no container")
        func cancel() async throws {
            try await World.run(files: Sample.files(dockerfile: Self.slow)) { world in
                let id = try Receipt(try await world.push(try await world.repository.head())).runs[0].id
                try await eventually("the build has begun") {
                    try await world.log(id, "build").contains("building slowly") ? true : nil
                }
                let refused = try await world.request("POST", "/api/v1/runs/\(id)/cancel")
                #expect(refused.status == 401)
                let answer = try await world.request(
                    "POST",
                    "/api/v1/runs/\(id)/cancel",
                    token: try await world.token()
                )
                #expect(answer.status == 202)
                let run = try await world.finished(id)
                #expect(run.status == "cancelled")
                #expect(run.stage("build").status == "cancelled")
                try await eventually("its processes are gone") {
                    try await sh("/bin/ps", ["-eo", "args"]).output.contains("sleep 300") ? nil : true
                }
                #expect(try await world.containers().isEmpty)
            }
        }
    }
}

extension World {
    /// A token that may start and cancel runs.
    func token(_ role: String = "deployer") async throws -> String {
        try await fairlead("token", "create", "--role", role, "--name", "test", "--config", "\(folder)/fairlead.yaml")
            .output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
