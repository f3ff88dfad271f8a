import Foundation
import Git
import Testing

@Suite(.ownThread) struct CredentialTests {
    static let right = GitCredential.password(user: "ada", password: "s3cret:ä")

    @Test func aRightPasswordIsSentWithTheFirstRequest() async throws {
        let scene = try Scene(user: "ada", password: "s3cret:ä")
        let mirror = try scene.mirror(credential: Self.right)
        #expect(try await mirror.fetch(refs: [main])[main] != nil)
        #expect(scene.server.requests.allSatisfy { $0.user == "ada" })
        #expect(scene.server.requests.count == 2)
    }

    @Test(arguments: [
        (GitCredential.none, "none are configured"),
        (.password(user: "ada", password: "wrong"), "refused the password of “ada”"),
        (.sshKey(user: "git", privateKeyPath: "/x", passphrase: nil, knownHostsPath: nil), "refused the key"),
    ])
    func anythingElseIsRefusedInWords(credential: GitCredential, words: String) async throws {
        let scene = try Scene(user: "ada", password: "s3cret:ä")
        let mirror = try scene.mirror(credential: credential)
        let refused = await gitError { _ = try await mirror.fetch(refs: [main]) }
        #expect(refused?.code == .authentication)
        #expect(refused?.isTransient == false)
        #expect(refused?.message.contains(words) == true, "\(String(describing: refused))")
        #expect(refused?.message.contains("wrong") != true)
    }

    @Test func theAddressMayHoldTheCredential() async throws {
        let scene = try Scene(user: "ada", password: "s3cret")
        let url = scene.server.url.replacingOccurrences(of: "http://", with: "http://ada:s3cret@") + "/app.git"
        let mirror = try Mirror(path: scene.scratch.file("mirror"), url: url)
        #expect(try await mirror.fetch(refs: [main])[main] != nil)
        let wrong = try Mirror(
            path: scene.scratch.file("wrong"),
            url: url.replacingOccurrences(of: "ada:s3cret", with: "ada:letmein")
        )
        let refused = await gitError { _ = try await wrong.fetch(refs: [main]) }
        #expect(refused?.code == .authentication)
        #expect(refused?.message.contains("letmein") == false)
    }
}

@Suite(.ownThread) struct CertificateTests {
    static let names = "IP:127.0.0.1,DNS:localhost"

    @Test(arguments: ["127.0.0.1", "localhost"])
    func isTrustedByItsFile(host: String) async throws {
        let scene = try Scene(certificate: { try TestCertificate(in: $0.path, names: Self.names) })
        let mirror = try Mirror(
            path: scene.scratch.file("mirror"),
            url: "https://\(host):\(scene.server.port)/app.git",
            caFile: scene.scratch.file("server.crt")
        )
        #expect(try await mirror.fetch(refs: [main])[main] != nil)
    }

    @Test func isRefusedWhereNobodyVouchesForIt() async throws {
        let scene = try Scene(certificate: { try TestCertificate(in: $0.path, names: Self.names) })
        let refused = await gitError { _ = try await scene.mirror().fetch(refs: [main]) }
        #expect(refused?.code == .certificate)
        #expect(refused?.message.contains("is not trusted: self") == true, "\(String(describing: refused))")
        #expect(scene.server.requests.isEmpty)
    }

    @Test(arguments: [
        ("DNS:example.com", "127.0.0.1"), ("IP:127.0.0.2", "127.0.0.1"), ("DNS:example.com", "localhost"),
    ])
    func isRefusedForAnotherHost(names: String, host: String) async throws {
        let scene = try Scene(certificate: { try TestCertificate(in: $0.path, names: names) })
        let mirror = try Mirror(
            path: scene.scratch.file("mirror"),
            url: "https://\(host):\(scene.server.port)/app.git",
            credential: CredentialTests.right,
            caFile: scene.scratch.file("server.crt")
        )
        let refused = await gitError { _ = try await mirror.fetch(refs: [main]) }
        #expect(refused?.code == .certificate)
        #expect(refused?.message.contains("mismatch") == true, "\(String(describing: refused))")
        #expect(scene.server.requests.isEmpty)
    }

    @Test func aMissingFileOfAuthoritiesIsNamed() async throws {
        let scene = try Scene(certificate: { try TestCertificate(in: $0.path, names: Self.names) })
        let refused = await gitError { _ = try await scene.mirror(caFile: "/nowhere.pem").fetch(refs: [main]) }
        #expect(refused?.code == .certificate)
        #expect(refused?.message.contains("/nowhere.pem") == true)
    }

    @Test func plainServersDoNotSpeakTLS() async throws {
        let scene = try Scene()
        let mirror = try Mirror(
            path: scene.scratch.file("mirror"),
            url: "https://127.0.0.1:\(scene.server.port)/app.git"
        )
        #expect(await gitError { _ = try await mirror.fetch(refs: [main]) }?.code == .network)
    }
}
