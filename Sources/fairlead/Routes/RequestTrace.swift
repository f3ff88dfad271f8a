import HTTPServer
import Telemetry

/// Where the trace of a request comes from.
struct RequestTrace: Sendable {
    /// Of who asks; nil: the trace begins here.
    let context: SpanContext?
}

extension Tracer {
    /// What a request's span is to be put under; nil if there is to be none, because nobody would see it or go on with it.
    func parent(of request: Request) -> RequestTrace? {
        let states = request.headers(named: "tracestate")
        let context = request.header("traceparent").flatMap {
            SpanContext(traceparent: $0, tracestate: states.isEmpty ? nil : states.joined(separator: ","))
        }
        return context == nil && !isExporting ? nil : RequestTrace(context: context)
    }
}

extension Span {
    /// For who answers, only 500 and above is an error.
    func noteAnswer(status: Int) {
        set("http.response.status_code", .int(status))
        if status >= 500 { setStatus(.error("")) }
    }
}
