import Testing

@testable import fairlead

@Suite struct RoutePatternTests {
    @Test(arguments: [
        ("/webhooks/github", "/webhooks/github"), ("/metrics", "/metrics"), ("/healthz", "/healthz"), ("/", "page"),
        ("/runs/7", "page"), ("/app.js", "page"), ("/no/such/page", "page"),
        ("/api/v1/runs", "/api/v1/runs"), ("/api/v1/runs/7", "/api/v1/runs/{id}"),
        ("/api/v1/runs/7/cancel", "/api/v1/runs/{id}/cancel"), ("/api/v1/runs/x/rerun", "/api/v1/runs/{id}/rerun"),
        ("/api/v1/runs/7/stages/build/log", "/api/v1/runs/{id}/stages/{stage}/log"),
        ("/api/v1/pipelines/web", "/api/v1/pipelines/{name}"),
        ("/api/v1/pipelines/web/rollback", "/api/v1/pipelines/{name}/rollback"),
        ("/api/v1/session", "/api/v1/session"), ("/api/v1/runs/7/", "other"), ("/api/v1/runs/7/anything", "other"),
        ("/api/v2/runs", "other"), ("/api/", "other"), ("", "other"), ("*", "other"),
    ]) func whatVariesHasAName(path: String, pattern: String) {
        #expect(RoutePattern.of(path) == pattern)
    }

    @Test func methodsAreThoseThatThereAre() {
        #expect(RoutePattern.method("PATCH") == "PATCH")
        #expect(RoutePattern.method("ANYTHING") == "other")
    }
}
