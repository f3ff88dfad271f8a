import Glibc
import Testing

@testable import Pipelines

@Suite("PodmanTarget's containers", .serialized)
struct PodmanContainerTests {
    @Test("environment, files, limits and rights reach the container, and no secret an argument list")
    func surroundings() async throws {
        try await TargetRoom.with { room in
            let secret = "s3cret-\(uniqueSleep())"
            let data = """
                ---
                apiVersion: v1
                kind: ConfigMap
                metadata: { name: settings }
                data: { COLOUR: "blue \\"quoted\\" $(X)", one: single }
                ---
                apiVersion: v1
                kind: Secret
                metadata: { name: files }
                stringData: { key.pem: "line one" }

                """
            let body = try room.body(
                1,
                container: """
                    envFrom: [{ configMapRef: { name: settings } }]
                    env:
                      - { name: TOKEN, valueFrom: { secretKeyRef: { name: todo-secrets, key: TOKEN } } }
                      - { name: POD, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
                      - { name: URL, value: "http://$(POD)/$$(POD)" }
                    resources: { limits: { memory: 64Mi, cpu: 500m } }
                    securityContext:
                      runAsUser: 1234
                      runAsGroup: 4321
                      readOnlyRootFilesystem: true
                      allowPrivilegeEscalation: false
                      capabilities: { drop: [ALL] }
                    volumeMounts:
                      - { name: files, mountPath: /data }
                      - { name: settings, mountPath: /one, subPath: one }
                      - { name: scratch, mountPath: /scratch }
                    """,
                pod: """
                    securityContext: { runAsNonRoot: true, fsGroup: 5555 }
                    initContainers:
                      - name: prepare
                        image: backend
                        command: [/bin/sh, -c, "echo init says $(WORD) > /scratch/made"]
                        env: [{ name: WORD, value: hello }]
                        securityContext: { runAsUser: 77 }
                        volumeMounts: [{ name: scratch, mountPath: /scratch }]
                    volumes:
                      - { name: files, secret: { secretName: files, defaultMode: 0400 } }
                      - { name: settings, configMap: { name: settings } }
                      - { name: scratch, emptyDir: {} }
                    """,
                more: data,
                secrets: ["TOKEN": Array(secret.utf8)]
            )
            let endpoints = try await room.apply(body, 1)
            let shown = try await room.get("/cgi-bin/show", endpoints).body
            for expected in [
                "TOKEN=\(secret)\n", "COLOUR=blue \"quoted\" $(X)\n", "POD=todo-web-r1-0\n",
                "URL=http://todo-web-r1-0/$(POD)\n", "/data/key.pem=line one\n", "/one=single\n",
                "uid=1234(1234) gid=4321(4321)",
                ",5555\n", "Read-only file system", "init says hello", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1",
            ] {
                #expect(shown.contains(expected), "\(expected) not in \(shown)")
            }
            let format =
                "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.RestartPolicy.Name}} "
                + "{{.HostConfig.PortBindings}}"
            let limits = try await room.podman.lines(["inspect", "--format", format, "todo-web-r1-0-main"])
            #expect(limits == ["67108864 500000000 always map[]"])
            #expect(processes(with: secret) == [])
            var status = stat()
            #expect(stat("\(room.target.folder)/pods/todo-web-r1-0", &status) == 0)
            #expect(status.st_mode & 0o777 == 0o700)
        }
    }

    @Test("the Job before runs first, with its output in the log; when it fails nothing else runs")
    func before() async throws {
        try await TargetRoom.with { room in
            func job(_ code: String, _ more: String = "") -> String {
                """
                apiVersion: batch/v1
                kind: Job
                metadata: { name: migrate }
                spec:
                  backoffLimit: 1
                  \(more)
                  template:
                    spec:
                      restartPolicy: Never
                      containers:
                        - name: migrate
                          image: backend
                          env:
                            - { name: MODE, value: once }
                            - { name: CODE, value: "\(code)" }
                            - { name: TOKEN, value: t }

                """
            }
            let log = CollectedLog()
            _ = try await room.apply(try room.body(1, before: job("0")), 1, log: log)
            #expect(log.text.contains("migrating with t"))
            #expect(log.text.contains("Job migrate is done"))
            #expect(try await room.pods() == ["todo-web-r1-0"])

            let failLog = CollectedLog()
            let error = await #expect(throws: StageError.self) {
                _ = try await room.apply(try room.body(2, before: job("9")), 2, previous: 1, log: failLog)
            }
            #expect(error == StageError(.failed, "before-failed", "Job migrate: migrate: exited with 9"))
            #expect(failLog.text.contains("attempt 2"))
            #expect(try await room.pods() == ["todo-web-r1-0"])

            let hanging = job("0", "activeDeadlineSeconds: 1").replacing("value: once", with: "value: serve")
            let late = await #expect(throws: StageError.self) {
                _ = try await room.apply(try room.body(2, before: hanging), 3, previous: 1)
            }
            #expect(late?.reason.message == "Job migrate: still ran when the time was over")
            #expect(try await room.pods() == ["todo-web-r1-0"])
        }
    }

    @Test("an image that is not in the registry, or would run as root, fails; a registry that is down is an error")
    func images() async throws {
        try await TargetRoom.with { room in
            var missing = try room.body(1)
            let reference = "\(room.registry.address)/todo/backend@\(ManifestSample.digest)"
            missing.deployments[0].pod.containers[0].image = reference
            let error = await #expect(throws: StageError.self) { _ = try await room.apply(missing, 1) }
            #expect(
                error?.outcome == .failed && error?.reason.code == "image-not-found",
                "\(error?.reason.message ?? "")"
            )

            var root = try room.body(1)
            root.deployments[0].pod.containers[0].security.mustNotBeRoot = true
            root.deployments[0].pod.containers[0].security.user = 0
            let asRoot = await #expect(throws: StageError.self) { _ = try await room.apply(root, 1) }
            #expect(asRoot?.reason.code == "run-as-root")

            await room.registry.stop()
            let down = await #expect(throws: StageError.self) { _ = try await room.apply(missing, 1) }
            #expect(
                down?.outcome == .errored && down?.reason.code == "registry-unreachable",
                "\(down?.reason.message ?? "")"
            )
            #expect(try await room.pods() == [])
        }
    }

    @Test("one content pushed under two names is deployed from both; a container that runs another is found out")
    func proof() async throws {
        try await TargetRoom.with { room in
            let body = try room.body(1)
            let endpoints = try await room.apply(body, 1)
            // podman finds the content by its digest under the first name, and does not learn the second.
            let first = try #require(room.images[1])
            let content = try #require(try await room.target.engine.localImages([first.reference])?.first)
            let second = "\(room.registry.address)/shop/backend"
            let digest = try await room.pusher.push(
                content.id,
                to: second,
                log: CollectedLog(),
                deadline: .seconds(60)
            )
            #expect(digest == first.digest)
            var other = body
            other.deployments[0].pod.containers[0].image = "\(second)@\(digest)"
            #expect(try await room.apply(other, 2, previous: 1) == endpoints)
            #expect(try await room.version(endpoints) == "version 1")
            // And with a tag besides the digest, as people pin images of others.
            other.deployments[0].pod.containers[0].image = "\(second):latest@\(digest)"
            #expect(try await room.apply(other, 3, previous: 2) == endpoints)

            // Everything about the pod is as it should be, but for the image that its container runs.
            let stranger = try #require(room.images[2]).reference
            let container = "todo-web-r3-0-main"
            _ = try await room.podman.lines(["rm", "--force", "--time", "0", container])
            let run = ["run", "--detach", "--pod", "todo-web-r3-0", "--name", container]
            let credentials = ["--authfile", room.registry.authFile]
            _ = try await room.podman.lines(run + credentials + [stranger])
            let error = await #expect(throws: StageError.self) { _ = try await room.apply(other, 3, previous: 2) }
            #expect(
                error?.outcome == .failed && error?.reason.code == "digest-mismatch",
                "\(String(describing: error))"
            )
            #expect(error?.reason.message.contains("\(second):latest@\(digest)") == true)
        }
    }

    @Test("probes: a command, a port, a start that takes its time; a start that takes too long")
    func probes() async throws {
        try await TargetRoom.with { room in
            let slow = """
                command: [/bin/sh, -c, "/bin/busybox sleep 1; echo up > /tmp/up; exec /bin/sh /service"]
                volumeMounts: [{ name: tmp, mountPath: /tmp }]
                startupProbe:
                  exec: { command: [/bin/busybox, test, -f, /tmp/up] }
                  periodSeconds: 1
                  failureThreshold: 20
                """
            let body = try room.body(
                1,
                container: slow,
                pod: "volumes: [{ name: tmp, emptyDir: {} }]",
                readiness: "readinessProbe: { tcpSocket: { port: 8080 }, successThreshold: 2, periodSeconds: 1 }"
            )
            #expect(try await room.version(try await room.apply(body, 1)) == "version 1")

            let never = slow.replacing("/tmp/up]", with: "/tmp/nothing]").replacing(
                "failureThreshold: 20",
                with: "failureThreshold: 1"
            )
            let error = await #expect(throws: StageError.self) {
                _ = try await room.apply(
                    try room.body(1, container: never, pod: "volumes: [{ name: tmp, emptyDir: {} }]"),
                    2,
                    previous: 1
                )
            }
            #expect(error?.reason == Reason("never-ready", "main: never ready: its probe command ended with exit 1"))
        }
    }
}
