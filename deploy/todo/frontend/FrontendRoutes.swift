import HTTPServer
import TodoCommon

/// The page and, where no gateway does it, the way to the API.
struct FrontendRoutes: Sendable {
    let files: StaticFiles?
    let backend: Passage?
    let events: Passage?

    /// What a browser may do with the page: load its own files, ask its own server, and nothing else.
    static let security = [
        (
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
                + "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        ),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
    ]

    /// Takes every path that is no program's own.
    func route(_ request: Request) -> Route? {
        // Who asks the program behind would take the dots away, and reach what is not below /api: the event service's
        // deliveries, or its metrics.
        guard !request.path.split(separator: "/").contains(where: { $0 == "." || $0 == ".." }) else { return nil }
        if Self.isBelow(request.path, "/api/events"), let events { return passing(request, events, "/api/events") }
        if Self.isBelow(request.path, "/api"), let backend { return passing(request, backend, "/api/*") }
        guard let response = files?.response(for: request, path: request.path) else { return nil }
        return Route(request.method, "/*") { _, _ in
            var response = response
            let own = Set(response.headers.map { $0.0.lowercased() })
            response.headers += Self.security.filter { !own.contains($0.0.lowercased()) }
            return response
        }
    }

    private func passing(_ request: Request, _ passage: Passage, _ pattern: String) -> Route {
        Route(request.method, pattern) { request, context in
            try await passage.pass(request, traceparent: context.traceparent)
        }
    }

    private static func isBelow(_ path: String, _ root: String) -> Bool { path == root || path.hasPrefix(root + "/") }
}
