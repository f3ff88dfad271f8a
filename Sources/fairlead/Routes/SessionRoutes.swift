import FoundationEssentials
import HTTPServer
import Pipelines
import Signing

/// `/api/v1/session`: trades a token for a cookie, because event streams cannot send a bearer.
struct SessionRoutes: Sendable {
    let access: Access
    let history: History
    let settings: ServerSettings

    private struct View: Encodable {
        let role: String?
        let `public`: String

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(role, forKey: .role)
            try container.encode(`public`, forKey: .public)
        }

        private enum CodingKeys: String, CodingKey { case role, `public` }
    }

    func read(_ request: Request) async throws -> Response {
        .encoded(
            View(role: try await access.principal(request).role?.rawValue, public: settings.public.rawValue)
        )
    }

    func create(_ request: Request) async throws -> Response {
        struct Body: Decodable { let token: String }
        try access.checkOrigin(request)
        let body = try request.decoded(as: Body.self, keys: ["token"], shape: #"{"token": "…"}"#)
        let session = RandomToken.make()
        guard let token = try await history.token(hash: SHA256Digest.bytes(Array(body.token.utf8))) else {
            throw Problem.unauthorized
        }
        try await history.expireSessions()
        let end = Date().timeIntervalSince1970 + settings.limits.sessionLifetime
        try await history.createSession(
            hash: SHA256Digest.bytes(Array(session.utf8)),
            token: token.id,
            expiresAt: Int64(end * 1000)
        )
        return Response(
            status: 204,
            headers: [cookie(session, seconds: Int64(settings.limits.sessionLifetime))],
            body: .empty
        )
    }

    func delete(_ request: Request) async throws -> Response {
        try access.checkOrigin(request)
        if let session = request.cookie(named: Access.cookie) {
            try await history.deleteSession(hash: SHA256Digest.bytes(Array(session.utf8)))
        }
        return Response(status: 204, headers: [cookie("", seconds: 0)], body: .empty)
    }

    /// `Secure` where the public address is https: on plain loopback a browser would not send the cookie back.
    private func cookie(_ value: String, seconds: Int64) -> (String, String) {
        let secure = settings.url?.hasPrefix("https://") == true ? "; Secure" : ""
        return (
            "Set-Cookie", "\(Access.cookie)=\(value); Path=/; Max-Age=\(seconds); HttpOnly; SameSite=Strict\(secure)"
        )
    }
}
