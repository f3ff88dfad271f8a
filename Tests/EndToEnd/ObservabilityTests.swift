import Foundation
import HTTPClient
import HTTPServer
import Pipelines
import TestBackend
import Testing

extension EndToEnd {
    @Suite("Metrics, traces and logs") struct ObservabilityTests {
        /// Those that rules and dashboards ask for: there from the start, and zero.
        private static let zeros = [
            #"fairlead_deliveries_total{outcome="accepted"}"#, #"fairlead_deliveries_total{outcome="ignored"}"#,
            #"fairlead_deliveries_total{outcome="duplicate"}"#, #"fairlead_deliveries_total{outcome="unauthorized"}"#,
            #"fairlead_deliveries_total{outcome="invalid"}"#, #"fairlead_deliveries_total{outcome="unavailable"}"#,
            #"fairlead_queued_runs{pipeline="web"}"#, #"fairlead_queue_oldest_age_seconds{pipeline="web"}"#,
            #"fairlead_running_runs{pipeline="web"}"#, #"fairlead_runs_total{pipeline="web",status="succeeded"}"#,
            #"fairlead_runs_total{pipeline="web",status="failed"}"#,
            #"fairlead_runs_total{pipeline="web",status="errored"}"#,
            #"fairlead_runs_total{pipeline="web",status="superseded"}"#,
            #"fairlead_stage_duration_seconds_count{stage="build",status="succeeded"}"#,
            #"fairlead_undos_total{pipeline="web",status="succeeded"}"#,
            #"fairlead_undos_total{pipeline="web",status="failed"}"#, #"fairlead_pipeline_failing{pipeline="web"}"#,
            #"fairlead_pipeline_paused{pipeline="web"}"#,
            #"fairlead_http_request_duration_seconds_count{method="POST",route="/webhooks/github",code="202"}"#,
        ]

        @Test("a scrape shows deliveries, runs, stages, undos and the state of each pipeline")
        func metrics() async throws {
            try await World.run(settings: "") { world in
                #expect(try await world.get("/metrics").status == 401)
                let token = try await world.token("viewer")
                // Prometheus asks a pod by its address.
                let answer = try await world.get("/metrics", token: token, headers: [("Host", "10.0.0.1:8080")])
                #expect(answer.status == 200)
                #expect(answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
                let first = try Scrape(answer.string)
                for name in Self.zeros { #expect(first[name] == 0, "\(name)") }
                #expect(first[#"fairlead_build_info{version="0.1.0"}"#] == 1)
                #expect(try #require(first["fairlead_database_size_bytes"]) > 4096)
                #expect(try #require(first["process_resident_memory_bytes"]) > 1e6)

                let good = try await world.repository.head()
                let pushed = try await world.push(good, guid: "once")
                let run = try await world.settled(try Receipt(pushed).runs[0].id, token)
                #expect(run.status == "succeeded", "\(String(describing: run.reason))")
                #expect(try await world.push(good, guid: "once").status == 200)
                #expect(try await world.push(good, secret: "wrong").status == 401)
                #expect(try await world.deliver(Array("{}".utf8), event: "ping").status == 200)
                #expect(try await world.deliver(Array("{".utf8)).status == 400)
                let bad = try await world.repository.commit(["index.html": "Goodbye\n"], message: "Bad")
                let failed = try await world.settled(try Receipt(try await world.push(bad)).runs[0].id, token)
                #expect(failed.status == "failed" && failed.undo?.status == "succeeded")
                let deployer = try await world.token()
                _ = try await world.request("POST", "/api/v1/pipelines/web/pause", token: deployer)

                let last = try Scrape(try await world.get("/metrics", token: token).string)
                let expected: [(String, Double)] = [
                    (#"fairlead_deliveries_total{outcome="accepted"}"#, 2),
                    (#"fairlead_deliveries_total{outcome="duplicate"}"#, 1),
                    (#"fairlead_deliveries_total{outcome="unauthorized"}"#, 1),
                    (#"fairlead_deliveries_total{outcome="ignored"}"#, 1),
                    (#"fairlead_deliveries_total{outcome="invalid"}"#, 1),
                    (#"fairlead_runs_total{pipeline="web",status="succeeded"}"#, 1),
                    (#"fairlead_runs_total{pipeline="web",status="failed"}"#, 1),
                    (#"fairlead_undos_total{pipeline="web",status="succeeded"}"#, 1),
                    (#"fairlead_pipeline_failing{pipeline="web"}"#, 1),
                    (#"fairlead_pipeline_paused{pipeline="web"}"#, 1),
                    (#"fairlead_stage_duration_seconds_count{stage="deploy",status="succeeded"}"#, 2),
                    (#"fairlead_stage_duration_seconds_count{stage="smoke-test",status="succeeded"}"#, 1),
                    (#"fairlead_stage_duration_seconds_count{stage="smoke-test",status="failed"}"#, 1),
                    (
                        #"fairlead_http_request_duration_seconds_count{method="POST",route="/webhooks/github",code="202"}"#,
                        2
                    ),
                    (
                        #"fairlead_http_request_duration_seconds_count{method="POST",route="/api/v1/pipelines/{name}/pause",code="200"}"#,
                        1
                    ),
                ]
                for (name, value) in expected { #expect(last[name] == value, "\(name)") }
                #expect(
                    try #require(
                        last[
                            "fairlead_http_request_duration_seconds_count{method=\"GET\",route=\"/api/v1/runs/{id}\",code=\"200\"}"
                        ]
                    ) > 0
                )
                #expect(last.names.contains { $0.contains("/api/v1/runs/1") } == false)
            }
        }

        @Test("public: status shows metrics to everybody who names the server")
        func publicMetrics() async throws {
            try await World.run(settings: "public: status\n") { world in
                let answer = try await world.get("/metrics")
                #expect(answer.status == 200)
                #expect(try await world.get("/metrics", headers: [("Host", "evil.example")]).status == 421)
                #expect(try await world.request("POST", "/metrics").status == 405)
            }
        }

        @Test("one trace leads from the webhook to the smoke test, over a crash and a re-run")
        func traces() async throws {
            try await withWorldAndCollector { world, collector, application in
                let trace = "0af7651916cd43dd8448eb211c80319c"
                let header = ("traceparent", "00-\(trace)-b7ad6b7169203331-01")
                let pushed = try await world.push(try await world.repository.head(), headers: [header])
                let id = try Receipt(pushed).runs[0].id
                let hook = try await collector.span("POST /webhooks/github")
                #expect(hook.traceId == trace && hook.parentSpanId == "b7ad6b7169203331" && hook.kind == 2)
                try await eventually("the smoke test asks") { application.requests.isEmpty ? nil : true }
                // What waits to be sent would be lost with the process.
                _ = try await collector.span("stage deploy")
                await world.kill()
                application.isReady.value = true
                let before = application.requests.count
                try await world.start()
                let run = try await world.finished(id)
                #expect(run.status == "succeeded" && run.traceId == trace, "\(String(describing: run.reason))")
                #expect(application.requests.count > before)

                let token = try await world.token()
                let again = try await world.request(
                    "POST",
                    "/api/v1/runs/\(id)/rerun",
                    token: token,
                    body: Array(#"{"from":"smoke-test"}"#.utf8)
                )
                #expect(again.status == 202)
                #expect(try await world.finished(id).traceId == trace)
                await world.stop()

                let spans = collector.spans.filter { $0.traceId == trace }
                let runs = spans.filter { $0.name == "run web" }
                #expect(runs.count == 2 && Set(runs.map(\.spanId)).count == 2)
                #expect(runs.allSatisfy { $0.parentSpanId == hook.spanId })
                let first = try #require(runs.first)
                let stages = spans.filter { $0.name.hasPrefix("stage ") && $0.parentSpanId == first.spanId }
                #expect(
                    stages.map(\.name).sorted() == [
                        "stage build", "stage clone", "stage deploy", "stage deploy", "stage push", "stage smoke-test",
                        "stage smoke-test",
                    ]
                )
                #expect(stages.filter { $0.status == 2 }.map(\.name) == ["stage smoke-test"])
                // What the application was told is the span of the check that asked, also by the server that was killed.
                let checks = Set(spans.filter { $0.name == "check application answers" }.map(\.traceparent))
                let told = application.requests.map { $0.header("traceparent") ?? "" }
                #expect(told.allSatisfy { $0.hasPrefix("00-\(trace)-") && $0.hasSuffix("-01") }, "\(told)")
                #expect(told.dropFirst(before).allSatisfy { checks.contains($0) }, "\(told) \(checks)")
                let stageIDs = Set(stages.map(\.spanId))
                #expect(spans.contains { $0.kind == 3 && $0.url != nil && stageIDs.contains($0.parentSpanId ?? "") })
                #expect(!collector.spans.contains { $0.url?.contains("v1/traces") == true })
            }
        }

        @Test("what a deploy asks of its cluster is in its trace, and no stranger's request is")
        func cluster() async throws {
            let collector = try Collector()
            do {
                try await ClusterWorld.run(
                    settings: "public: everything\ntelemetry: { otlp: \"\(collector.url)\" }\n"
                ) { world, _ in
                    let run = try await world.deploy(try await world.repository.head())
                    #expect(run.status == "succeeded", "\(String(describing: run.reason))")
                    #expect(try await world.request("POST", "/api/v1/pipelines/web/runs").status == 401)
                    await world.stop()
                }
                let deploy = try await collector.span("stage deploy")
                let asked = collector.spans.filter { $0.parentSpanId == deploy.spanId }
                #expect(
                    asked.contains {
                        $0.name.hasPrefix("PATCH ") && $0.url == "/apis/apps/v1/namespaces/web/deployments/web"
                    },
                    "\(asked)"
                )
                #expect(Set(collector.spans.filter { $0.kind == 2 }.map(\.name)) == ["POST /webhooks/github"])
            } catch {
                await collector.stop()
                throw error
            }
            await collector.stop()
        }

        @Test("without a collector, runs have trace ids all the same, and the log says them")
        func logs() async throws {
            try await World.run(files: ["index.html": "x", "k8s/web.yaml": Sample.manifests], settings: "log: json\n") {
                world in
                let token = try await world.token("viewer")
                let id = try Receipt(try await world.push(try await world.repository.head())).runs[0].id
                let run = try await world.settled(id, token)
                #expect(run.traceId.count == 32)
                await world.stop()
                let lines = try (world.serverProcess?.said ?? "").split(separator: "\n").map {
                    try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any], "\($0)")
                }
                let end = try #require(lines.first { $0["message"] as? String == "Run finished" })
                #expect(end["run.id"] as? String == "\(id)" && end["trace_id"] as? String == run.traceId)
                #expect((end["span_id"] as? String)?.count == 16)
                #expect(
                    lines.allSatisfy {
                        $0["time"] != nil && $0["level"] != nil && $0["logger"] as? String == "fairlead"
                    }
                )
                #expect(lines.first?["trace_id"] == nil)
            }
        }
    }
}

/// A world whose smoke test asks an application beside it too, and a collector for its traces.
private func withWorldAndCollector(
    _ body: (World, Collector, Application) async throws -> Void
) async throws {
    let collector = try Collector()
    let application = try Application()
    do {
        try await World.run(
            settings: "public: everything\ntelemetry: { otlp: \"\(collector.url)\" }\n",
            serve: false
        ) { world in
            let file = "pipelines/web.yaml"
            let text = try String(contentsOfFile: "\(world.folder)/\(file)", encoding: .utf8)
            let check =
                "{ name: application answers, get: \"\(application.url)/\", retry: { for: 60s, every: 100ms } }, "
            try world.write(file, text.replacing("smokeTest: [", with: "smokeTest: [\(check)"))
            try await world.start()
            try await body(world, collector, application)
        }
    } catch {
        await collector.stop()
        await application.stop()
        throw error
    }
    await collector.stop()
    await application.stop()
}

/// Answers 503 until it is ready, and remembers what it was asked.
private final class Application: Sendable {
    let isReady = Locked(false)
    private let backend: TestBackend

    init() throws {
        let isReady = isReady
        backend = try TestBackend { _, _ in isReady.value ? .text("ready") : .empty(503) }
    }

    var url: String { backend.url }
    var requests: [Request] { backend.requests }
    func stop() async { await backend.stop() }
}

/// Takes traces as a collector does.
private final class Collector: Sendable {
    struct Span {
        let traceId, spanId, name: String
        let parentSpanId: String?
        let kind, status: Int
        /// The path that a request asked for.
        let url: String?
        var traceparent: String { "00-\(traceId)-\(spanId)-01" }
    }

    private let backend: TestBackend

    init() throws { backend = try TestBackend { _, _ in .json(Array("{}".utf8)) } }

    var url: String { backend.url }
    func stop() async { await backend.stop() }

    var spans: [Span] {
        backend.requests.filter { $0.line == "POST /v1/traces" }.flatMap { request in
            let json = (try? JSONSerialization.jsonObject(with: Data(request.body))) as? [String: Any]
            let scopes = (json?["resourceSpans"] as? [[String: Any]] ?? []).flatMap {
                $0["scopeSpans"] as? [[String: Any]] ?? []
            }
            return scopes.flatMap { $0["spans"] as? [[String: Any]] ?? [] }.map(Self.span)
        }
    }

    func span(_ name: String) async throws -> Span {
        try await eventually("the span \(name) arrives") { spans.first { $0.name == name } }
    }

    private static func span(_ json: [String: Any]) -> Span {
        let attributes = json["attributes"] as? [[String: Any]] ?? []
        let path = attributes.first { $0["key"] as? String == "url.path" }?["value"] as? [String: Any]
        return Span(
            traceId: json["traceId"] as? String ?? "",
            spanId: json["spanId"] as? String ?? "",
            name: json["name"] as? String ?? "",
            parentSpanId: json["parentSpanId"] as? String,
            kind: json["kind"] as? Int ?? 0,
            status: (json["status"] as? [String: Any])?["code"] as? Int ?? 0,
            url: path?["stringValue"] as? String
        )
    }
}

/// Prometheus' text, read line by line.
private struct Scrape {
    private let values: [String: Double]

    init(_ text: String) throws {
        var values: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else {
                throw Unexpected("not a sample: \(line)")
            }
            values[String(line[..<space])] = value
        }
        self.values = values
    }

    subscript(name: String) -> Double? { values[name] }
    var names: some Sequence<String> { values.keys }
}

extension World {
    /// As ``finished(_:)``, where looking needs a token.
    fileprivate func settled(_ id: Int64, _ token: String) async throws -> RunView {
        try await eventually("run \(id) is over", seconds: 120) {
            let run = try RunView(try await get("/api/v1/runs/\(id)", token: token))
            return run.isOver ? run : nil
        }
    }
}
