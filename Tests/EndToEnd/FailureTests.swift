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
                let pods = try await world.pods()
                #expect(pods.count == 1, "\(pods)")
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

        @Test("a check that failed before the deploy is labelled and causes no undo")
        func failingBefore() async throws {
            try await World.run { world in
                let extra = #"{ name: extra, get: "service://web:80/extra.html", retry: { for: 1s, every: 1s } }"#
                try world.replace("smokeTest: [", with: "smokeTest: [\(extra), ")
                await world.stop()
                try await world.start()
                let dockerfile = Sample.dockerfile.replacing("EXPOSE", with: "COPY index.html /www/extra.html\nEXPOSE")
                let good = try await world.deploy(
                    try await world.repository.commit(["Dockerfile": dockerfile], message: "Extra")
                )
                #expect(good.status == "succeeded" && good.smokeTest.allSatisfy { !$0.wasFailingBefore })
                // Something breaks between two deploys.
                let containers = try await world.podman("ps", "--format", "{{.Names}}")
                let web = try #require(containers.first { $0.hasSuffix("-web") }, "\(containers)")
                try await world.podman("exec", web, "/bin/busybox", "rm", "/www/extra.html")
                let next = try await world.deploy(
                    try await world.repository.commit(
                        ["Dockerfile": Sample.dockerfile, "index.html": "Hello from version two.\n"],
                        message: "Two"
                    )
                )
                #expect(next.status == "failed" && next.reason?.code == "smoke-test-failed-before")
                #expect(next.undo == nil)
                #expect(next.smokeTest.map(\.passed) == [false, true])
                #expect(next.smokeTest.map(\.wasFailingBefore) == [true, false])
                #expect(try await world.log(next.id, "deploy").contains("before anything is changed"))
                let service = try #require(next.release?.services.first).url
                #expect(try await world.get(service).string.contains("version two"))
                #expect(try await world.pods().count == 1)
                let live = try await world.get("/api/v1/pipelines/web").json()["live"] as? [String: Any]
                #expect(live?["run"] as? Int == Int(next.id))
            }
        }

        @Test("a readiness probe that gets no yes within deploy.timeout is a verdict, and says what the answer was")
        func notReadyInTime() async throws {
            let absent = Sample.manifests.replacing("httpGet: { path: /,", with: "httpGet: { path: /absent,")
            try await World.run(files: Sample.files(manifests: absent), serve: false) { world in
                try world.replace("timeout: 60s", with: "timeout: 5s")
                try await world.start()
                let run = try await world.deploy(try await world.repository.head())
                #expect(run.status == "failed")
                #expect(run.reason?.code == "never-ready", "\(String(describing: run.reason))")
                #expect(run.reason?.message.contains("GET /absent on port 8080 answered 404") == true)
                let log = try await world.log(run.id, "deploy")
                #expect(!log.contains("operator"), "\(log)")
            }
        }

        @Test("a release that is never ready shows what it wrote; the first leaves nothing, a later one the previous")
        func neverReady() async throws {
            // Says something, which httpd does not.
            let dockerfile = Sample.dockerfile.replacing(
                #"CMD ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]"#,
                with:
                    #"CMD ["/bin/busybox", "sh", "-c", "echo waiting for a page; exec /bin/busybox httpd -f -p 8080 -h /www"]"#
            )
            let autoscaler = """
                ---
                apiVersion: autoscaling/v2
                kind: HorizontalPodAutoscaler
                metadata: { name: web }

                """
            let probe = "readinessProbe: { httpGet: { path: /, port: http }, periodSeconds: 1 }"
            let start =
                "startupProbe: { httpGet: { path: /absent, port: http }, periodSeconds: 1, failureThreshold: 3 }"
            let never = Sample.manifests.replacing(probe, with: "\(probe)\n          \(start)") + autoscaler
            let files = Sample.files(dockerfile: dockerfile, manifests: never)
            try await World.run(files: files) { world in
                func verify(_ run: RunView) async throws {
                    #expect(run.status == "failed")
                    #expect(run.stage("deploy").status == "failed")
                    #expect(run.reason?.code == "never-ready", "\(String(describing: run.reason))")
                    #expect(run.reason?.message.contains("GET /absent on port 8080 answered 404") == true)
                    #expect(run.undo?.status == "succeeded")
                    let log = try await world.log(run.id, "deploy")
                    #expect(log.contains("  waiting for a page"), "\(log)")
                    #expect(log.contains("does not honour objects of kind HorizontalPodAutoscaler"), "\(log)")
                }
                try await verify(try await world.deploy(try await world.repository.head()))
                #expect(try await world.pods().isEmpty)

                let ready = try await world.repository.commit(["k8s/web.yaml": Sample.manifests], message: "Ready")
                let good = try await world.deploy(ready)
                #expect(good.status == "succeeded", "\(String(describing: good.reason))")
                let service = try #require(good.release?.services.first).url
                let pods = try await world.pods()

                let again = try await world.repository.commit(["k8s/web.yaml": never], message: "Never")
                try await verify(try await world.deploy(again))
                #expect(try await world.get(service).string.contains("version one"))
                #expect(try await world.pods() == pods)
            }
        }

        struct Case: Sendable {
            /// What is different from the sample; nil is a file that is not there.
            let files: [String: String?]
            let stage: String
            let code: String
            let words: [String]
        }

        private static let verdicts: [Case] = [
            Case(
                files: ["Dockerfile": nil],
                stage: "build",
                code: "dockerfile-missing",
                words: ["there is no Dockerfile", "add one, or mend images.web"]
            ),
            Case(
                files: [
                    "Dockerfile": """
                    FROM scratch
                    COPY busybox /bin/busybox
                    RUN ["/bin/busybox", "sh", "-c", "echo compiling; exit 7"]

                    """
                ],
                stage: "build",
                code: "build-failed",
                words: ["step exit 7", "\ncompiling"]
            ),
            Case(
                files: [
                    "k8s/web.yaml": Sample.manifests.replacing(
                        "    spec:\n      terminationGrace",
                        with: "    spec:\n      hostNetwork: true\n      terminationGrace"
                    )
                ],
                stage: "deploy",
                code: "pod-field-not-allowed",
                words: ["spec.template.spec.hostNetwork is not allowed"]
            ),
            Case(
                files: ["k8s/web.yaml": nil],
                stage: "deploy",
                code: "manifest-missing",
                words: ["has no 'k8s'; add it"]
            ),
        ]

        @Test("a verdict names its stage and its reason, and leaves alone what runs")
        func verdicts() async throws {
            try await World.run { world in
                let good = try await world.deploy(try await world.repository.head())
                let service = try #require(good.release?.services.first).url
                let pods = try await world.pods()
                for example in Self.verdicts {
                    let files = Sample.files().mapValues(Optional.some).merging(example.files) { $1 }
                    let run = try await world.deploy(try await world.repository.commit(files, message: example.code))
                    #expect(run.status == "failed")
                    #expect(run.stage(example.stage).status == "failed", "\(example.code)")
                    #expect(run.reason?.code == example.code)
                    let message = run.reason?.message ?? ""
                    for words in example.words { #expect(message.contains(words), "\(message)") }
                    #expect(try await world.log(run.id, example.stage).contains(message))
                    #expect(try await world.get(service).string.contains("version one"))
                    #expect(try await world.pods() == pods)
                }
            }
        }
    }

    @Suite("Crash and cancel") struct EndingTests {
        /// A build that takes longer than anybody waits.
        static let slow =
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

        @Test("a cancel that comes after the smoke test changes nothing, and leaves nothing of what was live before")
        func lateCancel() async throws {
            let patient = Sample.manifests.replacing("GracePeriodSeconds: 1", with: "GracePeriodSeconds: 8")
            try await World.run(files: Sample.files(manifests: patient)) { world in
                let token = try await world.token()
                _ = try await world.deploy(try await world.repository.head())
                let id = try await world.pushed(try await world.commit("two"))
                try await eventually("the old pods are going") {
                    let run = try await world.run(id)
                    guard !run.isOver else { throw Unexpected("it is over already") }
                    return run.stage("smoke-test").status == "succeeded" ? true : nil
                }
                let answer = try await world.request("POST", "/api/v1/runs/\(id)/cancel", token: token)
                #expect(answer.status == 202)
                let run = try await world.finished(id)
                #expect(run.status == "succeeded", "\(String(describing: run.reason))")
                #expect(try await world.pods().count == 1)
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
