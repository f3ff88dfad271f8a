public import HTTPClient

extension Tracer {
    /// For ``HTTPClient/around``: makes a span of every request that is asked inside a span that is recorded. Neither the
    /// query nor headers are exported, for they may hold what is secret; nor do servers get a `traceparent`.
    public var requests: HTTPClient.Around {
        HTTPClient.Around { request, send in
            guard let parent = SpanContext.current, parent.isSampled else { return try await send(request) }
            let url = RequestURL(request.url)
            return try await self.withSpan(
                "\(request.method) \(url.host)",
                kind: .client,
                attributes: [
                    "http.request.method": .string(request.method), "server.address": .string(url.host),
                    "url.scheme": .string(url.scheme), "url.path": .string(url.path),
                ]
            ) { span in
                let response = try await send(request)
                span.noteResponse(status: response.status)
                return response
            }
        }
    }
}

extension Span {
    /// https://opentelemetry.io/docs/specs/semconv/http/http-spans/: for who asks, 400 and above is an error.
    public func noteResponse(status: Int) {
        set("http.response.status_code", .int(status))
        if status >= 400 {
            set("error.type", .string("\(status)"))
            setStatus(.error(""))
        }
    }
}

/// The parts of an absolute URL that may be shown.
private struct RequestURL {
    var scheme = ""
    /// With the port, if there is one.
    var host = ""
    var path = ""

    init(_ url: String) {
        guard let colon = url.firstRange(of: "://") else { return }
        scheme = String(url[..<colon.lowerBound])
        let rest = url[colon.upperBound...].prefix { $0 != "?" && $0 != "#" }
        let authority = rest.prefix { $0 != "/" }
        // Without a user.
        host = String(authority[(authority.lastIndex(of: "@").map(authority.index(after:)) ?? authority.startIndex)...])
        path = String(rest.dropFirst(authority.count))
    }
}
