import Foundation
import HTTPClient
import HTTPServer
import Synchronization
import TestBackend
import Testing

@testable import Telemetry

@Suite(.timeLimit(.minutes(2))) struct ExporterTests {
    let registry = MetricRegistry()

    private func exporter(
        _ url: String,
        _ change: (inout OTLPExporter.Configuration) -> Void = { _ in }
    ) -> OTLPExporter {
        var configuration = OTLPExporter.Configuration(endpoint: url, resource: ["service.name": "test"])
        configuration.batchDelay = .zero
        configuration.firstPause = .zero
        change(&configuration)
        return OTLPExporter(configuration, client: HTTPClient(), registry: registry)
    }

    private func count(_ name: String) async throws -> Int {
        let line = try #require(await registry.exposition().split(separator: "\n").first { $0.hasPrefix(name + " ") })
        return try #require(Int(line.split(separator: " ")[1]))
    }

    /// Until the first span was taken or dropped.
    private func untilSomethingIsDecided() async throws {
        let names =
            ["traces_exported_spans_total"]
            + ["full", "refused", "undelivered", "shutdown"].map {
                "traces_dropped_spans_total{reason=\"\($0)\"}"
            }
        while true {
            for name in names where try await count(name) > 0 { return }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    private func expect(_ name: String, _ expected: Int) async throws {
        let found = try await count(name)
        #expect(found == expected, "\(name)")
    }

    @Test func aSpanArrivesAsItWas() async throws {
        try await withBackend([Response(status: 200)]) { backend in
            let exporter = exporter(backend.url + "/")
            let tracer = Tracer(exporter: exporter)
            let parent = try #require(
                SpanContext(
                    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                    tracestate: "a=1"
                )
            )
            let span = tracer.startSpan(
                "GET \"thing\"",
                kind: .client,
                parent: parent,
                attributes: ["text": "t", "number": 5, "flag": true, "share": .double(0.5)],
                at: TraceTime(nanoseconds: 1_544_712_660_000_000_001)
            )
            span.addEvent("retry", ["tries": 2], at: TraceTime(nanoseconds: 1_544_712_660_000_000_002))
            span.set("text", "later")
            span.setStatus(.error("no answer"))
            span.end(at: TraceTime(nanoseconds: 1_544_712_661_000_000_000))
            span.end()
            await exporter.shutdown(within: .seconds(30))

            let request = try #require(backend.requests.first)
            #expect(backend.requests.count == 1)
            #expect(request.line == "POST /v1/traces")
            #expect(request.header("Content-Type") == "application/json")
            let expected = """
                {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"test"}}]},
                "scopeSpans":[{"scope":{"name":"telemetry"},"spans":[{
                "traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"\(span.context.spanID)",
                "parentSpanId":"b7ad6b7169203331","traceState":"a=1","flags":1,"name":"GET \\"thing\\"","kind":3,
                "startTimeUnixNano":"1544712660000000001","endTimeUnixNano":"1544712661000000000",
                "attributes":[{"key":"flag","value":{"boolValue":true}},{"key":"number","value":{"intValue":"5"}},
                {"key":"share","value":{"doubleValue":0.5}},{"key":"text","value":{"stringValue":"later"}}],
                "events":[{"name":"retry","timeUnixNano":"1544712660000000002",
                "attributes":[{"key":"tries","value":{"intValue":"2"}}]}],
                "status":{"code":2,"message":"no answer"}}]}]}]}
                """
            #expect(try json(request.text) == json(expected))
            try await expect("traces_exported_spans_total", 1)
        }
    }

    @Test func spansGoTogetherInBatches() async throws {
        try await withBackend([Response(status: 200)]) { backend in
            let exporter = exporter(backend.url) {
                $0.batchLimit = 4
                $0.batchDelay = .seconds(3600)
            }
            let tracer = Tracer(exporter: exporter)
            for number in 0..<10 { tracer.startSpan("span \(number)").end() }
            await exporter.shutdown(within: .seconds(30))
            #expect(backend.requests.map { $0.text.components(separatedBy: "\"spanId\"").count - 1 } == [4, 4, 2])
            try await expect("traces_exported_spans_total", 10)
        }
    }

    @Test func aCollectorThatIsBusyIsAskedAgain() async throws {
        try await withBackend([Response(status: 503), Response(status: 429), Response(status: 200)]) { backend in
            let exporter = exporter(backend.url)
            Tracer(exporter: exporter).startSpan("span").end()
            try await untilSomethingIsDecided()
            try await expect("traces_exported_spans_total", 1)
            #expect(backend.requests.count == 3)
            await exporter.shutdown(within: .seconds(30))
        }
    }

    @Test func aCollectorSaysWhenItIsAskedAgain() async throws {
        let busy = Response(status: 429, headers: [("Retry-After", "1")])
        try await withBackend([busy, Response(status: 200)]) { backend in
            let exporter = exporter(backend.url)
            let start = ContinuousClock.now
            Tracer(exporter: exporter).startSpan("span").end()
            try await untilSomethingIsDecided()
            #expect(.now - start >= .seconds(1))
            #expect(backend.requests.count == 2)
            try await expect("traces_exported_spans_total", 1)
            await exporter.shutdown(within: .seconds(30))
        }
    }

    /// More than a day in seconds and as a moment, which would outlast this test.
    @Test func aCollectorThatAsksForTooLongIsAskedSooner() async throws {
        let dates = [("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Retry-After", "Tue, 08 Nov 1994 08:49:37 GMT")]
        let busy = [
            Response(status: 503, headers: [("Retry-After", "100000")]), Response(status: 503, headers: dates),
            Response(status: 503, headers: [("Retry-After", "soon")]), Response(status: 503, headers: [dates[1]]),
        ]
        try await withBackend(busy + [Response(status: 200)]) { backend in
            let exporter = exporter(backend.url) { $0.longestPause = .milliseconds(20) }
            Tracer(exporter: exporter).startSpan("span").end()
            try await untilSomethingIsDecided()
            #expect(backend.requests.count == 5)
            try await expect("traces_exported_spans_total", 1)
            await exporter.shutdown(within: .seconds(30))
        }
    }

    @Test(arguments: [200, 503]) func anAnswerWithoutEndIsReadOnceAndNotWhole(status: Int) async throws {
        let long = Response(status: status, body: .bytes(Array(repeating: 0x20, count: (64 << 10) + 1)))
        try await withBackend([long]) { backend in
            let exporter = exporter(backend.url)
            Tracer(exporter: exporter).startSpan("span").end()
            try await untilSomethingIsDecided()
            #expect(backend.requests.count == 1)
            try await expect("traces_dropped_spans_total{reason=\"refused\"}", 1)
            await exporter.shutdown(within: .seconds(30))
        }
    }

    @Test func afterSomeTriesSpansAreDroppedAndCounted() async throws {
        let exporter = exporter("http://127.0.0.1:1") { $0.tries = 3 }
        Tracer(exporter: exporter).startSpan("span").end()
        try await untilSomethingIsDecided()
        try await expect("traces_dropped_spans_total{reason=\"undelivered\"}", 1)
        await exporter.shutdown(within: .seconds(30))
        try await expect("traces_exported_spans_total", 0)
    }

    @Test func whatTheCollectorRefusesIsNotSentAgain() async throws {
        try await withBackend([Response(status: 400)]) { backend in
            let exporter = exporter(backend.url)
            Tracer(exporter: exporter).startSpan("span").end()
            await exporter.shutdown(within: .seconds(30))
            #expect(backend.requests.count == 1)
            try await expect("traces_dropped_spans_total{reason=\"refused\"}", 1)
        }
    }

    @Test func aFullQueueDropsNewSpans() async throws {
        try await withBackend([Response(status: 200)]) { backend in
            let exporter = exporter(backend.url) {
                $0.queueLimit = 3
                $0.batchDelay = .seconds(3600)
            }
            let tracer = Tracer(exporter: exporter)
            for _ in 0..<5 { tracer.startSpan("span").end() }
            try await expect("traces_dropped_spans_total{reason=\"full\"}", 2)
            await exporter.shutdown(within: .seconds(30))
            try await expect("traces_exported_spans_total", 3)
            tracer.startSpan("late").end()
            try await expect("traces_dropped_spans_total{reason=\"shutdown\"}", 1)
        }
    }

    /// The collector takes the connection and says nothing: the limit ends the wait.
    @Test func shutdownDoesNotWaitForASilentCollector() async throws {
        let silent = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(silent) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(silent, $0, length)
                _ = listen(silent, 1)
                _ = getsockname(silent, $0, &length)
            }
        }
        let exporter = exporter("http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))") {
            $0.deadline = .seconds(3600)
        }
        Tracer(exporter: exporter).startSpan("span").end()
        await exporter.shutdown(within: .milliseconds(50))
        try await expect("traces_dropped_spans_total{reason=\"shutdown\"}", 1)
    }
}

func json(_ text: String) throws -> NSDictionary {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary)
}
