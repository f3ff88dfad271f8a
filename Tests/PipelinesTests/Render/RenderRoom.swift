import HTTPClient
import Kubernetes

@testable import Pipelines

/// A revision in a folder, and what is read of it.
struct RenderRoom {
    let folder: TestFolder
    let scratch: TestFolder
    let log = CollectedLog()

    init(_ files: [String: String]) throws {
        folder = try TestFolder()
        scratch = try TestFolder()
        for (path, text) in files { try folder.write(text, to: path) }
    }

    var checkout: Checkout {
        get throws { try Checkout(folder.path) }
    }

    var tools: RenderTools { RenderTools(children: ChildProcess(ledger: nil, run: nil), scratch: scratch.path) }

    func read(
        _ manifests: Definition.Manifests,
        before: String? = nil,
        kubeVersion: String? = nil,
        limits: Limits = Limits(),
        client: HTTPClient = HTTPClient(),
        chartSHA256: String? = nil
    ) async throws -> RepositoryManifests {
        defer { withExtendedLifetime((folder, scratch)) {} }
        let children = ChildProcess(ledger: nil, run: nil)
        return try await ManifestReader(children: children, scratch: scratch.path, client: client, limits: limits).read(
            Definition.Deploy(target: .inCluster, namespace: "shop", manifests: manifests, before: before),
            checkout: folder.path,
            chartSHA256: chartSHA256,
            kubeVersion: kubeVersion,
            log: log,
            deadline: .seconds(60)
        )
    }

    /// Whether this machine has a program; its name if not, for who skips a test.
    static func has(_ program: String) -> Bool { (try? RenderTools.find([program], for: "x")) != nil }
}

extension RepositoryManifests {
    /// `Kind name @ source`
    var summary: [String] { objects.map { "\($0.object.kind) \($0.object.name) @ \($0.source)" } }
}
