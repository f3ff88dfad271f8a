import Foundation
import Testing

@testable import Pipelines

@Suite("Reading a pipeline") struct PipelineReadingTests {
    struct Example: Sendable, CustomTestStringConvertible {
        var file: String
        var testDescription: String { file }
        func text() throws -> String {
            try String(contentsOf: packageRoot.appending(path: "pipelines/examples/" + file), encoding: .utf8)
        }
    }

    static let examples = [Example(file: "minimal.yaml"), Example(file: "full.yaml")]

    /// Documents in order, for the reader and for the schema.
    static let good: [String] =
        [Sample.pipeline]
        + [
            "git: https://host/path.git", "git: http://127.0.0.1:8080/path", "git: ssh://git@host:22/path",
            "git: git@host:path/x",
            "git: file:///srv/git/todo.git", "git: http://[::1]:80/x",
        ].map { Sample.pipeline("github: acme/todo", $0) }
        + [
            "branch: feature/x-1", "tags: 'v*'", "tags: '*'", "branch: \"1.10\"", "branch: 'no'",
            "branch: main\n  paths: []",
            "branch: ünï", "branch: !!str 1.10", "branch: y", "branch: 2024-01-01",
        ].map { Sample.pipeline("branch: main", $0) }
        + [
            "context: ./backend/", "context: .", "context: a..b/c", "dockerfile: a/Dockerfile.prod", "args: { A: '' }",
            "args: { a_1: 'x y=z' }", "target: Build_1.x",
        ].map { Sample.pipeline("context: backend", $0) }
        + [
            "registry: { embedded: {} }", "registry: { address: 127.0.0.1:5000 }",
            "registry: { address: 'h.example/a/b-c' }",
            "secrets: {}", "secrets: { _A1: { file: a/b } }", "smokeTest: []", "onPush: cancel",
            "smokeTest: [{ get: 'service://web:80/', retry: {} , expect: {} }]",
            "registry: { digitalocean: acme-1 }", "registry: { digitalocean: acme, retention: { keep: 10 } }",
            "hold: untilNextPush", "smokeTest: [{ get: 'https://x.y', tls: { validFor: 14d } }]",
            "smokeTest: [{ post: 'service://web:80/', json: { a: [1, { b: 'yes', c: null }], d: '{{' } }]",
            "smokeTest: [{ put: 'https://x.y/{a}', body: '{\"a\":{}}' }, { patch: 'http://x.y', json: true }]",
            "smokeTest: [{ get: 'http://x/', capture: { _a1: b.0 } }, { delete: 'http://x/{{_a1}}', body: '{{ _a1 }}' }]",
            "smokeTest: [{ get: 'https://x/{{a}}', headers: { A: '{{b}}' }, expect: { body: '{{ c }}' }, capture: {} }]",
            "smokeTest: [{ delete: 'http://x', expect: { json: { a: '{{', b: '{x}', c: '{{d' } } }]",
            "smokeTest: [{ get: 'https://x.y?a=b', expect: { json: { a.0: -1.5, b: 'yes', c: true, d: null } } }]",
        ].map { Sample.pipeline(adding: $0) }
        + [
            "digitalocean: { cluster: todo-production }", "kubeconfig: /etc/k", "kubeconfig: { file: k }",
            "kubeconfig: { file: k, context: 'admin@todo' }", "inCluster: true",
            "inCluster: true\n  force: true\n  prune: false\n  imagePaths: [{ kind: Rollout.x.io, path: spec.a.*.image }]",
        ].map { Sample.pipeline("podman: {}", $0) }
        + [
            "kustomize: deploy/overlay", "helm: { chart: deploy/chart }",
            "helm: { chart: c, values: [a.yaml, b/c.yaml], set: { a.b-c: 1, d: 'x', e: null }, release: shop }",
            "helm: { chart: 'https://x.example:8443/a/b-1.2.3.tgz', manifests: [a, b.yaml], kustomize: c }",
            "helm: { chart: 'https://x.y/a.tgz', sha256: \(String(repeating: "a9", count: 32)) }",
        ].map {
            Sample.pipeline("podman: {}", "inCluster: true").replacingOccurrences(
                of: "manifests: [deploy/k8s]",
                with: $0
            )
        }
        + ["1ms", "86400000ms", "86400s", "1440m", "24h", "90s"].map { Sample.pipeline("{}", "{}\n  timeout: \($0)") }

    @Test(arguments: good) func whatIsInOrder(text: String) {
        #expect(pipelineFaults(text) == [])
    }

    @Test func fillsDefaultsIn() throws {
        let read = try readPipeline(file: "p.yaml", contents: Array(Sample.pipeline.utf8))
        let expected = Definition(
            name: "todo",
            environment: "todo",
            source: .init(github: "acme/todo", git: nil, branch: "main", tags: nil, paths: []),
            images: [.init(name: "backend", context: "backend", dockerfile: nil, target: nil, args: [:])],
            registry: .embedded,
            secrets: [:],
            deploy: .init(
                target: .podman,
                namespace: "todo",
                manifests: .files(["deploy/k8s"]),
                before: nil,
                timeout: 300,
                onFailure: .undo
            ),
            smokeTest: [],
            onPush: .latest
        )
        #expect(read == expected)
        #expect(read.source.url == "https://github.com/acme/todo.git")
    }

    @Test func readsEveryKey() throws {
        let text = try Self.examples[1].text()
        let read = try readPipeline(file: "pipelines/full.yaml", contents: Array(text.utf8))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        #expect(String(decoding: try encoder.encode(read), as: UTF8.self) == Golden.definition)
        #expect(try JSONDecoder().decode(Definition.self, from: Data(Golden.definition.utf8)) == read)
    }

    @Test func otherValuesKeepTheirForm() throws {
        var definition = try readPipeline(file: "p.yaml", contents: Array(Sample.pipeline.utf8))
        definition.registry = .address("host:5000/acme")
        definition.smokeTest = [
            .init(
                name: "a",
                address: "b",
                headers: [:],
                expect: .init(
                    status: 200,
                    json: ["n": .number(1.5), "t": .bool(true), "s": .string("1"), "z": .null],
                    body: nil,
                    headers: [:],
                    within: nil
                ),
                retryFor: 1,
                retryEvery: 1
            )
        ]
        let data = try JSONEncoder().encode(definition)
        #expect(try JSONDecoder().decode(Definition.self, from: data) == definition)
        #expect(String(decoding: data, as: UTF8.self).contains(#""registry":{"address":"host:5000\/acme"}"#))
    }

    /// Each value, and how it is kept.
    static let clusters: [(text: String, deploy: String, target: Definition.Target)] = [
        (
            "digitalocean: { cluster: todo }", #""target":{"digitalocean":{"cluster":"todo"}}"#,
            .digitalocean(cluster: "todo")
        ),
        (
            "kubeconfig: k/config", #""target":{"kubeconfig":{"file":"/etc/f/k/config"}}"#,
            .kubeconfig(file: "/etc/f/k/config", context: nil)
        ),
        (
            "kubeconfig: { file: /k, context: c }", #""target":{"kubeconfig":{"context":"c","file":"/k"}}"#,
            .kubeconfig(file: "/k", context: "c")
        ),
        ("inCluster: true", #""target":{"inCluster":true}"#, .inCluster),
    ]

    @Test(arguments: clusters) func clustersAreTargets(text: String, kept: String, target: Definition.Target) throws {
        let read = try readPipeline(
            file: "/etc/f/p.yaml",
            contents: Array(Sample.pipeline("podman: {}", text).utf8)
        )
        #expect(read.deploy == .init(target: target, namespace: "todo", manifests: .files(["deploy/k8s"])))
        #expect(read.deploy.prune && !read.deploy.force)
        let body = try DefinitionBody.encode(read)
        #expect(body.contains(kept), "\(body)")
        #expect(body.contains(#""force":false,"imagePaths":[],"#) && body.contains(#""prune":true"#))
        #expect(try DefinitionBody.decode(body) == read)
    }

    @Test func chartsAndKustomizations() throws {
        let sample = Sample.pipeline("podman: {}", "inCluster: true\n  prune: false")
        func read(_ text: String) throws -> Definition {
            let text = sample.replacingOccurrences(of: "manifests: [deploy/k8s]", with: text)
            return try readPipeline(file: "p.yaml", contents: Array(text.utf8))
        }
        let plain = try read("kustomize: ./deploy/")
        #expect(plain.deploy.manifests == .kustomize("deploy") && !plain.deploy.prune)
        let helm = try read("helm: { chart: ./c/, values: [./a.yaml], set: { a.b: 1, c: 'x', d: true, e: null } }")
        let expected = Definition.Helm(
            chart: "c",
            values: ["a.yaml"],
            set: ["a.b": .number(1), "c": .string("x"), "d": .bool(true), "e": .null],
            release: "todo"
        )
        #expect(helm.deploy.manifests == .helm(expected))
        let digest = String(repeating: "0f", count: 32)
        let remote = try read(
            "helm: { chart: 'https://x.y/c/d.tgz', sha256: \(digest), manifests: [./k8s/], kustomize: ./x/ }"
        )
        let published = Definition.Helm(
            chart: "https://x.y/c/d.tgz",
            sha256: digest,
            values: [],
            set: [:],
            release: "todo",
            manifests: ["k8s"],
            kustomize: "x"
        )
        #expect(remote.deploy.manifests == .helm(published))
        for definition in [plain, helm, remote] {
            #expect(try DefinitionBody.decode(try DefinitionBody.encode(definition)) == definition)
        }
    }

    @Test func registriesOfDigitalOcean() throws {
        var text = Sample.pipeline(
            adding: "registry: { digitalocean: acme, retention: { keep: 7 } }\nhold: untilNextPush"
        )
        text += "smokeTest: [{ get: 'https://x/', tls: { validFor: 14d } }]\n"
        let read = try readPipeline(file: "p.yaml", contents: Array(text.utf8))
        #expect(read.registry == .digitalocean("acme", keep: 7) && read.hold == .untilNextPush)
        #expect(read.smokeTest[0].tls?.validFor == 1_209_600)
        let body = try DefinitionBody.encode(read)
        #expect(body.contains(#""registry":{"digitalocean":"acme","retention":{"keep":7}}"#))
        #expect(try DefinitionBody.decode(body) == read)
    }

    @Test func requestsThatChangeSomething() throws {
        let text = """
            smokeTest:
              - { put: 'service://web:80/a', body: 'x', headers: { Content-Type: text/plain }, capture: { b: c.0 } }
              - { patch: 'service://web:80/{{b}}', json: { n: 1, f: 1.5, big: 1534857392938493952, t: 'no', z: null } }
              - { delete: 'service://web:80/{{b}}', retry: { for: 5s } }
            """
        let read = try readPipeline(file: "p.yaml", contents: Array(Sample.pipeline(adding: text).utf8))
        #expect(read.smokeTest.map(\.method) == [.put, .patch, .delete])
        #expect(read.smokeTest.map(\.address) == ["a", "{{b}}", "{{b}}"].map { "service://web:80/" + $0 })
        #expect(read.smokeTest[0].body == .text("x") && read.smokeTest[0].capture == ["b": "c.0"])
        let document: [String: JSONValue] = [
            "n": .number(1), "f": .number(1.5), "big": .integer(1_534_857_392_938_493_952), "t": .string("no"),
            "z": .null,
        ]
        #expect(read.smokeTest[1].body == .json(.object(document)) && read.smokeTest[2].body == nil)
        #expect(read.smokeTest[2].name == "DELETE service://web:80/{{b}}" && read.smokeTest[2].retryFor == 5)
        let body = try DefinitionBody.encode(read)
        #expect(body.contains(#""big":1534857392938493952,"f":1.5,"n":1,"#), "\(body)")
        #expect(body.contains(#""body":"x","capture":{"b":"c.0"},"#) && !body.contains(#""get""#))
        #expect(try DefinitionBody.decode(body) == read)
    }

    @Test func whatWasKeptByTheFirstVersionIsRead() throws {
        let read = try DefinitionBody.decode(Golden.firstDefinition)
        #expect(read.hold == .untilResumed && read.deploy.target == .podman && !read.deploy.prune)
        #expect(read.deploy.manifests == .files(["deploy/todo/k8s"]) && read.smokeTest[0].tls == nil)
        #expect(read.registry == .embedded)
        #expect(read.smokeTest.allSatisfy { $0.method == .get && $0.body == nil && $0.capture.isEmpty })
        #expect(read.smokeTest[0].address == "service://backend:8000/health")
        // It is kept as it was: what is not used leaves no trace.
        let kept = try DefinitionBody.encode(read)
        #expect(kept.contains(#""get":"service://backend:8000/health","headers":{"Accept":"application/json"},"name""#))
        #expect(!kept.contains("capture") && !kept.contains(#""method""#))
    }

    @Test(arguments: [("1d", 1), ("14d", 14), ("1000d", 1000)]) func numbersOfDays(text: String, expected: Int) {
        #expect(days(of: text) == expected)
    }

    @Test(arguments: ["", "d", "14", "0d", "014d", "1001d", "14 d", "14D", "1.5d", "14h", "1\u{301}d"])
    func noNumbersOfDays(text: String) {
        #expect(days(of: text) == nil)
    }

    @Test func whatOthersHaveBuiltNeedsNoImages() throws {
        let text = """
            name: kafka
            source: { github: acme/todo, branch: main }
            deploy: { inCluster: true, manifests: [k8s] }
            """
        let read = try readPipeline(file: "p.yaml", contents: Array(text.utf8))
        #expect(read.images.isEmpty)
        #expect(try DefinitionBody.decode(try DefinitionBody.encode(read)) == read)
    }

    @Test func imagesAreInOrderOfName() throws {
        let text = Sample.pipeline("  backend: { context: backend }", "  web: {}\n  api: { context: ./api/ }\n  b: {}")
        let read = try readPipeline(file: "p.yaml", contents: Array(text.utf8))
        #expect(read.images.map(\.name) == ["api", "b", "web"])
        #expect(read.images.map(\.context) == ["api", ".", "."])
    }

    @Test(arguments: [
        ("p.yaml", "s/key", "s/key"), ("/etc/f/p.yaml", "./key", "/etc/f/key"), ("/etc/f/p.yaml", "/k", "/k"),
        ("/p.yaml", "../k", "/../k"), ("a/p.yaml", "../k", "a/../k"),
    ]) func secretFilesAreBesideTheFile(file: String, written: String, expected: String) throws {
        let text = Sample.pipeline(adding: "secrets: { K: { file: \(written) } }")
        let read = try readPipeline(file: file, contents: Array(text.utf8))
        #expect(read.secrets["K"] == .file(expected))
    }

    @Test(arguments: [
        ("500ms", 0.5), ("1ms", 0.001), ("30s", 30), ("5m", 300), ("1h", 3600), ("24h", 86_400), ("1440m", 86_400),
    ]) func durations(text: String, expected: Double) {
        #expect(seconds(of: text) == expected)
    }

    @Test(arguments: [
        "", "s", "5", "0s", "05s", "-5s", "1.5s", "5 s", "5S", "1d", "25h", "1h30m", "9999999999s", "1\u{301}s", "٣s",
    ])
    func noDurations(text: String) {
        #expect(seconds(of: text) == nil)
    }
}
