import Foundation
import HTTPClient
import HTTPServer
import Synchronization
import TestBackend
import Testing

@testable import Telemetry

@Suite struct TracerTests {
    private struct Mishap: Error {}

    /// The names of the spans that arrive, by their order, and the documents' text.
    private func exported(_ sampler: Sampler = .ratio(1), _ body: (Tracer) async throws -> Void) async throws -> String
    {
        var text = ""
        try await withBackend([Response(status: 200)]) { backend in
            let configuration = OTLPExporter.Configuration(endpoint: backend.url, resource: [:])
            let exporter = OTLPExporter(configuration, client: HTTPClient(), registry: MetricRegistry())
            try await body(Tracer(sampler: sampler, exporter: exporter))
            await exporter.shutdown(within: .seconds(30))
            text = backend.requests.map(\.text).joined()
        }
        return text
    }

    @Test func workInsideASpanIsItsChild() async throws {
        let text = try await exported { tracer in
            try await tracer.withSpan("outer") { outer in
                #expect(SpanContext.current == outer.context)
                await tracer.withSpan("inner") { inner in
                    #expect(inner.context.traceID == outer.context.traceID)
                    #expect(inner.context.spanID != outer.context.spanID)
                    #expect(SpanContext.current == inner.context)
                }
                #expect(SpanContext.current == outer.context)
                let siblings = try await withThrowingTaskGroup { group in
                    for _ in 0..<2 { group.addTask { SpanContext.current } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(siblings == [outer.context, outer.context])
            }
            #expect(SpanContext.current == nil)
        }
        #expect(text.contains("\"inner\"") && text.contains("\"outer\""))
    }

    @Test func anErrorIsNotedByItsTypeOnly() async throws {
        let text = try await exported { tracer in
            await #expect(throws: Mishap.self) {
                try await tracer.withSpan("work") { _ in throw Mishap() }
            }
        }
        #expect(text.contains(#""error.type""#) && text.contains("Mishap"))
        #expect(text.contains(#""status":{"code":2}"#))
    }

    @Test func theParentDecidesWhetherATraceIsRecorded() async throws {
        let id = TraceID.random()
        let text = try await exported(.ratio(0)) { tracer in
            for isSampled in [true, false] {
                let parent = SpanContext(traceID: id, spanID: .random(), isSampled: isSampled)
                let span = tracer.startSpan("sampled \(isSampled)", parent: parent)
                #expect(span.context.isSampled == isSampled)
                span.end()
            }
            tracer.startSpan("root", parent: nil).end()
        }
        #expect(text.contains("sampled true"))
        #expect(!text.contains("sampled false") && !text.contains("root"))
    }

    @Test func aRatioTakesItsShareAndAlwaysTheSame() {
        let ids = (0..<10_000).map { _ in TraceID.random() }
        let quarter = ids.filter { Sampler.ratio(0.25).samples($0, parent: nil) }
        #expect(quarter.count > 2000 && quarter.count < 3000)
        #expect(quarter.allSatisfy { Sampler.ratio(0.5).samples($0, parent: nil) })
        #expect(ids.allSatisfy { Sampler.ratio(1).samples($0, parent: nil) })
        #expect(!ids.contains { Sampler.ratio(0).samples($0, parent: nil) })
    }

    @Test func aSpanCanBeRecordedLater() async throws {
        let text = try await exported { tracer in
            let context = tracer.context(.random(), .random(), parent: nil)
            tracer.record(
                "run",
                context,
                parent: nil,
                from: TraceTime(nanoseconds: 5),
                to: TraceTime(nanoseconds: 3)
            )
            #expect(context.isSampled)
        }
        #expect(text.contains(#""startTimeUnixNano":"5""#) && text.contains(#""endTimeUnixNano":"5""#))
    }

    @Test func aSpanDoesNotGrowWithoutEnd() async throws {
        let text = try await exported { tracer in
            let span = tracer.startSpan("span")
            for number in 0..<1000 {
                span.set("key\(number)", "value")
                span.addEvent("event\(number)")
            }
            span.set("key0", .string(String(repeating: "x", count: 100_000)))
            span.end()
        }
        #expect(text.components(separatedBy: #""key":"key"#).count - 1 == Span.mostAttributes)
        #expect(text.components(separatedBy: #""name":"event"#).count - 1 == Span.mostEvents)
        #expect(text.utf8.count < 30_000)
    }

    @Test func withoutAnExporterContextIsPassedOn() async throws {
        let parent = try #require(SpanContext(traceparent: SpanContextTests.example))
        let span = Tracer().startSpan("span", parent: parent)
        #expect(span.context.traceID == parent.traceID && span.context.isSampled)
        #expect(!Tracer().startSpan("root", parent: nil).context.isSampled)
        span.end()
    }
}
