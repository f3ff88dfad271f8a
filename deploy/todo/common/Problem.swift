public import HTTPServer

/// An error as RFC 9457 writes it. `type` is stable: programs may depend on it.
public struct Problem: Error, Sendable {
    public let status: Int
    public let type: String
    public let title: String
    public var detail: String?
    /// What is wrong with single fields of the body: name and sentence.
    public var errors: [FieldError]
    public var headers: [(String, String)]

    /// A fault of one field.
    public struct FieldError: Encodable, Sendable, Equatable {
        public let field: String
        public let detail: String

        public init(_ field: String, _ detail: String) {
            self.field = field
            self.detail = detail
        }
    }

    public init(
        _ status: Int,
        _ type: String,
        _ title: String,
        detail: String? = nil,
        errors: [FieldError] = [],
        headers: [(String, String)] = []
    ) {
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
        self.errors = errors
        self.headers = headers
    }

    public var response: Response {
        struct Body: Encodable {
            let type: String
            let title: String
            let status: Int
            let detail: String?
            let errors: [FieldError]?
        }
        let body = Body(
            type: "urn:todo:problem:\(type)",
            title: title,
            status: status,
            detail: detail,
            errors: errors.isEmpty ? nil : errors
        )
        return .encoded(body, status: status, type: "application/problem+json", headers: headers)
    }

    public static func invalid(_ errors: [FieldError]) -> Problem {
        Problem(422, "invalid", "The task is not valid", detail: "see errors, one for each field", errors: errors)
    }
    public static func badRequest(_ detail: String) -> Problem {
        Problem(400, "bad-request", "The request cannot be understood", detail: detail)
    }
    public static func notFound(_ detail: String) -> Problem {
        Problem(404, "not-found", "There is nothing here", detail: detail)
    }
    public static func methodNotAllowed(_ allowed: [String]) -> Problem {
        Problem(
            405,
            "method-not-allowed",
            "The method is not allowed here",
            headers: [("Allow", allowed.joined(separator: ", "))]
        )
    }
    /// What is needed to answer is away for now.
    public static func unavailable(_ detail: String) -> Problem {
        Problem(503, "unavailable", "The service cannot answer now", detail: detail, headers: [("Retry-After", "2")])
    }
    public static let internalError = Problem(500, "internal", "Something went wrong here; the log says what")
}

extension Response {
    /// `body` as JSON, keys in a stable order, kept from caches.
    public static func encoded(
        _ body: some Encodable,
        status: Int = 200,
        type: String = "application/json",
        headers: [(String, String)] = []
    ) -> Response {
        guard let bytes = try? JSON.encode(body) else { return .text("cannot be encoded\n", status: 500) }
        return .bytes(bytes, type: type, status: status, headers: [("Cache-Control", "no-store")] + headers)
    }
}
