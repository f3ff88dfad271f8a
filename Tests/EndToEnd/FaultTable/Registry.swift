import Foundation
import HTTPClient
import Pipelines

/// Debian's registry, for whoever asks.
final class Registry: Sendable {
    let port: UInt16
    private let process: Child

    /// Starts one, for as long as `body` works.
    ///
    /// - Parameter base: where its files go.
    static func run(in base: String, _ body: (Registry) async throws -> Void) async throws {
        let registry = try Registry(in: base)
        do {
            try await body(registry)
        } catch {
            await registry.end()
            throw error
        }
        await registry.end()
    }

    private init(in base: String) throws {
        port = try freeLoopbackPort()
        let configuration = """
            version: 0.1
            log: { level: error, accesslog: { disabled: true } }
            storage: { filesystem: { rootdirectory: "\(base)/registry" }, delete: { enabled: true } }
            http: { addr: "127.0.0.1:\(port)", secret: "\(UUID().uuidString)" }

            """
        try configuration.write(toFile: "\(base)/registry.yaml", atomically: true, encoding: .utf8)
        process = try Child(
            "/usr/bin/docker-registry",
            ["serve", "\(base)/registry.yaml"],
            environment: ["PATH": "/usr/bin:/bin"],
            folder: base,
            log: "\(base)/registry.log"
        )
    }

    private func end() async {
        process.signal(SIGKILL)
        await process.wait()
    }

    /// Pushes an image with busybox in it, under many tags.
    func pushBase(_ world: World, tags: [String]) async throws {
        let name = "127.0.0.1:\(port)/base:first"
        try world.write("base/Dockerfile", "FROM scratch\nCOPY busybox /bin/busybox\n")
        try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: "\(world.folder)/base/busybox")
        try await world.podman("build", "--quiet", "--isolation", "chroot", "--tag", name, "\(world.folder)/base")
        try await world.podman("push", "--quiet", name)
        try await world.podman("image", "rm", "--force", name)
        let type = "application/vnd.oci.image.manifest.v1+json"
        let manifests = "http://127.0.0.1:\(port)/v2/base/manifests"
        let manifest = try await world.request("GET", "\(manifests)/first", headers: [("Accept", type)])
        guard manifest.status == 200 else { throw Unexpected("the base image: \(manifest.status) \(manifest.string)") }
        for tag in tags {
            let headers = [("Content-Type", type)]
            let answer = try await world.request("PUT", "\(manifests)/\(tag)", headers: headers, body: manifest.body)
            guard answer.status == 201 else { throw Unexpected("the tag \(tag): \(answer.status) \(answer.string)") }
        }
    }
}
