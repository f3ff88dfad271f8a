@testable import Pipelines

/// A revision with manifests, and what is made of it.
struct ManifestSample {
    static let digest = "sha256:" + String(repeating: "ab", count: 32)
    static let reference = "127.0.0.1:5000/todo/backend@\(digest)"

    let folder: TestFolder

    /// - Parameter files: path in the repository → content.
    init(_ files: [String: String]) throws {
        folder = try TestFolder()
        for (path, text) in files { try folder.write(text, to: path) }
    }

    func render(
        manifests: [String] = ["deploy"],
        before: String? = nil,
        secrets: [String: [UInt8]] = [:],
        images: [String] = ["backend"]
    ) throws -> (body: ReleaseBody, warnings: [String]) {
        let pushed = images.map {
            PushedImage(name: $0, origin: .built, key: "", digest: Self.digest, reference: Self.reference)
        }
        return try render(pushed, manifests: manifests, before: before, secrets: secrets)
    }

    func render(
        _ images: [PushedImage],
        manifests: [String] = ["deploy"],
        before: String? = nil,
        secrets: [String: [UInt8]] = [:]
    ) throws -> (body: ReleaseBody, warnings: [String]) {
        // The folder goes with its last use.
        try withExtendedLifetime(folder) {
            try PodmanTarget.render(
                checkout: folder.path,
                definition: Self.definition(manifests: manifests, before: before),
                images: images,
                secrets: secrets
            )
        }
    }

    static func definition(
        name: String = "todo",
        manifests: [String] = ["deploy"],
        before: String? = nil
    ) -> Definition {
        Definition(
            name: name,
            environment: name,
            source: Definition.Source(github: "acme/todo", git: nil, branch: "main", tags: nil, paths: []),
            images: [],
            registry: .embedded,
            secrets: [:],
            deploy: Definition.Deploy(
                target: .podman,
                namespace: name,
                manifests: .files(manifests),
                before: before,
                timeout: 300,
                onFailure: .undo
            ),
            smokeTest: [],
            onPush: .latest
        )
    }

    /// A Deployment whose pod and container have more fields: lines of YAML without indentation.
    static func deployment(
        name: String = "web",
        pod: String = "",
        container: String = "",
        spec: String = "",
        image: String = "backend"
    ) -> String {
        """
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: \(name)
        spec:
          selector:
            matchLabels: { app: \(name) }
        \(indent(spec, 2))
          template:
            metadata:
              labels: { app: \(name), tier: front }
            spec:
        \(indent(pod, 6))
              containers:
                - name: main
                  image: \(image)
        \(indent(container, 10))

        """
    }

    static func service(_ name: String = "web", selector: String = "{ app: web }", ports: String) -> String {
        """
        apiVersion: v1
        kind: Service
        metadata: { name: \(name) }
        spec:
          selector: \(selector)
          ports: \(ports)

        """
    }

    private static func indent(_ lines: String, _ count: Int) -> String {
        let space = String(repeating: " ", count: count)
        return lines.split(separator: "\n").map { space + $0 }.joined(separator: "\n")
    }
}

/// Renders one file of manifests.
func render(_ text: String, secrets: [String: [UInt8]] = [:]) throws -> (body: ReleaseBody, warnings: [String]) {
    try ManifestSample(["deploy/app.yaml": text]).render(secrets: secrets)
}

/// What stands against a text; nil if nothing does.
func refusal(_ text: String) -> StageError? {
    do {
        _ = try render(text)
        return nil
    } catch {
        return error as? StageError ?? StageError(.errored, "another", "\(error)")
    }
}
