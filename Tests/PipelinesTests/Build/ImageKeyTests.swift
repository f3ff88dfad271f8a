import Testing

@testable import Pipelines

@Suite("ImageKey")
struct ImageKeyTests {
    private static let text = "ARG V=1\nFROM scratch\nCOPY . /\n"

    struct Change: Sendable, CustomTestStringConvertible {
        let title: String
        let isIngredient: Bool
        var files: [String: String] = [:]
        var image = Repository.image()
        var tree = "tree-1"
        var bases = [("alpine", "sha256:1"), ("nginx", "sha256:2")]
        var builder = "4.3.1"
        var testDescription: String { title }
    }

    static let changes: [Change] = [
        Change(title: "nothing", isIngredient: false),
        Change(title: "a file outside of the context", isIngredient: false, files: ["README.md": "new"]),
        Change(title: "the image's name", isIngredient: false, image: Repository.image("other")),
        Change(
            title: "the order of base images",
            isIngredient: false,
            bases: [("nginx", "sha256:2"), ("alpine", "sha256:1")]
        ),
        Change(title: "the context's tree", isIngredient: true, tree: "tree-2"),
        Change(title: "the Dockerfile", isIngredient: true, files: ["app/Dockerfile": text + "RUN true\n"]),
        Change(
            title: "the Dockerfile's place",
            isIngredient: true,
            image: Repository.image(dockerfile: "app/Dockerfile")
        ),
        Change(title: "the ignore file", isIngredient: true, files: ["app/.dockerignore": "x\n"]),
        Change(title: "podman's own ignore file", isIngredient: true, files: ["app/.containerignore": "x\n"]),
        Change(
            title: "the Dockerfile's ignore file",
            isIngredient: true,
            files: ["app/Dockerfile.dockerignore": "x\n"]
        ),
        Change(
            title: "an argument",
            isIngredient: true,
            image: .init(name: "backend", context: "app", dockerfile: nil, target: nil, args: ["V": "2"])
        ),
        Change(title: "the target", isIngredient: true, image: Repository.image(target: "runtime")),
        Change(
            title: "what a base image is now",
            isIngredient: true,
            bases: [("alpine", "sha256:9"), ("nginx", "sha256:2")]
        ),
        Change(title: "the builder", isIngredient: true, builder: "4.4.0"),
    ]

    private func key(_ change: Change) throws -> String {
        let repository = try Repository(files: ["app/Dockerfile": Self.text].merging(change.files) { $1 })
        let inputs = try BuildInputs(change.image, folder: repository.path)
        return ImageKey(inputs, contextTree: change.tree, bases: change.bases, builder: change.builder).digest
    }

    @Test("each ingredient changes the key, and nothing else does", arguments: changes)
    func changed(change: Change) throws {
        let unchanged = try key(Change(title: "", isIngredient: false))
        #expect((try key(change) != unchanged) == change.isIngredient)
        #expect(unchanged.utf8.count == 64)
    }

    @Test("an image whose base cannot be resolved has no key, and the log says which")
    func unresolved() async throws {
        try await withPodman { podman in
            let repository = try Repository(files: ["app/Dockerfile": "FROM 127.0.0.1:1/x\n"])
            let log = CollectedLog()
            let builder = ImageBuilder(podman: podman, registries: ["127.0.0.1:1"])
            let key = try await builder.key(
                for: Repository.image(),
                folder: repository.path,
                contextTree: "t",
                log: log
            )
            #expect(key == nil)
            #expect(log.text.contains("cannot tell what 127.0.0.1:1/x is now"))
        }
    }

    @Test("the key follows a tag that is moved in its registry")
    func movedTag() async throws {
        try await withRegistry { registry, podman in
            let builder = ImageBuilder(podman: podman, authFile: registry.authFile)
            let reference = "\(registry.address)/base:1"
            let repository = try Repository(files: ["app/Dockerfile": "FROM \(reference)\n"])
            func publish(_ content: String) async throws {
                let id = try await builder.build(try Repository("RUN echo \(content) >/content\n"), log: CollectedLog())
                let push = ["push", "--authfile", registry.authFile, String(id.dropFirst(7)), "docker://\(reference)"]
                _ = try await podman.lines(push)
            }
            func key() async throws -> String? {
                try await builder.key(
                    for: Repository.image(),
                    folder: repository.path,
                    contextTree: "t",
                    log: CollectedLog()
                )
            }
            try await publish("one")
            let first = try #require(try await key())
            #expect(try await key() == first)
            try await publish("two")
            let second = try #require(try await key())
            #expect(second != first)
            // The build that follows uses what the key says.
            let log = CollectedLog()
            let id = try await builder.build(repository, log: log)
            let layers = ["image", "inspect", "--format", "{{.RootFS.Layers}}"]
            #expect(try await podman.lines(layers + [id]) == podman.lines(layers + [reference]))
        }
    }
}
