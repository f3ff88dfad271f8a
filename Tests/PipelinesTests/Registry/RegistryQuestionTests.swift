import HTTPClient
import HTTPServer
import TestBackend
import Testing

@testable import Pipelines

/// A registry that wants a token, and who gives it.
@Suite("RegistryQuestion", .timeLimit(.minutes(1)))
struct RegistryQuestionTests {
    private static let basic = [("Authorization", "Basic dXNlcjpwYXNz")]

    /// Refuses all but its token, and names where that is had.
    private static func registry(_ challenges: [String], bearer: String = "t-1") throws -> TestBackend {
        try TestBackend { _, request in
            guard request.header("Authorization") != "Bearer \(bearer)" else { return .text("manifest") }
            return .text("no", status: 401, headers: challenges.map { ("WWW-Authenticate", $0) })
        }
    }

    /// A registry, and who gives its tokens: that is `TOKENS` in a challenge.
    private static func with(
        challenges: [String] = [#"Bearer realm="TOKENS/token",service="reg",scope="a b:c""#],
        tokens answer: Response,
        _ body: (TestBackend, TestBackend) async throws -> Void
    ) async throws {
        let tokens = try TestBackend { _, _ in answer }
        let registry = try registry(challenges.map { $0.replacing("TOKENS", with: tokens.url) })
        do {
            try await body(registry, tokens)
        } catch {
            await registry.stop()
            await tokens.stop()
            throw error
        }
        await registry.stop()
        await tokens.stop()
    }

    private func ask(
        _ registry: TestBackend,
        _ headers: [(String, String)] = basic,
        within deadline: Duration = .seconds(10)
    ) async throws -> (status: Int, text: String) {
        let client = HTTPClient()
        defer { client.close() }
        let question = RegistryQuestion(client: client, deadline: deadline)
        let answer = try await question.ask("GET", "\(registry.url)/v2/a/manifests/x", headers)
        return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }

    private static func json(_ text: String) -> Response { .json(Array(text.utf8)) }

    @Test(
        "The token is asked for with the password, and what was asked for with the token",
        arguments: [#"{"token":"t-1"}"#, #"{"access_token":"t-1","expires_in":300}"#]
    )
    func token(answer: String) async throws {
        try await Self.with(tokens: Self.json(answer)) { registry, tokens in
            let answer = try await ask(registry, Self.basic + [("Accept", "x/y")])
            #expect(answer == (200, "manifest"))
            #expect(tokens.requests.map(\.line) == ["GET /token?service=reg&scope=a b:c"])
            #expect(tokens.requests.first?.header("Authorization") == Self.basic[0].1)
            #expect(registry.requests.map { $0.header("Authorization") } == [Self.basic[0].1, "Bearer t-1"])
            #expect(registry.requests.last?.header("Accept") == "x/y")
        }
    }

    @Test("Without credentials the token is asked for without them")
    func anonymous() async throws {
        try await Self.with(tokens: Self.json(#"{"token":"t-1"}"#)) { registry, tokens in
            let answer = try await ask(registry, [])
            #expect(answer.status == 200)
            #expect(tokens.requests.first?.header("Authorization") == nil)
        }
    }

    @Test("The challenge is found among others")
    func several() async throws {
        let challenges = [#"Basic realm="acme""#, #"bearer service=reg , realm="TOKENS/token?account=a""#]
        try await Self.with(challenges: challenges, tokens: Self.json(#"{"token":"t-1"}"#)) {
            registry,
            tokens in
            let answer = try await ask(registry)
            #expect(answer.status == 200)
            #expect(tokens.requests.map(\.line) == ["GET /token?account=a&service=reg"])
        }
    }

    @Test("Wrong credentials, a token that is not one, and one that is not accepted are a 401")
    func refused() async throws {
        let answers: [Response] = [
            .text("wrong password", status: 401), .text("denied", status: 403), .text("<html>"),
            Self.json(#"{"token":"t-2"}"#), Self.json("{}"),
        ]
        for granted in answers {
            try await Self.with(tokens: granted) { registry, tokens in
                let answer = try await ask(registry)
                #expect(answer == (401, "no"))
                #expect(tokens.requests.count == 1)
            }
        }
    }

    @Test("A fault of who gives out tokens is not taken for wrong credentials", arguments: [429, 503])
    func fault(status: Int) async throws {
        try await Self.with(tokens: .text("later", status: status)) { registry, _ in
            let answer = try await ask(registry)
            #expect(answer == (status, "later"))
        }
    }

    @Test("A realm where nobody answers, or that is silent, is named")
    func realm() async throws {
        let frozen = try FrozenServer()
        for realm in [
            "http://127.0.0.1:1/token", "http://127.0.0.1:\(frozen.port)/token", "http://no-such-host.invalid/t",
        ] {
            let registry = try Self.registry([#"Bearer realm="\#(realm)",service="reg""#])
            let error = await #expect(throws: (any Error).self) {
                _ = try await ask(registry, within: .milliseconds(500))
            }
            #expect(
                "\(error.map { "\($0)" } ?? "")".hasPrefix("it sends for a token to \(realm), and there: "),
                "\(realm)"
            )
            await registry.stop()
        }
    }

    @Test("The same is told of an image that is looked for: it does not let us in, or does not answer")
    func exists() async throws {
        let image = "@sha256:" + String(repeating: "0", count: 64)
        try await withPodman(insecureRegistries: []) { podman in
            func exists(at registry: TestBackend) async throws -> Bool {
                let client = HTTPClient()
                defer { client.close() }
                let pusher = ImagePusher(podman: podman, authFile: "", access: { _ in ("http", Self.basic) }) {
                    try await RegistryQuestion(client: client).ask($0, $1, $2)
                }
                return try await pusher.exists("127.0.0.1:\(registry.port)/a\(image)")
            }
            try await Self.with(tokens: .text("wrong", status: 401)) { registry, _ in
                let error = await #expect(throws: StageError.self) { _ = try await exists(at: registry) }
                #expect(error?.reason.code == "registry-authentication")
                #expect(error?.reason.message.contains("does not let us in (401)") == true)
            }
            try await Self.with(tokens: Self.json(#"{"token":"t-1"}"#)) { registry, _ in
                let isThere = try await exists(at: registry)
                #expect(isThere)
            }
            let registry = try Self.registry([#"Bearer realm="http://127.0.0.1:1/token""#])
            let error = await #expect(throws: StageError.self) { _ = try await exists(at: registry) }
            #expect(error?.reason.code == "registry-unreachable")
            #expect(error?.reason.message.contains("token to http://127.0.0.1:1/token") == true)
            await registry.stop()
        }
    }

    @Test("A realm without TLS gets no credentials that came with it, and other challenges are not Bearer's")
    func challenges() {
        let secure = Challenge(#"Bearer realm="https://auth.example/t",service="s""#)
        #expect(secure?.url == "https://auth.example/t?service=s")
        #expect(secure?.isSafe(for: "https://registry.example/v2/") == true)
        let plain = Challenge(#"Bearer realm="http://auth.example/t""#)
        #expect(plain?.isSafe(for: "https://registry.example/v2/") == false)
        #expect(plain?.isSafe(for: "http://127.0.0.1:5000/v2/") == true)
        for text in [
            #"Basic realm="x""#, "Bearer", #"Bearer service="s""#, #"Bearer realm="ftp://a/b""#, #"Bearer realm="/t""#,
        ] {
            #expect(Challenge(text) == nil, "\(text)")
        }
    }
}
