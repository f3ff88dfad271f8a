import HTTPClient
import Logging
import Signing

@testable import Pipelines

/// What a run works with, in a folder of its own.
struct TestServer {
    let fixture: Fixture
    let folder: TestFolder
    let needs: RunDependencies

    var history: History { fixture.history }

    init(client: HTTPClient = HTTPClient()) throws {
        fixture = try Fixture()
        folder = try TestFolder()
        let settings = ServerSettings(folder: folder.path)
        try SmallFile.makeFolder(settings.data)
        let podman = try Podman(folder: "\(settings.data)/podman", insecureRegistries: [])
        needs = RunDependencies(
            history: fixture.history,
            settings: settings,
            podman: podman,
            podmanTarget: try PodmanTarget(podman: podman, folder: "\(settings.data)/target", authFile: nil),
            registries: try Registries(settings: settings, embedded: nil),
            client: client,
            github: nil,
            sealingKey: try SealingKey.load(path: "\(settings.data)/sealing.key", createIfMissing: true),
            environment: [:],
            logger: Logger(label: "test")
        )
    }

    /// A run of this definition.
    func run(_ definition: Definition) async throws -> Int64 {
        let hash = try await history.registerDefinition(definition)
        return try await history.enqueueManual(
            pipeline: definition.name,
            environment: definition.environment,
            definitionHash: hash,
            ref: "refs/heads/main",
            revision: nil,
            by: nil
        )
    }

    /// A release that was deployed by a run of its own, and is live.
    func liveRelease(_ definition: Definition, body: [UInt8] = Array("{}".utf8)) async throws -> Int64 {
        let release = try await history.beginRelease(
            environment: definition.environment,
            run: try await run(definition),
            body: try needs.seal(body),
            images: []
        )
        try await history.markLive(release)
        return release
    }
}
