import FoundationEssentials
public import HTTPClient

/// GitHub's REST API, as far as a deploy speaks to it: commit statuses, deployments, and tokens to clone with.
///
/// Nothing is tried again here: whoever reports keeps what is to be said until it is said.
public struct GitHubAPI: Sendable {
    let api: String
    let client: HTTPClient
    let deadline: Duration
    private let tokens: TokenSource
    private let credential: GitHubCredential

    /// - Parameters:
    ///   - api: The address of the API, without a slash at the end; on GitHub Enterprise `https://HOST/api/v3`.
    ///   - deadline: For one request.
    public init(
        credential: GitHubCredential,
        api: String = "https://api.github.com",
        client: HTTPClient,
        deadline: Duration = .seconds(10)
    ) {
        self.api = api
        self.client = client
        self.deadline = deadline
        tokens = TokenSource(credential)
        self.credential = credential
    }

    var isApp: Bool { if case .app = credential { true } else { false } }

    /// What an app shows where it speaks for itself, and not for an installation.
    func appToken() throws(GitHubError) -> String {
        guard case .app(let id, let key, _) = credential else {
            throw GitHubError(.unauthorized, "only a GitHub App has a webhook of its own")
        }
        return try TokenSource.jwt(app: id, key, now: Date())
    }

    /// A token that may read the repository and report on it: the one that was given, or the app's installation's,
    /// renewed before it runs out.
    ///
    /// - Parameter repository: `owner/name`.
    public func token(for repository: String) async throws(GitHubError) -> String {
        try await tokens.token(for: repository, self)
    }

    /// Whether the credential sees the repository: for checks before anything is deployed.
    public func canSee(_ repository: String) async throws(GitHubError) {
        let _: Nothing = try await send(
            "GET",
            path(ofRepository: repository),
            about: repository,
            repository: repository
        )
    }

    /// Sends a request about a repository and reads the answer.
    func send<Answer: Decodable>(
        _ method: String,
        _ path: String,
        _ body: (any Encodable & Sendable)? = nil,
        about what: String,
        repository: String
    ) async throws(GitHubError) -> Answer {
        try await send(method, path, body, about: what, token: try await token(for: repository))
    }

    func send<Answer: Decodable>(
        _ method: String,
        _ path: String,
        _ body: (any Encodable & Sendable)? = nil,
        about what: String,
        token: String
    ) async throws(GitHubError) -> Answer {
        let bytes: Data?
        do { bytes = try body.map { try JSONEncoder().encode($0) } } catch {
            throw GitHubError(.invalid, "what is to be said about \(what) cannot be written as JSON: \(error)")
        }
        return try decode(try await response(to: method, path, body: bytes, token: token), about: what)
    }

    /// Sends a request, whatever the status of its answer.
    func response(
        to method: String,
        _ path: String,
        headers: [(String, String)] = [],
        body: Data? = nil,
        token: String
    ) async throws(GitHubError) -> HTTPResponse {
        do {
            return try await client.send(request(method, path, headers, body, token))
        } catch {
            throw GitHubError(.unreachable, "\(api) cannot be reached: \(error)")
        }
    }

    func decode<Answer: Decodable>(_ response: HTTPResponse, about what: String) throws(GitHubError) -> Answer {
        guard (200..<300).contains(response.status) else { throw GitHubError(response, about: what) }
        do {
            return try JSONDecoder().decode(Answer.self, from: Data(response.body))
        } catch {
            throw GitHubError(.unreachable, "the answer of \(api) about \(what) is not one of GitHub's API")
        }
    }

    private func request(
        _ method: String,
        _ path: String,
        _ more: [(String, String)],
        _ body: Data?,
        _ token: String
    ) -> HTTPRequest {
        var headers =
            [
                ("Authorization", "Bearer \(token)"), ("Accept", "application/vnd.github+json"),
                ("X-GitHub-Api-Version", "2022-11-28"),
            ] + more
        if body != nil { headers.append(("Content-Type", "application/json")) }
        return HTTPRequest(
            method: method,
            url: api + path,
            headers: headers,
            body: body.map { Array($0) },
            deadline: deadline,
            connectTimeout: deadline
        )
    }
}

extension GitHubError {
    /// A status that is not 2xx. https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
    fileprivate init(_ response: HTTPResponse, about what: String) {
        struct Body: Decodable { var message: String? }
        let said = (try? JSONDecoder().decode(Body.self, from: Data(response.body)))?.message
        let message = (said ?? "status \(response.status)").prefix { !$0.isNewline }.prefix(300)
        var wait = response.header("Retry-After").flatMap(Int.init).map { Duration.seconds(max(0, $0)) }
        let isUsedUp = response.header("x-ratelimit-remaining") == "0"
        if wait == nil, isUsedUp, let reset = response.header("x-ratelimit-reset").flatMap(Double.init) {
            // By GitHub's clock: ours may be set to something else.
            wait = .seconds(max(0, reset - (response.date.map(Double.init) ?? Date().timeIntervalSince1970)))
        }
        switch response.status {
        case 401:
            self.init(
                .unauthorized,
                "GitHub does not accept the credential (\(what)): check `github:` in fairlead.yaml"
            )
        case 403 where wait != nil || isUsedUp, 429:
            self.init(.rateLimited, "GitHub's rate limit is used up (\(what))", retryAfter: wait)
        case 403:
            self.init(
                .forbidden,
                "GitHub's credential may not do this (\(what)): \(message). It needs commit statuses: write, "
                    + "deployments: write, contents: read"
            )
        case 404:
            self.init(.notFound, "GitHub knows nothing of \(what), or the credential may not see it")
        case 500...: self.init(.serverError, "GitHub has a fault (\(what)): \(message)", retryAfter: wait)
        default: self.init(.invalid, "GitHub refuses the request (\(what)): \(message)")
        }
    }
}

/// `owner/name` as two segments of a path, whatever is in it.
func path(ofRepository repository: String) -> String {
    let parts = repository.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    return "/repos/" + parts.map { String($0).percentEncoded }.joined(separator: "/")
}

/// An answer of which nothing is read but that it is JSON.
struct Nothing: Decodable {}

/// GitHub takes 140 characters of a description.
func cut(_ text: String) -> String {
    text.count <= 140 ? text : text.prefix(139) + "…"
}
