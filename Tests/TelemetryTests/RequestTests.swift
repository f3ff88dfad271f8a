import HTTPClient
import HTTPServer
import TestBackend
import Testing

@testable import Telemetry

/// Requests as spans.
@Suite struct RequestTests {
    @Test func aRequestInsideASpanIsItsChildAndKeepsItsSecrets() async throws {
        try await withBackend([Response(status: 404)]) { backend in
            let client = HTTPClient()
            let exporter = OTLPExporter(
                OTLPExporter.Configuration(endpoint: backend.url, resource: [:]),
                client: client,
                registry: MetricRegistry()
            )
            let tracer = Tracer(exporter: exporter)
            let address = backend.url.replacing("http://", with: "http://user:pass@")
            try await HTTPClient.$around.withValue(tracer.requests) {
                // Nobody would know what it belongs to.
                _ = try await client.send(HTTPRequest(url: "\(backend.url)/alone"))
                try await tracer.withSpan("work") { _ in
                    let header = ("Authorization", "Bearer hidden")
                    let url = "\(address)/a/b?token=hidden#hidden"
                    _ = try await client.send(HTTPRequest(method: "PUT", url: url, headers: [header]))
                }
            }
            await exporter.shutdown(within: .seconds(30))
            #expect(backend.requests.map(\.path) == ["/alone", "/a/b", "/v1/traces"])
            #expect(backend.requests[1].header("traceparent") == nil)
            let text = backend.requests[2].text
            #expect(text.contains("\"PUT 127.0.0.1:\(backend.port)\"") && text.contains("\"work\""))
            #expect(text.replacing("\\/", with: "/").contains("\"/a/b\"") && text.contains("\"404\""))
            for secret in ["hidden", "pass", "alone"] { #expect(!text.contains(secret)) }
        }
    }

    @Test func aRequestInATraceThatIsNotRecordedGoesStraight() async throws {
        try await withBackend([Response(status: 200)]) { backend in
            let tracer = Tracer()
            try await HTTPClient.$around.withValue(tracer.requests) {
                let status = try await tracer.withSpan("work") { _ in
                    try await HTTPClient().send(HTTPRequest(url: backend.url)).status
                }
                #expect(status == 200)
            }
        }
    }
}
