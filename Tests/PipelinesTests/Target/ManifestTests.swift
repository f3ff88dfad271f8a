import Glibc
import Testing

@testable import Pipelines

@Suite("Manifests")
struct ManifestTests {
    @Test("images of the pipeline get their digest by their bare name, others stay")
    func images() throws {
        func image(_ written: String) throws -> (String?, [String]) {
            let (body, warnings) = try render(ManifestSample.deployment(image: written))
            return (body.deployments.first?.pod.containers.first?.image, warnings)
        }
        #expect(try image("backend") == (ManifestSample.reference, []))
        #expect(try image("backend:latest") == (ManifestSample.reference, []))
        let unused = ["The image backend is built, but no container of the manifests has 'image: backend'"]
        #expect(try image("redis") == ("docker.io/library/redis", unused))
        #expect(try image("redis:7") == ("docker.io/library/redis:7", unused))
        #expect(try image("acme/backend:1") == ("docker.io/acme/backend:1", unused))
        #expect(try image("ghcr.io/acme/backend") == ("ghcr.io/acme/backend", unused))
        #expect(
            try image("127.0.0.1:5000/x@\(ManifestSample.digest)") == (
                "127.0.0.1:5000/x@\(ManifestSample.digest)", unused
            )
        )
    }

    @Test("folders are read like kubectl does: sorted, not below, several documents, a List")
    func folders() throws {
        let sample = try ManifestSample([
            "deploy/b.yml": ManifestSample.deployment(name: "b"), "deploy/a.yaml": ManifestSample.deployment(name: "a"),
            "deploy/below/c.yaml": "kind: Nonsense", "deploy/notes.txt": "no manifest",
            "more.yaml": "---\n# nothing\n---\n" + ManifestSample.deployment(name: "d") + "---\n"
                + "apiVersion: v1\nkind: List\nitems:\n"
                + "  - apiVersion: v1\n    kind: ConfigMap\n    metadata: { name: x }\n",
        ])
        let (body, warnings) = try sample.render(manifests: ["deploy", "more.yaml", "./deploy/a.yaml"])
        #expect(body.deployments.map(\.name) == ["a", "b", "d"])
        #expect(warnings == [])
    }

    @Test("nothing outside the checkout is read, also not by a link")
    func outside() throws {
        let outer = try ManifestSample(["deploy/app.yaml": ManifestSample.deployment()])
        let sample = try ManifestSample(["deploy/app.yaml": ManifestSample.deployment(), "real/web.yaml": "x: 1"])
        let root = sample.folder.path
        symlink("\(outer.folder.path)/deploy/app.yaml", "\(root)/file.yaml")
        symlink(outer.folder.path, "\(root)/folder")
        try sample.folder.write(ManifestSample.deployment(name: "inner"), to: "real/web.yaml")
        symlink("../real/web.yaml", "\(root)/deploy/link.yaml")
        for path in ["file.yaml", "folder", "folder/deploy", "../x", "/etc/hostname", "deploy/../../x", ".."] {
            #expect(throws: StageError.self, "\(path)") { try sample.render(manifests: [path]) }
        }
        // A link that stays inside is a file like others.
        #expect(try sample.render().body.deployments.map(\.name) == ["inner", "web"])
        symlink("\(outer.folder.path)/deploy/app.yaml", "\(root)/deploy/evil.yaml")
        #expect(throws: StageError.self) { try sample.render() }
        unlink("\(root)/deploy/evil.yaml")
        mkfifo("\(root)/deploy/pipe.yaml", 0o600)
        #expect(throws: StageError.self) { try sample.render() }
    }

    @Test(
        "what is wrong is said with its place",
        arguments: [
            ("kind: Deployment\n", "deploy/app.yaml:1: apiVersion is missing"),
            ("a: [1\n", "deploy/app.yaml:2: not YAML"),
            ("- 1\n", "deploy/app.yaml:1: not a mapping"),
            ("a: 1\na: 2\n", "the key 'a' is there twice"),
            ("a: !!binary x\n", "the tag"),
            ("apiVersion: v1\nkind: Deployment\nmetadata: { name: x }\n", "must be apps/v1"),
            ("apiVersion: v1\nkind: ConfigMap\nmetadata: { name: X_y }\n", "lower-case"),
            ("apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x, namespace: kube-system }\n", "must be todo"),
            ("apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\ndata: { a: 1 }\n", "put '1' in quotes"),
            ("apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\ndata: { a/b: '' }\n", "keys are letters"),
            ("apiVersion: v1\nkind: Secret\nmetadata: { name: x }\ndata: { a: '%' }\n", "is not base64"),
            ("apiVersion: v1\nkind: Secret\nmetadata: { name: todo-secrets }\n", "leave it out"),
            (ManifestSample.deployment() + "---\n" + ManifestSample.deployment(), "is there twice"),
            (ManifestSample.deployment(spec: "replicas: 51"), "from 0 to 50"),
            (ManifestSample.deployment(spec: "replicas: 010"), "from 0 to 50"),
            (ManifestSample.deployment(spec: "paused: true"), "would deploy nothing"),
            (ManifestSample.deployment(pod: "restartPolicy: Never"), "must be Always"),
            (ManifestSample.deployment(container: "env: [{ name: X, value: 1 }]"), "put '1' in quotes"),
            (ManifestSample.deployment(container: "env: [{ name: X=Y, value: '' }]"), "cannot be the name"),
            (ManifestSample.deployment(container: "resources: { limits: { memory: lots } }"), "is not an amount"),
            (ManifestSample.deployment(container: "volumeMounts: [{ name: v, mountPath: /v }]"), "names no volume"),
            (
                ManifestSample.deployment(
                    pod: "volumes: [{ name: v, emptyDir: {} }]",
                    container: "volumeMounts: [{ name: v, mountPath: '/a:/b' }]"
                ),
                "without '..' and ':'"
            ),
            (ManifestSample.deployment(container: "readinessProbe: { grpc: { port: 1 } }"), "is not supported"),
            (
                ManifestSample.deployment(container: "readinessProbe: { httpGet: { port: http } }"),
                "no port of the container"
            ),
            ("apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\n", "define no Deployment"),
            (
                ManifestSample.deployment() + "---\n"
                    + ManifestSample.service(ports: "[{ port: 80, targetPort: http }]"),
                "which no container of Deployment web names"
            ),
        ]
    )
    func faults(text: String, message: String) throws {
        let error = try #require(refusal(text))
        #expect(error.outcome == .failed)
        #expect(error.reason.message.contains(message), "\(error.reason.message)")
    }

    @Test("aliases and merge keys are read within bounds, bombs are not")
    func aliases() throws {
        let merged = """
            apiVersion: v1
            kind: ConfigMap
            metadata: { name: two }
            shared: &shared
              a: x
              b: y
            data:
              <<: *shared
              b: "*bold* text"
            ---

            """
        let files = merged + ManifestSample.deployment(container: "envFrom: [{ configMapRef: { name: two } }]")
        let environment = try render(files).body.deployments.first?.pod.containers.first?.environment
        #expect(
            environment == [
                EnvironmentVariable(name: "a", value: .resolved("x")),
                EnvironmentVariable(name: "b", value: .resolved("*bold* text")),
            ]
        )
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x]\n"
        for level in 1...12 {
            bomb += "a\(level): &a\(level)\n" + String(repeating: "  - *a\(level - 1)\n", count: 8)
        }
        #expect(refusal(bomb)?.reason.code == "manifest-too-large")
        for key in [
            "*a12 : x\n", "? *a12\n", "{ *a12 : x }\n", "{ *a12 }\n", "- { ? [*a12] : x }\n", "? - *a12\n: x\n",
        ] {
            #expect(refusal(bomb + "b: \n  " + key)?.reason.message.contains("an alias is read only") == true, "\(key)")
        }
        #expect(refusal(String(repeating: "[", count: 900))?.outcome == .failed)
        #expect(refusal("a: " + String(repeating: "{ a: ", count: 100) + String(repeating: "}", count: 100)) != nil)
        #expect(refusal(String(repeating: "a: 1\n---\n", count: 300))?.outcome == .failed)
        #expect(
            refusal("#" + String(repeating: "x", count: ManifestFiles.maximumBytes))?.reason.code
                == "manifest-too-large"
        )
    }

    @Test("objects of other kinds are named in a warning and skipped")
    func otherKinds() throws {
        let kinds = [
            "Ingress", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor",
            "ServiceAccount", "Namespace", "StatefulSet", "CronJob", "Pod",
        ]
        let others = kinds.map {
            "apiVersion: v1\nkind: \($0)\nmetadata: { name: thing }\nspec: { hostNetwork: true }\n"
        }
        let job = "apiVersion: batch/v1\nkind: Job\nmetadata: { name: seed }\nspec: {}\n"
        let sample = try ManifestSample([
            "deploy/others.yaml": others.joined(separator: "---\n"), "deploy/web.yaml": ManifestSample.deployment(),
        ])
        let (body, warnings) = try sample.render()
        #expect(body.deployments.count == 1 && body.services == [] && body.before == nil)
        #expect(warnings.count == kinds.count)
        for kind in kinds { #expect(warnings.contains { $0.contains("\(kind) thing") }, "\(kind)") }
        #expect(refusal(job + "---\n" + ManifestSample.deployment()) == nil)
    }

    @Test("Services: ports by number and name, http unless something says otherwise, warnings")
    func services() throws {
        let ports = """
            [{ port: 80, targetPort: web }, { port: 81, targetPort: 9000, appProtocol: tcp, name: x },
                { port: 82, name: tcp-raw }, { port: 83, appProtocol: kubernetes.io/ws, name: tcp },
                { port: 84, protocol: UDP }]
            """
        let text =
            ManifestSample.deployment(container: "ports: [{ containerPort: 8080, name: web }]") + "---\n"
            + ManifestSample.service(ports: ports)
            + "---\n" + ManifestSample.service("lonely", selector: "{ app: nobody }", ports: "[{ port: 80 }]")
        let (body, warnings) = try render(text)
        let service = try #require(body.services.first { $0.name == "web" })
        #expect(service.ports.map(\.number) == [80, 81, 82, 83])
        #expect(service.ports.map(\.mode) == [.http, .tcp, .tcp, .http])
        let workload = try #require(body.deployments.first)
        #expect(service.ports.map { workload.port($0.target) } == [8080, 9000, 82, 83])
        #expect(service.selects(workload))
        #expect(warnings.count == 2)
        #expect(warnings.contains { $0.contains("Service lonely") && $0.contains("selects no Deployment") })
    }

    @Test("the Job before: exactly one, with its own data")
    func before() throws {
        let job = """
            apiVersion: batch/v1
            kind: Job
            metadata: { name: migrate }
            spec:
              backoffLimit: 2
              activeDeadlineSeconds: 30
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: migrate
                      image: backend
                      args: [migrate]

            """
        let files = ["deploy/web.yaml": ManifestSample.deployment(), "deploy/migrate.yaml": job]
        let (body, warnings) = try ManifestSample(files).render(before: "deploy/migrate.yaml")
        #expect(body.before?.name == "migrate" && body.before?.backoffLimit == 2 && body.before?.activeDeadline == 30)
        #expect(body.before?.pod.containers.first?.image == ManifestSample.reference)
        #expect(warnings == [])
        let two = try ManifestSample(["deploy/web.yaml": ManifestSample.deployment(), "jobs.yaml": "---\n"])
        #expect(throws: StageError.self) { try two.render(before: "jobs.yaml") }
        let always = ["deploy/web.yaml": ManifestSample.deployment(), "m.yaml": job.replacing("Never", with: "Always")]
        #expect(throws: StageError.self) { try ManifestSample(always).render(before: "m.yaml") }
    }

    @Test("a release body is the same bytes each time and can be read back")
    func body() throws {
        let text = ManifestSample.deployment(
            pod: "volumes: [{ name: s, secret: { secretName: todo-secrets } }]",
            container:
                "env: [{ name: A, value: x }, { name: P, valueFrom: { fieldRef: { fieldPath: metadata.name } } }]\n"
                + "readinessProbe: { httpGet: { path: /healthz, port: 8080 } }"
        )
        let body = try render(text, secrets: ["TOKEN": Array("s3cret".utf8)]).body
        let json = try body.canonicalJSON()
        #expect(try render(text, secrets: ["TOKEN": Array("s3cret".utf8)]).body.canonicalJSON() == json)
        #expect(try ReleaseBody(json: json) == body)
        #expect(body.images == [ManifestSample.reference])
        #expect(throws: StageError.self) { try ReleaseBody(json: Array("{}".utf8)) }
        var other = body
        other.format = 99
        #expect(throws: StageError.self) { try ReleaseBody(json: try other.canonicalJSON()) }
    }
}
