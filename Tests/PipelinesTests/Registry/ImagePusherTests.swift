import Glibc
import Testing

@testable import Pipelines

@Suite("ImagePusher")
struct ImagePusherTests {
    private func pusher(_ podman: Podman, authFile: String, user: String = "", password: String = "") -> ImagePusher {
        let headers = TestHTTP.basic(user, password)
        let ask: ImagePusher.Ask = { _, url, headers in
            guard let status = await TestHTTP.head(url, headers) else {
                throw StageError(.errored, "down", "nobody there")
            }
            return (status, [])
        }
        return ImagePusher(podman: podman, authFile: authFile, access: { _ in ("http", headers) }, ask: ask)
    }

    @Test("an image is pushed by digest, twice the same, and asked for")
    func push() async throws {
        try await withRegistry { registry, podman in
            let id = try await ImageBuilder(podman: podman).build(try Repository("RUN echo >/x\n"), log: CollectedLog())
            let pusher = pusher(podman, authFile: registry.authFile, user: registry.user, password: registry.password)
            let repository = "\(registry.address)/todo/backend"
            let log = CollectedLog()
            let digest = try await pusher.push(id, to: repository, log: log, deadline: .seconds(60))
            #expect(digest.hasPrefix("sha256:") && digest.utf8.count == 71)
            #expect(try await pusher.push(id, to: repository, log: log, deadline: .seconds(60)) == digest)
            #expect(try await pusher.exists("\(repository)@\(digest)"))
            #expect(!(try await pusher.exists("\(repository)@sha256:\(String(repeating: "0", count: 64))")))
            #expect(!(try await pusher.exists("\(registry.address)/other@\(digest)")))
            // By digest it comes back as what was built.
            _ = try await podman.lines(["rmi", "--force", String(id.dropFirst(7))])
            let gone = await #expect(throws: StageError.self) {
                _ = try await pusher.push(id, to: "\(registry.address)/other", log: log, deadline: .seconds(60))
            }
            #expect(gone?.outcome == .failed && gone?.reason.code == "image-gone", "\(gone?.reason.message ?? "")")
            let pull = ["pull", "--quiet", "--authfile", registry.authFile, "\(repository)@\(digest)"]
            #expect(try await podman.lines(pull).last == String(id.dropFirst(7)))

            let stranger = self.pusher(podman, authFile: registry.authFile, user: registry.user, password: "wrong")
            let error = await #expect(throws: StageError.self) {
                _ = try await stranger.exists("\(repository)@\(digest)")
            }
            #expect(error?.reason.code == "registry-authentication")
        }
    }

    @Test("a wrong password, a registry that is down and one that is frozen are told apart")
    func faults() async throws {
        try await withRegistry { registry, podman in
            let id = try await ImageBuilder(podman: podman).build(try Repository(""), log: CollectedLog())
            let wrong = "\(podman.folder)/wrong.json"
            try SmallFile.write(#"{"auths": {"\#(registry.address)": {"auth": "d3Jvbmc6d3Jvbmc="}}}"#, to: wrong)
            await expect("registry-authentication") {
                _ = try await pusher(podman, authFile: wrong).push(
                    id,
                    to: "\(registry.address)/x",
                    log: CollectedLog(),
                    deadline: .seconds(60)
                )
            }
            await registry.stop()
            await expect("registry-unreachable") {
                _ = try await pusher(podman, authFile: registry.authFile).push(
                    id,
                    to: "\(registry.address)/x",
                    log: CollectedLog(),
                    deadline: .seconds(60)
                )
            }
            await expect("registry-unreachable") {
                _ = try await pusher(podman, authFile: registry.authFile).exists(
                    "\(registry.address)/x@sha256:\(String(repeating: "0", count: 64))"
                )
            }
            let frozen = try FrozenServer()
            await expect("deadline-exceeded") {
                _ = try await pusher(podman, authFile: registry.authFile).push(
                    id,
                    to: "127.0.0.1:\(frozen.port)/x",
                    log: CollectedLog(),
                    deadline: .seconds(2)
                )
            }
            #expect(processes(with: "127.0.0.1:\(frozen.port)/x") == [])
        }
    }

    private func expect(_ code: String, _ body: () async throws -> Void) async {
        let error = await #expect(throws: StageError.self) { try await body() }
        #expect(error?.outcome == .errored)
        #expect(error?.reason.code == code, "\(error?.reason.message ?? "")")
    }
}
