import Kubernetes
import Testing

@testable import Pipelines

private let hasHelm = RenderRoom.has("helm")

@Suite("A chart")
struct HelmTests {
    private static let files = [
        "chart/Chart.yaml": "apiVersion: v2\nname: todo\nversion: 0.1.0\n",
        "chart/values.yaml": "replicas: 1\nmode: plain\nimage: { tag: one }\n",
        "chart/crds/thing.yaml": """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: { name: things.example.com }

        """,
        "chart/templates/web.yaml": """
        apiVersion: apps/v1
        kind: Deployment
        metadata: { name: {{ .Release.Name }}-web, namespace: {{ .Release.Namespace }} }
        spec:
          replicas: {{ .Values.replicas }}
          mode: {{ .Values.mode | quote }}
          tag: {{ .Values.image.tag | quote }}
          kube: {{ .Capabilities.KubeVersion.Version | quote }}

        """,
        "chart/templates/hooks.yaml": """
        apiVersion: batch/v1
        kind: Job
        metadata: { name: migrate, annotations: { helm.sh/hook: pre-install } }
        ---
        apiVersion: v1
        kind: Pod
        metadata: { name: check, annotations: { helm.sh/hook: test } }

        """,
        "chart/templates/NOTES.txt": "Thank you.", "live.yaml": "replicas: 2\nmode: file\n",
    ]

    private static func helm(_ set: [String: Definition.JSONScalar] = [:]) -> Definition.Manifests {
        .helm(.init(chart: "chart", values: ["live.yaml"], set: set, release: "shop"))
    }

    @Test("is rendered with its values, each object with its template", .enabled(if: hasHelm, "no helm"))
    func render() async throws {
        let room = try RenderRoom(Self.files)
        let read = try await room.read(
            Self.helm(["replicas": .number(3), "image.tag": .string("1.10")]),
            kubeVersion: "v1.33.5"
        )
        #expect(
            read.summary == [
                "CustomResourceDefinition things.example.com @ todo/crds/thing.yaml",
                "Deployment shop-web @ todo/templates/web.yaml",
            ]
        )
        let spec = read.objects[1].object["spec"]
        #expect(spec == ["replicas": 3, "mode": "file", "tag": "1.10", "kube": "v1.33.5"])
        #expect(read.objects[1].object.namespace == "shop")
        #expect(
            read.warnings == [
                "todo/templates/hooks.yaml: Job migrate is a hook of the chart (pre-install) and left out: see "
                    + "deploy.before"
            ]
        )
        #expect(SmallFile.names(in: room.scratch.path) == [])
    }

    @Test("that fails says where, without this machine's paths", .enabled(if: hasHelm, "no helm"))
    func fails() async throws {
        var files = Self.files
        files["chart/templates/bad.yaml"] = "a: {{ required \"say whose\" .Values.owner }}\n"
        let room = try RenderRoom(files)
        let error = await #expect(throws: StageError.self) { _ = try await room.read(Self.helm()) }
        #expect(error?.outcome == .failed && error?.reason.code == "render-failed")
        let message = error?.reason.message ?? ""
        #expect(message.contains("todo/templates/bad.yaml:1") && message.contains("say whose"), "\(message)")
        #expect(!message.contains(room.folder.path), "\(message)")
    }

    @Test("whose output is no manifest is named with its template", .enabled(if: hasHelm, "no helm"))
    func badOutput() async throws {
        var files = Self.files
        files["chart/templates/bad.yaml"] = "apiVersion: v1\nmetadata: { name: a }\n"
        let room = try RenderRoom(files)
        let error = await #expect(throws: StageError.self) { _ = try await room.read(Self.helm()) }
        #expect(error?.reason.message == "todo/templates/bad.yaml: kind is missing", "\(error?.reason.message ?? "")")
    }

    @Test("is looked for in the repository alone")
    func outside() async throws {
        let room = try RenderRoom(Self.files)
        let cases: [(chart: String, values: [String], code: String)] = [
            ("../chart", [], "manifest-outside"), ("absent", [], "manifest-missing"),
            ("chart/templates", [], "manifest-missing"),
            ("chart", ["../../../../../../etc/passwd"], "manifest-outside"),
            ("chart", ["absent.yaml"], "manifest-missing"),
        ]
        for (chart, values, code) in cases {
            let error = await #expect(throws: StageError.self) {
                _ = try await room.read(.helm(.init(chart: chart, values: values, set: [:], release: "shop")))
            }
            // A path that does not exist cannot be said to lead out.
            #expect(error?.reason.code == code || error?.reason.code == "manifest-missing", "\(chart) \(values)")
        }
    }

    @Test("cannot have a value and something inside it", .enabled(if: hasHelm, "no helm"))
    func contradiction() async throws {
        let room = try RenderRoom(Self.files)
        let error = await #expect(throws: StageError.self) {
            _ = try await room.read(Self.helm(["a": .number(1), "a.b": .number(2)]))
        }
        #expect(error?.reason.message == "deploy.helm.set has both 'a' and 'a.b': keep one")
    }
}
