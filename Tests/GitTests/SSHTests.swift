import Foundation
import Git
import Testing

@Suite(.ownThread, .enabled(if: TestSSHServer.isAvailable, "OpenSSH's server is not installed, or we are not root"))
struct SSHTests {
    private func scene(
        passphrase: String = "",
        command: String? = nil
    ) throws -> (Scratch, TestRepository, TestSSHServer) {
        let scratch = try Scratch()
        let repository = try TestRepository("app", in: scratch.path)
        try repository.commit(["big": noise(200_000)])
        return (scratch, repository, try TestSSHServer(in: scratch.path, passphrase: passphrase, command: command))
    }

    @Test func fetchesAndChecksOut() async throws {
        let (scratch, repository, server) = try scene()
        let mirror = try Mirror(
            path: scratch.file("mirror"),
            url: server.url(repository),
            credential: server.credential()
        )
        _ = try await mirror.fetch(refs: [main])
        let revision = try repository.commit(["a": "1"])
        #expect(try await mirror.fetch(refs: [main])[main] == revision)
        try await mirror.checkOut(revision, into: scratch.file("out"))
        #expect(text(scratch.file("out/a")) == "1")
    }

    @Test func takesTheUserFromTheCredential() async throws {
        let (scratch, repository, server) = try scene()
        let url = server.url(repository).replacingOccurrences(of: "root@", with: "")
        let mirror = try Mirror(path: scratch.file("mirror"), url: url, credential: server.credential())
        #expect(try await mirror.fetch(refs: [main])[main] != nil)
    }

    @Test func opensKeysWithTheirPassphrase() async throws {
        let (scratch, repository, server) = try scene(passphrase: "open sesame")
        let right = try Mirror(
            path: scratch.file("right"),
            url: server.url(repository),
            credential: server.credential(passphrase: "open sesame")
        )
        #expect(try await right.fetch(refs: [main])[main] != nil)
        let wrong = try Mirror(
            path: scratch.file("wrong"),
            url: server.url(repository),
            credential: server.credential(passphrase: "open barley")
        )
        let refused = await gitError { _ = try await wrong.fetch(refs: [main]) }
        #expect(refused?.code == .authentication, "\(String(describing: refused))")
        #expect(refused?.message.contains("barley") == false)
    }

    @Test func submodulesUseTheSameKey() async throws {
        let (scratch, repository, server) = try scene()
        let lib = try TestRepository("lib", in: scratch.path)
        let libRevision = try lib.commit(["lib.txt": "lib"])
        let revision = try repository.submodule("lib", url: "../lib.git", revision: libRevision)
        let mirror = try Mirror(
            path: scratch.file("mirror"),
            url: server.url(repository),
            credential: server.credential()
        )
        _ = try await mirror.fetch(refs: [main])
        try await mirror.checkOut(revision, into: scratch.file("out"))
        #expect(text(scratch.file("out/lib/lib.txt")) == "lib")
    }

    @Test func anotherKeyIsRefused() async throws {
        let (scratch, repository, server) = try scene()
        let key = scratch.file("stranger")
        try run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key])
        let mirror = try Mirror(
            path: scratch.file("mirror"),
            url: server.url(repository),
            credential: server.credential(key: key)
        )
        let refused = await gitError { _ = try await mirror.fetch(refs: [main]) }
        #expect(refused?.code == .authentication, "\(String(describing: refused))")
        #expect(refused?.message.contains("refused the key \(key) for “root”") == true)
        let old = scratch.file("old")
        try run("ssh-keygen", ["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", old])
        let rsa = try Mirror(
            path: scratch.file("rsa"),
            url: server.url(repository),
            credential: server.credential(key: old)
        )
        let hinted = await gitError { _ = try await rsa.fetch(refs: [main]) }
        #expect(hinted?.code == .authentication)
        #expect(hinted?.message.contains("it is an RSA key") == true, "\(String(describing: hinted))")
        let missing = try Mirror(
            path: scratch.file("other"),
            url: server.url(repository),
            credential: server.credential(key: "/no/key")
        )
        let unread = await gitError { _ = try await missing.fetch(refs: [main]) }
        #expect(unread?.code == .authentication)
        #expect(unread?.message.contains("/no/key") == true)
    }

    @Test func unknownAndChangedHostKeysAreRefused() async throws {
        let (scratch, repository, server) = try scene()
        let stranger = scratch.file("stranger")
        try run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", stranger])
        let changed = "[127.0.0.1]:\(server.port) " + (try #require(text(stranger + ".pub")))
        for (name, contents, words) in [
            ("empty", "", "not among the known hosts"), ("changed", changed, "differs from the known hosts"),
            ("revoked", "@revoked " + (try #require(text(server.knownHosts))), "revoked"),
        ] {
            let file = scratch.file(name)
            try contents.write(toFile: file, atomically: false, encoding: .utf8)
            let mirror = try Mirror(
                path: scratch.file("mirror-" + name),
                url: server.url(repository),
                credential: server.credential(knownHosts: file)
            )
            let refused = await gitError { _ = try await mirror.fetch(refs: [main]) }
            #expect(refused?.code == .hostKey, "\(String(describing: refused))")
            #expect(refused?.message.contains(words) == true, "\(String(describing: refused))")
        }
        let mirror = try Mirror(
            path: scratch.file("mirror"),
            url: server.url(repository),
            credential: .sshKey(user: "root", privateKeyPath: server.key, passphrase: nil, knownHostsPath: nil)
        )
        #expect(await gitError { _ = try await mirror.fetch(refs: [main]) }?.code == .hostKey)
    }

    @Test func aMissingRepositoryIsNamed() async throws {
        let (scratch, repository, server) = try scene()
        let mirror = try Mirror(
            path: scratch.file("mirror"),
            url: server.url(repository) + ".gone",
            credential: server.credential()
        )
        #expect(await gitError { _ = try await mirror.fetch(refs: [main]) }?.code == .notFound)
    }

    @Test(arguments: [HangTests.idle, HangTests.deadline])
    func aServerThatStallsEndsInTime(limits: FetchLimits) async throws {
        // Sends the beginning of the pack; then only listens, until we hang up.
        let (scratch, repository, server) = try scene(
            command: "sh -c \\\"$SSH_ORIGINAL_COMMAND\\\" | stdbuf -o0 head -c 5000; cat > /dev/null"
        )
        let mirror = try Mirror(
            path: scratch.file("mirror"),
            url: server.url(repository),
            credential: server.credential()
        )
        let ended = await gitError { _ = try await mirror.fetch(refs: [main], limits: limits) }
        #expect(
            ended?.code == (limits.idle == .seconds(1) ? .idleTimeout : .deadlineExceeded),
            "\(String(describing: ended))"
        )
    }

    @Test func aServerThatStallsCanBeCancelled() async throws {
        let (scratch, repository, server) = try scene(
            command: "sh -c \\\"$SSH_ORIGINAL_COMMAND\\\" | stdbuf -o0 head -c 5000; cat > /dev/null"
        )
        let mirror = try Mirror(
            path: scratch.file("mirror"),
            url: server.url(repository),
            credential: server.credential()
        )
        let work = Task { try await mirror.fetch(refs: [main]) }
        // The pack's beginning has come when its file is there.
        let packs = mirror.path + "/objects/pack"
        for _ in 0..<600 {
            if try FileManager.default.contentsOfDirectory(atPath: packs).contains(where: { $0.hasPrefix("pack_git2") })
            {
                break
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        work.cancel()
        #expect(await gitError { _ = try await work.value }?.code == .cancelled)
    }
}
