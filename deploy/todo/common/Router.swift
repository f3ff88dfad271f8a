public import HTTPServer

/// What a handler knows of its request besides the request.
public struct RequestContext: Sendable {
    /// The parts of the path that the pattern names: `id`.
    public let parameters: [String: String]
    /// The trace that this request belongs to, for what it causes (W3C Trace Context); nil without one.
    public let traceparent: String?

    public init(parameters: [String: String], traceparent: String?) {
        self.parameters = parameters
        self.traceparent = traceparent
    }
}

/// One method on one pattern of paths: `/api/tasks/{id}`.
public struct Route: Sendable {
    public typealias Body = @Sendable (Request, RequestContext) async throws -> Response

    public let method: String
    public let pattern: String
    /// Nil stands for any part.
    private let parts: [(name: String, isVariable: Bool)]
    let body: Body

    /// - Parameter body: throws ``Problem`` to refuse.
    public init(_ method: String, _ pattern: String, _ body: @escaping Body) {
        self.method = method
        self.pattern = pattern
        parts = Route.split(pattern).map { part in
            part.hasPrefix("{") ? (String(part.dropFirst().dropLast()), true) : (String(part), false)
        }
        self.body = body
    }

    private static func split(_ path: String) -> [Substring] {
        path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { $0 }
    }

    /// - Returns: the variable parts by name; nil where the path is another one.
    func match(_ path: String) -> [String: String]? {
        let found = Route.split(path)
        guard found.count == parts.count else { return nil }
        var parameters: [String: String] = [:]
        for (part, text) in zip(parts, found) {
            if part.isVariable {
                guard !text.isEmpty else { return nil }
                parameters[part.name] = String(text)
            } else if part.name != text {
                return nil
            }
        }
        return parameters
    }
}

/// Which route a request takes.
public struct Router: Sendable {
    public let routes: [Route]
    /// Takes what no route does; nil: nothing does.
    private let rest: (@Sendable (Request) -> Route?)?
    private let restPatterns: [String]

    /// - Parameter restPatterns: what `rest` takes, for the program's description.
    public init(
        _ routes: [Route],
        restPatterns: [String] = [],
        rest: (@Sendable (Request) -> Route?)? = nil
    ) {
        self.routes = routes
        self.rest = rest
        self.restPatterns = restPatterns
    }

    /// The paths that something answers.
    public var patterns: [String] { routes.map(\.pattern) + restPatterns }

    /// The same with their methods, `POST /api/tasks`; `*` where what takes them looks at the method itself.
    public var signatures: [String] {
        routes.map { "\($0.method) \($0.pattern)" } + restPatterns.map { "* \($0)" }
    }

    /// What a request without a route counts as: paths of strangers must not become labels.
    public static let unknown = "other"

    enum Choice {
        case route(Route, [String: String])
        /// There is something at this path, for these methods.
        case methods([String], pattern: String)
        case nothing
    }

    func choose(_ request: Request) -> Choice {
        let method = request.method == "HEAD" ? "GET" : request.method
        var others: [Route] = []
        for route in routes {
            guard let parameters = route.match(request.path) else { continue }
            if route.method == method { return .route(route, parameters) }
            others.append(route)
        }
        if let first = others.first { return .methods(others.map(\.method), pattern: first.pattern) }
        if let route = rest?(request) { return .route(route, [:]) }
        return .nothing
    }
}
