/// The pattern of a path, for metrics and traces: what varies in it has a name, and what no route answers is `other`. So
/// there are only as many as there are routes, whatever is asked for.
enum RoutePattern {
    private static let known: Set<String> = [
        WebhookRoute.path, "/healthz", "/readyz", "/metrics",
        "/api/v1/runs", "/api/v1/runs/{id}", "/api/v1/runs/{id}/cancel", "/api/v1/runs/{id}/rerun",
        "/api/v1/runs/{id}/stages/{stage}/log",
        "/api/v1/pipelines", "/api/v1/pipelines/{name}", "/api/v1/pipelines/{name}/runs",
        "/api/v1/pipelines/{name}/plan", "/api/v1/pipelines/{name}/rollback", "/api/v1/pipelines/{name}/pause",
        "/api/v1/pipelines/{name}/resume",
        "/api/v1/events", "/api/v1/session", "/api/v1/openapi.json",
    ]
    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    static func of(_ path: String) -> String {
        if known.contains(path) { return path }
        var parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard path.hasPrefix("/api/") else { return path.hasPrefix("/") ? "page" : "other" }
        if parts.count > 4 { parts[4] = parts[3] == "runs" ? "{id}" : "{name}" }
        if parts.count > 6 { parts[6] = "{stage}" }
        let pattern = parts.joined(separator: "/")
        return known.contains(pattern) ? pattern : "other"
    }

    /// The method, if it is one that somebody may mean.
    static func method(_ method: String) -> String { methods.contains(method) ? method : "other" }
}
