import Foundation
import GitHub
import HTTPClient
import HTTPServer
import Logging
import Telemetry
import TestBackend
import TestCluster
import Testing

@testable import Pipelines

/// What a run asks of others is in its trace, and what it must not tell is not.
@Suite("Requests of a run", .timeLimit(.minutes(2)))
struct TracedRequestTests {
    private struct Span: Decodable {
        let traceId: String
        let spanId: String
        let parentSpanId: String?
        let name: String
        let attributes: [Attribute]

        struct Attribute: Decodable {
            struct Value: Decodable { let stringValue: String? }
            let key: String
            let value: Value
        }

        var path: String? { attributes.first { $0.key == "url.path" }?.value.stringValue }
    }

    /// A collector, and a tracer that tells it all.
    private struct Traces: ~Copyable {
        let backend: TestBackend
        let exporter: OTLPExporter
        let tracer: Tracer

        init() throws {
            backend = try TestBackend { _, _ in Response(status: 200) }
            exporter = OTLPExporter(
                .init(endpoint: backend.url, resource: [:]),
                client: HTTPClient(),
                registry: MetricRegistry()
            )
            tracer = Tracer(exporter: exporter)
        }

        /// Everything that was told, as text and as spans.
        func end() async throws -> (text: String, spans: [Span]) {
            struct Document: Decodable {
                struct Resource: Decodable { let scopeSpans: [Scope] }
                struct Scope: Decodable { let spans: [Span] }
                let resourceSpans: [Resource]
            }
            await exporter.shutdown(within: .seconds(30))
            let bodies = backend.requests.map(\.body)
            await backend.stop()
            let documents = try bodies.map { try JSONDecoder().decode(Document.self, from: Data($0)) }
            return (
                bodies.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n"),
                documents.flatMap(\.resourceSpans).flatMap(\.scopeSpans).flatMap(\.spans)
            )
        }
    }

    @Test("those to DigitalOcean and to the cluster are children of the stage that asked, and tell no token")
    func deploy() async throws {
        let traces = try Traces()
        let tracer = traces.tracer
        let trace = Locked("")
        try await ClusterRoom.with { room in
            var copy = room
            try await TestDigitalOcean.with(cluster: room.cluster.url) { service in
                copy.needs.settings.use(service)
                copy.needs.tracer = tracer
                copy.definition.deploy.target = .digitalocean(cluster: "prod")
                let outcome = try await copy.deploy()
                #expect(outcome.status == .succeeded, "\(outcome)")
                let record = try #require(try await copy.server.history.record(run: outcome.run))
                trace.withLock { $0 = "\(record.traceID)" }
                #expect(!service.lines.isEmpty)
            }
        }
        let (text, spans) = try await traces.end()
        #expect(spans.allSatisfy { $0.traceId == trace.withLock { $0 } })
        let run = try #require(spans.first { $0.name == "run shop" })
        let stages = spans.filter { $0.name.hasPrefix("stage ") }
        #expect(stages.allSatisfy { $0.parentSpanId == run.spanId })
        let deploy = try #require(stages.first { $0.name == "stage deploy" })
        // What is left to do after the last stage is the run's own.
        let askers = Set((stages + [run]).map(\.spanId))
        let asked = spans.filter { $0.path != nil }
        #expect(asked.allSatisfy { askers.contains($0.parentSpanId ?? "") })
        for path in ["/v2/kubernetes/clusters", "/v2/kubernetes/clusters/c-1/credentials"] {
            #expect(asked.contains { $0.path == path && $0.parentSpanId == deploy.spanId }, "\(path)")
        }
        #expect(asked.contains { $0.name.hasPrefix("PATCH ") && $0.parentSpanId == deploy.spanId })
        for secret in [TestDigitalOcean.token, "test-token", "Bearer", "minted-"] { #expect(!text.contains(secret)) }
    }

    @Test("those that tell GitHub of it are children of the run, and tell no token")
    func report() async throws {
        let traces = try Traces()
        let tracer = traces.tracer
        let fixture = try Fixture()
        let history = fixture.history
        history.report(by: ReportRules(url: "https://deploy.example"))
        let run = try await fixture.push()
        _ = try await history.claimNext(epoch: try history.beginEpoch())
        _ = try await history.beginRelease(environment: "todo", run: run, body: [1], images: [])
        let client = HTTPClient()
        let github = try TestBackend { _, _ in Response(status: 201, body: .bytes(Array(#"{"id":42}"#.utf8))) }
        let api = GitHubAPI(credential: .token("github_pat_hidden"), api: github.url, client: client)
        let reporter = Task {
            await Reporter(history: history, api: api, logger: Logger(label: "test"), tracer: tracer).run()
        }
        try await eventually("GitHub is told of the deployment") {
            github.requests.contains { $0.path == "/repos/acme/todo/deployments/42/statuses" }
        }
        try await eventually("what was told is recorded") { try await history.dueReports().isEmpty }
        reporter.cancel()
        await reporter.value
        let asked = github.requests.count
        await github.stop()
        client.close()
        let (text, spans) = try await traces.end()
        let record = try #require(try await history.record(run: run))
        let context = RunTrace(record, tracer: tracer).context
        #expect(spans.count == asked && asked >= 3)
        #expect(
            Set(spans.compactMap(\.path).map { $0.split(separator: "/").dropFirst(3).first }) == [
                "statuses", "deployments",
            ]
        )
        for span in spans {
            #expect(span.name == "POST 127.0.0.1:\(github.port)")
            #expect(span.traceId == "\(record.traceID)" && span.parentSpanId == "\(context.spanID)")
        }
        for secret in ["github_pat_hidden", "Bearer"] { #expect(!text.contains(secret)) }
    }
}
