import FoundationEssentials
public import Signing

/// What we show GitHub. It is a secret.
public enum GitHubCredential: Sendable {
    /// A personal access token, or one of a machine user.
    case token(String)
    /// A GitHub App: `key` signs for it. `installation` is asked for where it is nil.
    case app(id: Int64, key: RSASigner, installation: Int64?)
}

/// Hands out tokens, and mints those of an app's installations: one for each installation, kept for most of its hour.
/// https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
actor TokenSource {
    private let credential: GitHubCredential
    private var installations: [String: Int64] = [:]
    /// With ends that no change of the clock moves.
    private var minted: [Int64: (token: String, until: ContinuousClock.Instant)] = [:]

    /// A token is not used any more when it has less than this left: long enough for a clone.
    private static let reserve = Duration.seconds(600)
    /// Seconds that a token lives, whatever our clock makes of its end.
    /// https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-an-installation-access-token-for-a-github-app
    private static let lifetime = 3600.0

    init(_ credential: GitHubCredential) { self.credential = credential }

    func token(for repository: String, _ api: GitHubAPI) async throws(GitHubError) -> String {
        switch credential {
        case .token(let token): return token
        case .app(let id, let key, let installation):
            let owner = String(repository.prefix { $0 != "/" })
            let jwt = try Self.jwt(app: id, key, now: Date())
            let number: Int64
            if let known = installation ?? installations[owner] {
                number = known
            } else {
                number = try await Self.installation(of: repository, jwt, api)
                installations[owner] = number
            }
            if let (token, until) = minted[number], until > .now + Self.reserve { return token }
            let new = try await Self.mint(number, jwt, api)
            minted[number] = (new.token, new.until)
            return new.token
        }
    }

    private static func installation(
        of repository: String,
        _ jwt: String,
        _ api: GitHubAPI
    ) async throws(GitHubError) -> Int64 {
        struct Answer: Decodable { var id: Int64 }
        let answer: Answer = try await api.send(
            "GET",
            "\(path(ofRepository: repository))/installation",
            about: "the app's installation for \(repository)",
            token: jwt
        )
        return answer.id
    }

    private static func mint(
        _ installation: Int64,
        _ jwt: String,
        _ api: GitHubAPI
    ) async throws(GitHubError) -> (token: String, until: ContinuousClock.Instant) {
        struct Answer: Decodable {
            var token: String
            var end: String
            enum CodingKeys: String, CodingKey {
                case token
                case end = "expires_at"
            }
        }
        let answer: Answer = try await api.send(
            "POST",
            "/app/installations/\(installation)/access_tokens",
            Wanted(),
            about: "a token of the installation \(installation)",
            token: jwt
        )
        let left = (try? Date(answer.end, strategy: .iso8601))?.timeIntervalSinceNow ?? 0
        return (answer.token, .now + .seconds(min(left, lifetime)))
    }

    /// No more than a deploy needs, whatever else the installation may.
    private struct Wanted: Encodable {
        var permissions = ["contents": "read", "deployments": "write", "statuses": "write"]
    }

    /// What an app shows to get a token: valid for nine minutes (ten is the most), from one minute ago on, because
    /// clocks differ.
    static func jwt(app: Int64, _ key: RSASigner, now: Date) throws(GitHubError) -> String {
        let time = Int64(now.timeIntervalSince1970)
        let head = base64URL(Array(#"{"alg":"RS256","typ":"JWT"}"#.utf8))
        let claims = base64URL(Array(#"{"iat":\#(time - 60),"exp":\#(time + 540),"iss":"\#(app)"}"#.utf8))
        do {
            return "\(head).\(claims).\(base64URL(try key.sign(Array("\(head).\(claims)".utf8))))"
        } catch {
            throw GitHubError(.badKey, "the private key of the GitHub App cannot sign: \(error)")
        }
    }

    /// RFC 4648, section 5, without padding.
    private static func base64URL(_ bytes: [UInt8]) -> String {
        String(
            Data(bytes).base64EncodedString().compactMap { character -> Character? in
                switch character {
                case "+": "-"
                case "/": "_"
                case "=": nil
                default: character
                }
            }
        )
    }
}
