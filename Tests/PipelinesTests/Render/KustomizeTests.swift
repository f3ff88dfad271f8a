import Glibc
import Kubernetes
import Testing

@testable import Pipelines

@Suite("A kustomization")
struct KustomizeTests {
    private static let files = [
        "deploy/base/kustomization.yaml": "resources: [web.yaml]\nconfigMapGenerator: [{ name: c, literals: [A=1] }]\n",
        "deploy/base/web.yaml": """
        apiVersion: apps/v1
        kind: Deployment
        metadata: { name: web }
        spec:
          selector: { matchLabels: { app: web } }
          template:
            metadata: { labels: { app: web } }
            spec:
              containers:
                - { name: web, image: web, envFrom: [{ configMapRef: { name: c } }] }

        """,
        "deploy/live/kustomization.yaml":
            "resources: [../base]\nnamespace: shop\nreplicas: [{ name: web, count: 3 }]\n",
    ]

    @Test("is built with its base by kustomize", .enabled(if: RenderRoom.has("kustomize"), "no kustomize"))
    func byKustomize() async throws { try await build("kustomize") }

    @Test("is built with its base by kubectl", .enabled(if: RenderRoom.has("kubectl"), "no kubectl"))
    func byKubectl() async throws { try await build("kubectl") }

    private func build(_ program: String) async throws {
        let room = try RenderRoom(Self.files)
        let kustomize = Kustomize(tools: room.tools, checkout: try room.checkout, programs: [program])
        let output = try await kustomize.build("deploy/live", log: room.log, deadline: .seconds(60))
        #expect(output.path == "kustomize deploy/live")
        var list = ManifestList(namespace: "shop", limit: 100)
        try list.add(output)
        let deployment = try #require(list.objects.first { $0.object.kind == "Deployment" })
        #expect(deployment.object[["spec", "replicas"]] == 3)
        #expect(deployment.object.namespace == "shop")
        #expect(list.objects.count == 2 && deployment.source.hasPrefix("kustomize deploy/live:"))
        // Nothing is left of it.
        #expect(SmallFile.names(in: room.scratch.path) == [])
    }

    @Test(
        "is read like every other manifest",
        .enabled(if: RenderRoom.has("kustomize") || RenderRoom.has("kubectl"), "neither kustomize nor kubectl")
    )
    func read() async throws {
        let room = try RenderRoom(Self.files)
        let read = try await room.read(.kustomize("deploy/live"))
        #expect(read.objects.map(\.object.kind).sorted() == ["ConfigMap", "Deployment"])
    }

    @Test(
        "that cannot be built says why, without this machine's paths",
        .enabled(if: RenderRoom.has("kustomize") || RenderRoom.has("kubectl"), "neither kustomize nor kubectl")
    )
    func fault() async throws {
        var files = Self.files
        files["deploy/live/kustomization.yaml"]? += "patches: [{ path: absent.yaml }]\n"
        let room = try RenderRoom(files)
        let error = await #expect(throws: StageError.self) { _ = try await room.read(.kustomize("deploy/live")) }
        #expect(error?.outcome == .failed && error?.reason.code == "render-failed")
        let message = error?.reason.message ?? ""
        #expect(message.hasPrefix("kustomize deploy/live: exit 1.") && message.contains("absent.yaml"), "\(message)")
        #expect(!message.contains(room.folder.path), "\(message)")
    }

    @Test(
        "leads nowhere but into the repository",
        arguments: [
            ("https://example.com/x.yaml", "nothing is fetched"), ("github.com/acme/base?ref=v1", "nothing is fetched"),
            ("git@example.com:acme/base", "nothing is fetched"), ("example.com/acme/base.git", "nothing is fetched"),
            ("example.com//deploy", "nothing is fetched"), ("../.github/absent", "The revision has no"),
            ("/etc", "nothing is fetched"),
            ("../../../../../../../../etc", "leads out of the repository"), ("../absent", "The revision has no"),
            ("../link", "leads out of the repository"),
        ]
    )
    func references(reference: String, words: String) async throws {
        for key in ["resources", "components", "generators"] {
            let room = try RenderRoom(["deploy/live/kustomization.yaml": "namespace: a\n\(key):\n- '\(reference)'\n"])
            #expect(symlink("/etc", "\(room.folder.path)/deploy/link") == 0)
            let error = await #expect(throws: StageError.self) { _ = try await room.read(.kustomize("deploy/live")) }
            #expect(error?.outcome == .failed)
            let message = error?.reason.message ?? ""
            #expect(message.hasPrefix("deploy/live/kustomization.yaml:3: ") && message.contains(words), "\(message)")
        }
    }

    @Test("whose base leads out is refused too, and one that leads in a circle ends")
    func bases() async throws {
        let room = try RenderRoom([
            "live/kustomization.yaml": "resources: [../base]\n",
            "base/kustomization.yaml": "resources: [../live, 'https://example.com/x']\n",
        ])
        let error = await #expect(throws: StageError.self) { _ = try await room.read(.kustomize("live")) }
        #expect(error?.reason.message.hasPrefix("base/kustomization.yaml:1: ") == true)
    }

    @Test("with a link out of the repository is refused")
    func links() async throws {
        let room = try RenderRoom(["live/kustomization.yaml": "resources: [inner/x.yaml]\n", "live/inner/x.yaml": ""])
        #expect(symlink("/etc/passwd", "\(room.folder.path)/live/inner/secret.yaml") == 0)
        let error = await #expect(throws: StageError.self) { _ = try await room.read(.kustomize("live")) }
        #expect(error?.reason.code == "manifest-outside")
        #expect(error?.reason.message.contains("'live/inner/secret.yaml'") == true)
    }

    @Test("must be there, once", arguments: [[], ["kustomization.yaml", "Kustomization"]])
    func missing(names: [String]) async throws {
        var files = ["live/x.yaml": ""]
        for name in names { files["live/\(name)"] = "resources: []\n" }
        let room = try RenderRoom(files)
        let error = await #expect(throws: StageError.self) { _ = try await room.read(.kustomize("live")) }
        #expect(error?.reason.code == "manifest-missing")
    }
}
