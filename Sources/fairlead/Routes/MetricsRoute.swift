import HTTPServer
import Telemetry

/// `GET /metrics`, for Prometheus. Whoever may see the runs' status may see it: somebody with a token, or everybody if the
/// configuration says `public: status` or `everything`.
struct MetricsRoute: Sendable {
    let access: Access
    let registry: MetricRegistry

    func answer(_ request: Request) async throws -> Response {
        guard request.method == "GET" || request.method == "HEAD" else {
            throw Problem.methodNotAllowed(["GET", "HEAD"])
        }
        // Prometheus asks a pod by its address, which is in no list of hosts. A browser that a foreign name leads here
        // (DNS rebinding) brings no such header.
        guard request.header("Authorization") != nil || access.acceptsHost(request) else { throw Problem.wrongHost }
        _ = try await access.visibility(request)
        return .bytes(
            Array(await registry.exposition().utf8),
            type: MetricRegistry.contentType,
            headers: [("Cache-Control", "no-store")]
        )
    }
}
