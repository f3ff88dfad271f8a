import FoundationEssentials
import HTTPServer
import Pipelines

/// An error as RFC 9457 writes it. `type` is stable: programs may depend on it.
struct Problem: Error {
    let status: Int
    let type: String
    let title: String
    var detail: String?
    var headers: [(String, String)] = []

    var response: Response {
        struct Body: Encodable {
            let type: String
            let title: String
            let status: Int
            let detail: String?
        }
        let body = Body(type: "https://fairlead.dev/problems/\(type)", title: title, status: status, detail: detail)
        return .encoded(body, status: status, contentType: "application/problem+json", headers: headers)
    }

    static func badRequest(_ detail: String) -> Problem {
        Problem(status: 400, type: "bad-request", title: "The request cannot be understood", detail: detail)
    }
    static func notFound(_ detail: String) -> Problem {
        Problem(status: 404, type: "not-found", title: "There is nothing here", detail: detail)
    }
    static func conflict(_ type: String, _ detail: String) -> Problem {
        Problem(status: 409, type: type, title: "The state of things does not allow it", detail: detail)
    }
    static let unauthorized = Problem(
        status: 401,
        type: "unauthorized",
        title: "A token is needed",
        detail: "send Authorization: Bearer TOKEN, or sign in on the page; `fairlead token create` makes a token",
        headers: [("WWW-Authenticate", "Bearer realm=\"fairlead\"")]
    )
    static func forbidden(_ role: Role) -> Problem {
        Problem(
            status: 403,
            type: "forbidden",
            title: "The token's role does not allow it",
            detail: "needs role \(role)"
        )
    }
    static func methodNotAllowed(_ allowed: [String]) -> Problem {
        Problem(
            status: 405,
            type: "method-not-allowed",
            title: "The method is not allowed here",
            headers: [("Allow", allowed.joined(separator: ", "))]
        )
    }
    static let wrongHost = Problem(
        status: 421,
        type: "wrong-host",
        title: "The Host header names another server",
        detail: "add the name under `hosts:` in fairlead.yaml if it is ours"
    )
    static let diskFull = Problem(
        status: 503,
        type: "disk-full",
        title: "The server's disk is full",
        detail: "nothing was changed; ask again when there is space",
        headers: [("Retry-After", "30")]
    )
    static let databaseUnavailable = Problem(
        status: 503,
        type: "database-unavailable",
        title: "The server's database cannot be used now",
        detail: "nothing was changed; the log says what keeps it, and it goes on by itself",
        headers: [("Retry-After", "30")]
    )
    static let internalError = Problem(
        status: 500,
        type: "internal",
        title: "Something went wrong here; the log says what"
    )
}

extension Response {
    /// `body` as JSON, keys in a stable order.
    static func encoded(
        _ body: some Encodable,
        status: Int = 200,
        contentType: String = "application/json",
        headers: [(String, String)] = []
    ) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(body) else { return Problem.internalError.response }
        return Response(
            status: status,
            headers: [("Content-Type", contentType), ("Cache-Control", "no-store")] + headers,
            body: .bytes(Array(data))
        )
    }
}
