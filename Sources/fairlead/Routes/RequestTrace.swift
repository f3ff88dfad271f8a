import HTTPServer
import Telemetry

extension Tracer {
    /// The span of a request that changes something, under what its `traceparent` names. Nil if nobody would see it or go on
    /// with it.
    func span(of request: Request, route: String) -> Span? {
        let states = request.headers(named: "tracestate")
        let parent = request.header("traceparent").flatMap {
            SpanContext(traceparent: $0, tracestate: states.isEmpty ? nil : states.joined(separator: ","))
        }
        guard parent != nil || isExporting else { return nil }
        return startSpan(
            "\(request.method) \(route)",
            kind: .server,
            parent: parent,
            attributes: ["http.request.method": .string(request.method), "http.route": .string(route)]
        )
    }
}

extension Span {
    /// For who answers, only 500 and above is an error. What was refused is not told: a stranger must not fill the collector.
    func end(answer status: Int) {
        guard !(400..<500).contains(status) else { return }
        set("http.response.status_code", .int(status))
        if status >= 500 { setStatus(.error("")) }
        end()
    }
}
