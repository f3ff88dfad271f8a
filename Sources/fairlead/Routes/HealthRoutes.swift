import HTTPServer
import Pipelines

/// `/healthz`: the process lives. `/readyz`: it is not stopping.
struct HealthRoutes: Sendable {
    let readiness: @Sendable () -> String?

    func answer(_ request: Request) -> Response? {
        switch request.path {
        case "/healthz": return text(200, "ok\n")
        case "/readyz":
            if let trouble = readiness() { return text(503, trouble + "\n") }
            return text(200, "ready\n")
        default: return nil
        }
    }

    private func text(_ status: Int, _ text: String) -> Response {
        Response(
            status: status,
            headers: [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")],
            body: .bytes(Array(text.utf8))
        )
    }
}
