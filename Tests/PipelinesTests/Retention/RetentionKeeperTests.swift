import Foundation
import Glibc
import HTTPClient
import Signing
import Testing

@testable import Pipelines

@Suite("What is old is taken off the disk", .timeLimit(.minutes(2)))
struct RetentionKeeperTests {
    private static func date(daysAgo: Double, _ path: String) throws {
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -daysAgo * 86_400)],
            ofItemAtPath: path
        )
    }

    @Test("Mirrors go that neither a pipeline nor a run needs, and that nobody has fetched for long")
    func mirrors() async throws {
        let server = try TestServer()
        let (kept, queued) = (Definition.sample("kept"), Definition.sample("queued"))
        _ = try await server.run(queued)
        let folder = "\(server.needs.dataFolder)/mirrors"
        func make(_ name: String, _ days: Double) throws {
            try SmallFile.makeFolder("\(folder)/\(name)/objects/pack")
            try SmallFile.makeFolder("\(folder)/\(name)/refs/heads")
            for part in ["/objects/pack", "/refs/heads", ""] {
                try Self.date(daysAgo: days, "\(folder)/\(name)\(part)")
            }
        }
        for definition in [kept, queued] { try make(Workspace.mirrorName(definition.source), 100) }
        try make("old", 31)
        try make("young", 29)
        try make("fetched", 31)
        try Self.date(daysAgo: 1, "\(folder)/fetched/objects/pack")
        await RetentionKeeper(server.needs, registry: nil).look([kept])
        let left = try Set(FileManager.default.contentsOfDirectory(atPath: folder))
        let expected = [kept, queued].map { Workspace.mirrorName($0.source) } + ["young", "fetched"]
        #expect(left == Set(expected))
    }

    @Test("Images of the embedded registry go with their layers, but for what is served or the newest")
    func images() async throws {
        let server = try TestServer()
        let registry = try await EmbeddedRegistry.start(folder: "\(server.needs.dataFolder)/registry")
        do {
            try await clean(server, registry)
        } catch {
            await registry.stop()
            throw error
        }
        await registry.stop()
    }

    private func clean(_ server: TestServer, _ registry: EmbeddedRegistry) async throws {
        var needs = server.needs
        needs.registries = try Registries(settings: needs.settings, embedded: registry)
        needs.settings.retention.images.count = 2
        let pushing = TestPush(registry: registry, client: needs.client)
        var digests: [String] = []
        for _ in 0..<5 { digests.append(try await pushing.push("todo/web")) }
        let other = try await pushing.push("other/web")
        let release = try await server.history.beginRelease(
            environment: "todo",
            run: try await server.run(.sample()),
            body: [],
            images: [
                PushedImage(name: "web", origin: .built, key: "", digest: digests[0], reference: "r@\(digests[0])")
            ]
        )
        try await server.history.markLive(release)
        let size = try blobs(registry)

        let cleaner = EmbeddedCleaner(registry: registry, needs: needs)
        let busy = try await needs.registryUse.with([registry.address]) { try await cleaner.clean() }
        #expect(busy == nil)
        #expect(try blobs(registry) == size)
        #expect(try await cleaner.clean() == 2)
        var there: [Bool] = []
        for digest in digests { there.append(try await pushing.has("todo/web", digest)) }
        #expect(there == [true, false, false, true, true])
        // A manifest, its configuration and its layer, each.
        #expect(try blobs(registry) == size - 6)
        #expect(try await cleaner.clean() == 0)

        // By its age, too; what is served stays, and the registry goes on taking pushes.
        let root = "\(registry.folder)/images/docker/registry/v2/repositories"
        for (repository, digest) in [("other/web", other), ("todo/web", digests[0])] {
            let name = "\(root)/\(repository)/_manifests/revisions/sha256/\(digest.dropFirst(7))/link"
            try Self.date(daysAgo: 91, name)
        }
        #expect(try await cleaner.clean() == 1)
        #expect(try await pushing.has("todo/web", digests[0]))
        #expect(try await !pushing.has("other/web", other))
        let again = try await pushing.push("other/web")
        #expect(try await pushing.has("other/web", again))
    }

    private func blobs(_ registry: EmbeddedRegistry) throws -> Int {
        let root = "\(registry.folder)/images/docker/registry/v2/blobs"
        return try FileManager.default.subpathsOfDirectory(atPath: root).count { $0.hasSuffix("/data") }
    }
}

/// Pushes images of one small layer by the registry's own interface. https://distribution.github.io/distribution/spec/api
private struct TestPush {
    let registry: EmbeddedRegistry
    let client: HTTPClient

    private static let type = "application/vnd.docker.distribution.manifest.v2+json"

    private func send(
        _ method: String,
        _ url: String,
        _ headers: [(String, String)] = [],
        _ body: [UInt8]? = nil
    ) async throws -> HTTPResponse {
        let basic = Data("\(registry.user):\(registry.password)".utf8).base64EncodedString()
        return try await client.send(
            HTTPRequest(method: method, url: url, headers: [("Authorization", "Basic \(basic)")] + headers, body: body)
        )
    }

    private func digest(_ bytes: [UInt8]) -> String { "sha256:" + SHA256Digest.hex(bytes) }

    private func blob(_ bytes: [UInt8], _ repository: String) async throws -> String {
        let begun = try await send("POST", "http://\(registry.address)/v2/\(repository)/blobs/uploads/", [], [])
        let place = try #require(begun.header("Location"))
        let sign = place.contains("?") ? "&" : "?"
        let type = [("Content-Type", "application/octet-stream")]
        let done = try await send("PUT", "\(place)\(sign)digest=\(digest(bytes))", type, bytes)
        try #require(done.status == 201)
        return digest(bytes)
    }

    func push(_ repository: String) async throws -> String {
        let layer = (0..<5000).map { _ in UInt8.random(in: 0...255) }
        let config = Array(#"{"architecture":"amd64","os":"linux","n":"\#(UUID().uuidString)"}"#.utf8)
        let manifest = """
            {"schemaVersion":2,"mediaType":"\(Self.type)",
            "config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":\(config.count),
            "digest":"\(try await blob(config, repository))"},
            "layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":\(layer.count),
            "digest":"\(try await blob(layer, repository))"}]}
            """
        let bytes = Array(manifest.utf8)
        let tag = digest(bytes).dropFirst(7).prefix(12)
        let url = "http://\(registry.address)/v2/\(repository)/manifests/\(tag)"
        let done = try await send("PUT", url, [("Content-Type", Self.type)], bytes)
        try #require(done.status == 201, "\(String(decoding: done.body, as: UTF8.self))")
        return digest(bytes)
    }

    func has(_ repository: String, _ digest: String) async throws -> Bool {
        let url = "http://\(registry.address)/v2/\(repository)/manifests/\(digest)"
        return try await send("HEAD", url, [("Accept", Self.type)]).status == 200
    }
}
