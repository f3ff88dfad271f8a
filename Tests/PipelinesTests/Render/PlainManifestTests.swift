import Kubernetes
import Testing

@testable import Pipelines

@Suite("Manifests as they are written")
struct PlainManifestTests {
    private static func object(_ kind: String, _ name: String, _ rest: String = "") -> String {
        "apiVersion: v1\nkind: \(kind)\nmetadata: { name: \(name)\(rest) }\n"
    }

    @Test("each object has its place; lists are taken apart")
    func places() async throws {
        let list = """
            apiVersion: v1
            kind: List
            items:
              - { apiVersion: v1, kind: Secret, metadata: { name: s } }
              - { apiVersion: apps/v1, kind: Deployment, metadata: { name: web } }
            """
        let room = try RenderRoom([
            "k8s/b.yaml": Self.object("ConfigMap", "one") + "---\n# nothing\n---\n" + Self.object("ConfigMap", "two"),
            "k8s/a.yml": list, "k8s/README.md": "x", "job.yaml": Self.object("Job", "migrate"),
        ])
        let read = try await room.read(.files(["k8s"]), before: "job.yaml")
        #expect(
            read.summary == [
                "Secret s @ k8s/a.yml:1: items[0]", "Deployment web @ k8s/a.yml:1: items[1]",
                "ConfigMap one @ k8s/b.yaml:1", "ConfigMap two @ k8s/b.yaml:7",
            ]
        )
        #expect(read.before?.object.name == "migrate" && read.before?.source == "job.yaml:1")
        #expect(read.warnings == [])
    }

    @Test("the Job that must finish first is not applied with the others, wherever its file lies")
    func before() async throws {
        let room = try RenderRoom([
            "k8s/a.yaml": Self.object("Service", "web"), "k8s/migrate.yaml": Self.object("Job", "migrate"),
            "two.yaml": Self.object("Job", "a") + "---\n" + Self.object("Job", "b"),
        ])
        let read = try await room.read(.files(["k8s"]), before: "k8s/migrate.yaml")
        #expect(read.summary == ["Service web @ k8s/a.yaml:1"] && read.before?.object.name == "migrate")
        for path in ["two.yaml", "k8s/a.yaml"] {
            let error = await #expect(throws: StageError.self) {
                _ = try await room.read(.files(["k8s"]), before: path)
            }
            #expect(error != nil)
        }
    }

    @Test("values are read as Kubernetes reads YAML")
    func values() async throws {
        let text = """
            apiVersion: v1
            kind: ConfigMap
            metadata: { name: c }
            data: { a: 0644, b: yes, c: "yes", d: 1.5, e: ~, f: 0x10, g: 1_000, h: 2024-01-01, i: -3, j: 9007199254740993 }
            list: [1, [2], { x: "0644" }]
            """
        let room = try RenderRoom(["c.yaml": text])
        let object = try #require(try await room.read(.files(["c.yaml"])).objects.first).object
        #expect(
            object["data"] == [
                "a": 420, "b": true, "c": "yes", "d": .number(1.5), "e": nil, "f": 16, "g": 1000, "h": "2024-01-01",
                "i": -3, "j": 9_007_199_254_740_993,
            ]
        )
        #expect(object["list"] == [1, [2], ["x": "0644"]])
    }

    @Test(
        "what cannot be an object is named with its place",
        arguments: [
            ("a: b", "k8s/x.yaml:1: kind is missing"), ("kind: Pod", "k8s/x.yaml:1: Pod: apiVersion is missing"),
            ("kind: Pod\napiVersion: v1", "k8s/x.yaml:1: Pod: metadata.name is missing"),
            ("[a]", "k8s/x.yaml:1: not a mapping"), ("text", "k8s/x.yaml:1: not a mapping"),
            (
                object("Pod", "a") + "---\n" + object("Pod", "a"),
                "k8s/x.yaml:5: Pod a is there twice: it is in k8s/x.yaml:1"
            ),
            (
                object("Pod", "a") + "---\n" + object("Pod", "a", ", namespace: shop"),
                "k8s/x.yaml:5: Pod a is there twice"
            ),
            (
                "apiVersion: apps/v1\nkind: D\nmetadata: {name: a}\n---\napiVersion: apps/v2\nkind: D\nmetadata: {name: a}",
                "k8s/x.yaml:5: D a is there twice"
            ),
            (
                "apiVersion: v1\nkind: List\nitems: [{ kind: Pod }]",
                "k8s/x.yaml:1: items[0]: Pod: apiVersion is missing"
            ),
            (object("ConfigMap", "a") + "data: { x: .inf }", "'.inf' is no number"),
            (
                object("ConfigMap", "a") + "data:\n  é: &web:v1 nginx\n",
                "k8s/x.yaml:5: the anchor's name 'web' ends at the ':' behind it"
            ),
            (
                object("ConfigMap", "a") + "data:\n  x: &w?x nginx\n",
                "k8s/x.yaml:5: the anchor's name 'w' ends at the '?'"
            ),
            (object("ConfigMap", "a") + "data: { x: &wéb nginx }\n", "k8s/x.yaml:4: not YAML: "),
            (object("ConfigMap", "a") + "data:\n  x: &a.b nginx\n", "k8s/x.yaml:5: not YAML: "),
            (object("ConfigMap", "a") + "data:\n  x: &a@b nginx\n", "k8s/x.yaml:5: not YAML: "),
            (object("ConfigMap", "a") + "data:\n  x: &a%b nginx\n", "k8s/x.yaml:5: not YAML: "),
            (object("ConfigMap", "a") + "data:\n  x: &a,b nginx\n", "k8s/x.yaml:5: not YAML: "),
            (object("ConfigMap", "a") + "data:\n  x: & nginx\n", "k8s/x.yaml:5: not YAML: "),
            (
                object("ConfigMap", "a") + "data:\n  x: &a nginx\n  y: *a:b\n",
                "k8s/x.yaml:6: an alias is read only as the whole value"
            ),
            (
                (1...9).map { $0 == 7 ? "a: [\n" : object("Pod", "p\($0)") }.joined(separator: "---\n"),
                "k8s/x.yaml:26: not YAML"
            ),
        ]
    )
    func faults(text: String, message: String) async throws {
        let room = try RenderRoom(["k8s/x.yaml": text])
        let error = await #expect(throws: StageError.self) { _ = try await room.read(.files(["k8s"])) }
        #expect(error?.outcome == .failed && error?.reason.code.hasPrefix("manifest-") == true)
        #expect(error?.reason.message.contains(message) == true, "\(error?.reason.message ?? "")")
    }

    @Test("anchors and their aliases are read, also of text that begins with a colon")
    func anchors() async throws {
        let text = Self.object("ConfigMap", "a") + "data:\n  x: &a-1_B :8080\n  y: *a-1_B\n  z: &q ?x\n  u: 'a &b:c'\n"
        let room = try RenderRoom(["c.yaml": text])
        let object = try #require(try await room.read(.files(["c.yaml"])).objects.first).object
        #expect(object["data"] == ["x": ":8080", "y": ":8080", "z": "?x", "u": "a &b:c"])
    }

    private static func objects(_ limit: Int) -> Limits {
        var limits = Limits()
        limits.releaseObjects = limit
        return limits
    }

    @Test("more objects than a release may have are refused with the first that is too many")
    func tooMany() async throws {
        let objects = (1...5).map { Self.object("ConfigMap", "c\($0)") }
        let list = "apiVersion: v1\nkind: List\nitems:\n- { apiVersion: v1, kind: ConfigMap, metadata: { name: c6 } }\n"
        let room = try RenderRoom(["k8s/x.yaml": (objects + [list]).joined(separator: "---\n")])
        #expect(try await room.read(.files(["k8s"]), limits: Self.objects(6)).objects.count == 6)
        for (limit, place) in [(5, "k8s/x.yaml:21: items[0]: ConfigMap c6"), (2, "k8s/x.yaml:9: ConfigMap c3")] {
            let error = await #expect(throws: StageError.self) {
                _ = try await room.read(.files(["k8s"]), limits: Self.objects(limit))
            }
            #expect(error?.outcome == .failed && error?.reason.code == "manifest-too-many")
            let words = "\(place): a release has at most \(limit) objects, and this is one more; split it into several "
            #expect(error?.reason.message.hasPrefix(words) == true, "\(error?.reason.message ?? "")")
            #expect(error?.reason.message.contains("releaseObjects") == true)
        }
    }

    @Test("the same name in two namespaces, or of two kinds, is no repetition")
    func noRepetition() async throws {
        let text = [
            Self.object("Pod", "a"), Self.object("Pod", "a", ", namespace: other"), Self.object("Service", "a"),
            "apiVersion: example.com/v1\nkind: Pod\nmetadata: { name: a }\n",
        ].joined(separator: "---\n")
        let room = try RenderRoom(["k8s/x.yaml": text])
        #expect(try await room.read(.files(["k8s"])).objects.count == 4)
    }

    @Test("nothing to deploy is said")
    func nothing() async throws {
        let room = try RenderRoom(["k8s/x.yaml": "# nothing\n"])
        let error = await #expect(throws: StageError.self) { _ = try await room.read(.files(["k8s"])) }
        #expect(error?.reason.code == "manifest-missing")
    }
}
