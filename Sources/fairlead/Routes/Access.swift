import HTTPServer
import Logging
import Pipelines
import Signing

/// Who is asking, and what they may do.
struct Principal: Sendable {
    let token: TokenRecord?
    let isCookie: Bool

    var role: Role? { token?.role }

    static let nobody = Principal(token: nil, isCookie: false)
}

/// What somebody without a token may see; see `public:` in fairlead.yaml.
enum Visibility: Sendable {
    case nothing
    /// Runs and stages, without logs, excerpts and reasons.
    case status
    case everything
}

/// Checks tokens, sessions, roles, the Host header and the origin of changes made with a cookie.
struct Access: Sendable {
    static let cookie = "fairlead_session"

    let history: History
    let settings: ServerSettings

    /// Who is behind a bearer token or a session cookie. A token that is wrong is an error, not nobody.
    func principal(_ request: Request) async throws -> Principal {
        if let header = request.header("Authorization") {
            let parts = header.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "bearer",
                let token = try await history.token(hash: SHA256Digest.bytes(Array(parts[1].utf8)))
            else { throw Problem.unauthorized }
            return Principal(token: token, isCookie: false)
        }
        if let session = request.cookie(named: Self.cookie),
            let token = try await history.session(hash: SHA256Digest.bytes(Array(session.utf8)))
        {
            return Principal(token: token, isCookie: true)
        }
        return .nobody
    }

    /// What the one who asks may see; throws 401 where that is nothing.
    func visibility(_ request: Request) async throws -> Visibility {
        if try await principal(request).role != nil { return .everything }
        switch settings.public {
        case .nothing: throw Problem.unauthorized
        case .status: return .status
        case .everything: return .everything
        }
    }

    /// Lets the request pass if it comes from somebody with at least `role`.
    ///
    /// - Returns: the token's name, for whoever asks later who did it.
    @discardableResult
    func require(_ role: Role, _ request: Request) async throws -> String {
        let principal = try await principal(request)
        guard let token = principal.token else { throw Problem.unauthorized }
        guard token.role >= role else { throw Problem.forbidden(role) }
        if principal.isCookie { try checkOrigin(request) }
        return token.name
    }

    /// A page elsewhere must not act with the visitor's cookie. SameSite=Strict says so too; this does not rely on it.
    func checkOrigin(_ request: Request) throws {
        guard let origin = request.header("Origin") else { return }
        guard let host = request.header("Host"), origin == "http://\(host)" || origin == "https://\(host)" else {
            throw Problem(
                status: 403,
                type: "cross-origin",
                title: "The request comes from another site",
                detail: "Origin and Host differ"
            )
        }
    }

    /// Whether the Host header names this server, so that a foreign name that resolves here (DNS rebinding) gets nothing.
    func acceptsHost(_ request: Request) -> Bool {
        guard let host = request.header("Host") else { return false }
        return settings.accepts(host: host)
    }
}
