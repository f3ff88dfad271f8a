import FoundationEssentials
import HTTPClient
import HTTPServer
import Telemetry
import TestBackend
import Testing

@testable import Pipelines

/// Checks that change something, and checks that need what others have captured.
@Suite("Steps of a smoke test")
struct SmokeStepsTests {
    /// As a pipeline's file has them.
    private func checks(_ text: String) throws -> [Definition.SmokeCheck] {
        let indented = text.split(separator: "\n").map { "  \($0)\n" }.joined()
        let file = Sample.pipeline(adding: "smokeTest:\n\(indented)")
        return try readPipeline(file: "p.yaml", contents: Array(file.utf8)).smokeTest
    }

    private func run(
        _ text: String,
        _ server: AnswerServer,
        log: any StageLog = CollectedLog(),
        tracer: Tracer = Tracer()
    ) async throws -> [SmokeResult] {
        let client = HTTPClient()
        defer { client.close() }
        let endpoints = [ServiceEndpoint(name: "web", port: 80, address: "127.0.0.1:\(server.port)")]
        return try await SmokeTester(tracer: tracer).run(
            checks: try checks(text),
            services: .direct(endpoints, client: client),
            outside: client,
            log: log,
            deadline: .now + .seconds(30)
        )
    }

    private static func lines(_ server: AnswerServer) -> [String] {
        server.heads.map { String($0.prefix { $0 != "\r\n" }.dropLast(" HTTP/1.1".count)) }
    }

    /// A list of one task at most.
    private static func tasks(id: String = #""0197""#, gone: Bool = false) throws -> AnswerServer {
        let task = Locked<String?>(nil)
        return try AnswerServer { _, head in
            let body = head.firstRange(of: "\r\n\r\n").map { String(head[$0.upperBound...]) } ?? ""
            return task.withLock { task in
                if head.hasPrefix("POST /tasks ") {
                    task = #"{"id": \#(id), "sent": \#(body)}"#
                    return .init(status: 201, body: task ?? "")
                }
                guard let found = task, !(gone && head.hasPrefix("GET")) else { return .init(status: 404) }
                guard head.hasPrefix("DELETE ") else { return .init(body: found) }
                task = nil
                return .init(status: 204)
            }
        }
    }

    @Test("a thing is made, seen under the id of the answer, and removed")
    func roundTrip() async throws {
        let server = try Self.tasks(id: #""a/b?ü""#)
        let results = try await run(
            """
            - post: service://web:80/tasks
              json: { title: "Smoke: test", tags: [a, 1, true, null], big: 1534857392938493952 }
              capture: { task: id, title: sent.title }
              expect: { status: 201, json: { sent.tags.1: 1 } }
            - get: http://127.0.0.1:\(server.port)/tasks/{{task}}?id={{task}}
              headers: { X-Task: "<{{title}}>" }
              expect: { json: { id: "{{task}}", sent.title: "{{title}}" }, body: '"{{task}}"' }
            - name: tidy up
              delete: service://web:80/tasks/{{task}}
              expect: { status: 204 }
            """,
            server
        )
        #expect(results.map(\.passed) == [true, true, true], "\(results.map(\.message))")
        #expect(results.map(\.name).first == "POST service://web:80/tasks" && results[2].name == "tidy up")
        let encoded = "a%2Fb%3F%C3%BC"
        #expect(
            Self.lines(server) == ["POST /tasks", "GET /tasks/\(encoded)?id=\(encoded)", "DELETE /tasks/\(encoded)"]
        )
        let heads = server.heads
        #expect(heads[0].contains("Content-Type: application/json\r\n"))
        #expect(
            heads[0].hasSuffix(
                "\r\n\r\n" + #"{"big":1534857392938493952,"tags":["a",1,true,null],"title":"Smoke: test"}"#
            ),
            "\(heads[0])"
        )
        #expect(heads[1].contains("X-Task: <Smoke: test>\r\n") && !heads[1].contains("Content-Type"))
        #expect(heads[2].contains("Host: web\r\n") && !heads[2].contains("Content-Length"))
    }

    @Test("a number stays the number that it is, however long; within other text it is text")
    func numbers() async throws {
        let server = try Self.tasks(id: "1534857392938493952")
        let results = try await run(
            """
            - { post: "service://web:80/tasks", json: { n: 7 }, capture: { id: id, n: sent.n }, expect: { status: 201 } }
            - { get: "service://web:80/{{id}}", expect: { json: { id: "{{id}}" } } }
            - put: service://web:80/x
              json: { all: "{{id}}", part: "no. {{ n }}", list: ["{{n}}"], key: { "{{n}}": 1 } }
            - { patch: "service://web:80/x", body: "n={{n}}", headers: { content-type: text/plain } }
            - { patch: "service://web:80/x", json: [1], headers: { content-type: application/json-patch+json } }
            - { post: "service://web:80/x" }
            """,
            server
        )
        #expect(results.map(\.passed) == [true, true, true, true, true, true], "\(results.map(\.message))")
        let heads = server.heads
        #expect(heads[1].hasPrefix("GET /1534857392938493952 "))
        #expect(
            heads[2].hasSuffix(#"{"all":1534857392938493952,"key":{"{{n}}":1},"list":[7],"part":"no. 7"}"#),
            "\(heads[2])"
        )
        #expect(heads[3].hasPrefix("PATCH /x ") && heads[3].contains("content-type: text/plain\r\n"))
        #expect(heads[3].hasSuffix("\r\n\r\nn=7") && heads[4].contains("content-type: application/json-patch+json\r\n"))
        #expect(!heads[4].contains("application/json\r\n") && heads[5].contains("Content-Length: 0\r\n"))
    }

    @Test("without steps, braces are braces")
    func braces() async throws {
        let server = try AnswerServer { _, _ in .init(body: "Hello {{ name }}") }
        let text = #"- { get: "service://web:80/{{x}}", expect: { body: "{{ name }}" } }"#
        #expect(try await run(text, server).map(\.passed) == [true])
        #expect(Self.lines(server) == ["GET /{{x}}"])
    }

    @Test("steps are asked in their order, GETs beside each other side by side")
    func order() async throws {
        let tries = Locked(0)
        let server = try AnswerServer { _, head in
            if head.hasPrefix("GET /late ") {
                let number = tries.withLock { tries in
                    tries += 1
                    return tries
                }
                return .init(status: number < 3 ? 503 : 200)
            }
            return .init(body: "{\"v\": \"x\"}")
        }
        let results = try await run(
            """
            - { get: "service://web:80/late", retry: { every: 20ms } }
            - { get: "service://web:80/beside" }
            - { post: "service://web:80/step" }
            - { get: "service://web:80/value", capture: { v: v } }
            - { get: "service://web:80/{{v}}" }
            - { delete: "service://web:80/end" }
            """,
            server
        )
        #expect(results.allSatisfy { $0.passed }, "\(results.map(\.message))")
        let lines = Self.lines(server)
        #expect(lines.filter { $0 == "GET /late" }.count == 3 && lines.prefix(4).contains("GET /beside"))
        // It did not wait for the first one to pass.
        let beside = try #require(lines.firstIndex(of: "GET /beside"))
        let late = try #require(lines.lastIndex(of: "GET /late"))
        #expect(beside < late)
        #expect(lines.suffix(4) == ["POST /step", "GET /value", "GET /x", "DELETE /end"])
    }

    struct Again: Sendable {
        var status: Int?
        var isSafe: Bool
    }

    @Test(
        "what changes something is asked again only where nothing can have been done; a GET always",
        arguments: [
            Again(status: nil, isSafe: false), Again(status: 500, isSafe: false), Again(status: 502, isSafe: false),
            Again(status: 504, isSafe: false), Again(status: 404, isSafe: false), Again(status: 429, isSafe: true),
            Again(status: 503, isSafe: true),
        ],
        ["get", "post", "put", "patch", "delete"]
    )
    func retries(first: Again, method: String) async throws {
        let server = try AnswerServer { number, _ in
            number == 0 ? first.status.map { .init(status: $0) } : .init(body: "{}")
        }
        let result = try await run("- { \(method): \"service://web:80/x\", retry: { every: 20ms } }", server)
        let isRepeated = first.isSafe || method == "get"
        #expect(server.heads.count == (isRepeated ? 2 : 1) && result.map(\.passed) == [isRepeated])
        if first.status == nil, !isRepeated {
            #expect(result[0].message.hasSuffix("; not asked again, for it may have been done"), "\(result[0].message)")
        }
    }

    @Test("what changes something is not sent a second time because a kept connection breaks")
    func keptConnections() async throws {
        let server = try AnswerServer { _, head in head.hasPrefix("GET ") ? .init(staysOpen: true) : nil }
        let results = try await run(
            """
            - { get: "service://web:80/first" }
            - { post: "service://web:80/once" }
            """,
            server
        )
        #expect(results.map(\.passed) == [true, false] && Self.lines(server) == ["GET /first", "POST /once"])
    }

    @Test("what changes something is asked again until there is a connection")
    func refusedConnections() async throws {
        let server = try AnswerServer { _, _ in .init(status: 201) }
        let tries = Locked(0)
        let client = HTTPClient()
        defer { client.close() }
        let access = ServiceAccess(
            request: { call in
                let number = tries.withLock { tries in
                    tries += 1
                    return tries
                }
                if number == 1 { throw StageError(.errored, "no-token", "no token yet") }
                // Nobody has port 1.
                return HTTPRequest(url: "http://127.0.0.1:\(number == 2 ? 1 : server.port)\(call.path)")
            },
            send: { try await client.send($0) }
        )
        let results = try await SmokeTester().run(
            checks: try checks(
                #"- { post: "service://web:80/a", retry: { every: 20ms }, expect: { status: 201 } }"#
            ),
            services: access,
            outside: client,
            log: CollectedLog(),
            deadline: .now + .seconds(30)
        )
        #expect(results.map(\.passed) == [true] && tries.value == 3 && server.heads.count == 1)
    }

    @Test(
        "what cannot be captured fails the check, and what needs it is not asked",
        arguments: [
            (#"{"a": 1}"#, "id is not there"), (#"{"id": null}"#, "id is null"), (#"{"id": {}}"#, "id is an object"),
            (#"{"id": []}"#, "id is an array"), (#"{"id": ""}"#, "id is empty"),
            (#"{"id": "a\r\nX: y"}"#, "id is text with control characters"),
            (#"{"id": ""# + String(repeating: "x", count: 4097) + #""}"#, "id is longer than 4096 bytes"),
        ]
    )
    func captures(body: String, problem: String) async throws {
        let server = try AnswerServer { _, _ in .init(body: body) }
        let results = try await run(
            """
            - { name: make it, post: "service://web:80/tasks", capture: { task: id } }
            - { get: "service://web:80/tasks/{{task}}", capture: { next: next } }
            - { get: "service://web:80/{{next}}" }
            - { delete: "service://web:80/tasks/{{task}}" }
            - { get: "service://web:80/other" }
            """,
            server
        )
        #expect(results.map(\.passed) == [false, false, false, false, true])
        #expect(results[0].message == "cannot capture task: \(problem)" && results[0].status == 200)
        #expect(results[1].message == "not asked: {{task}} is missing, for 'make it' failed")
        #expect(results[1].status == nil && results[3].message == results[1].message)
        #expect(results[2].message.hasPrefix("not asked: {{next}} is missing, for 'service://web:80/tasks/"))
        #expect(Self.lines(server) == ["POST /tasks", "GET /other"])
    }

    @Test("what is no JSON cannot be captured from; of a status that is not expected nothing is")
    func otherAnswers() async throws {
        let page = try AnswerServer { _, _ in .init(body: "<html>") }
        let text = #"- { post: "service://web:80/", capture: { task: id } }"#
        #expect(try await run(text, page).map(\.message) == ["expected JSON, got something else"])
        let refusing = try AnswerServer { _, _ in .init(status: 409, body: #"{"id": "1"}"#) }
        let results = try await run(text + "\n" + #"- { delete: "service://web:80/{{task}}" }"#, refusing)
        #expect(results[0].message == "expected status 200, got 409" && results[1].message.hasPrefix("not asked"))
        #expect(refusing.heads.count == 1)
    }

    @Test("what was made is removed, also when a check between fails")
    func tidiesUp() async throws {
        let server = try Self.tasks(gone: true)
        let results = try await run(
            """
            - { post: "service://web:80/tasks", capture: { task: id }, json: {}, expect: { status: 201 } }
            - { get: "service://web:80/tasks/{{task}}", retry: { for: 1ms } }
            - { delete: "service://web:80/tasks/{{task}}", expect: { status: 204 } }
            """,
            server
        )
        #expect(results.map(\.passed) == [true, false, true] && Self.lines(server).last == "DELETE /tasks/0197")
    }

    @Test(
        "a captured value leads nowhere else",
        arguments: [
            (#"".""#, "/tasks/{{task}}"), (#""..""#, "/tasks/{{task}}?x"), (#"".""#, "/tasks/.{{task}}"),
            (#"".""#, "/tasks/{{task}}{{task}}/x"),
        ]
    )
    func paths(id: String, path: String) async throws {
        let server = try Self.tasks(id: id)
        let results = try await run(
            """
            - { post: "service://web:80/tasks", capture: { task: id }, json: {}, expect: { status: 201 } }
            - { delete: "service://web:80\(path)" }
            - { get: "service://web:80/tasks/a..{{task}}b", retry: { for: 1ms } }
            """,
            server
        )
        #expect(
            results[1].message == "a captured value is . or .., which may not be a part of an address",
            "\(results[1].message)"
        )
        #expect(Self.lines(server).map { $0.prefix(3) } == ["POS", "GET"], "\(Self.lines(server))")
    }

    @Test("where a Service is no verdict, what needs its answer is none either")
    func unanswered() async throws {
        let server = try AnswerServer { _, _ in .init(status: 503) }
        let results = try await run(
            """
            - { post: "service://web:80/", capture: { task: id }, retry: { for: 1ms } }
            - { get: "service://web:80/{{task}}", capture: { next: id } }
            - { get: "service://web:80/{{next}}" }
            """,
            server
        )
        #expect(results.map(\.isUnanswered) == [true, true, true] && server.heads.count >= 1)
    }

    @Test("each request has a span with its method, and hands its trace on")
    func spans() async throws {
        let server = try Self.tasks()
        try await withBackend([Response(status: 200)]) { collector in
            var configuration = OTLPExporter.Configuration(endpoint: collector.url, resource: [:])
            configuration.batchDelay = .seconds(60)
            let exporter = OTLPExporter(configuration, client: HTTPClient(), registry: MetricRegistry())
            let tracer = Tracer(exporter: exporter)
            try await tracer.withSpan("stage") { _ in
                _ = try await run(
                    """
                    - name: make
                      post: service://web:80/tasks
                      json: {}
                      capture: { task: id }
                      expect: { status: 201 }
                    - { name: remove, delete: "service://web:80/tasks/{{task}}", expect: { status: 204 } }
                    """,
                    server,
                    tracer: tracer
                )
            }
            await exporter.shutdown(within: .seconds(30))
            let text = String(decoding: collector.requests.flatMap(\.body), as: UTF8.self)
            for words in ["check make", "check remove", #""POST""#, #""DELETE""#] {
                #expect(text.contains(words), "\(text)")
            }
        }
        #expect(server.heads.allSatisfy { $0.contains("traceparent: 00-") } && server.heads.count == 2)
    }

    @Test("a text's pieces")
    func pieces() {
        #expect(Placeholder.pieces(of: "") == [] && Placeholder.pieces(of: "{{a}}") == [.name("a")])
        #expect(Placeholder.pieces(of: "x{{ a_1  }}}{{b}}") == [.text("x"), .name("a_1"), .text("}"), .name("b")])
        #expect(Placeholder.pieces(of: "{{{a}}}") == [.text("{"), .name("a"), .text("}")])
        for text in ["{a}", "{{a}", "{{a\n}}", "{{a{b}}", #"{"a":{"b":{}}}"#, "{ {a}}", "}}{{"] {
            #expect(Placeholder.pieces(of: text) == [.text(text)])
        }
    }
}
