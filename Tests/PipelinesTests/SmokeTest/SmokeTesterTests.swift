import Glibc
import HTTPClient
import Testing

@testable import Pipelines

@Suite("SmokeTester")
struct SmokeTesterTests {
    private func check(
        _ get: String = "service://web:80/health",
        status: Int = 200,
        json: [String: JSONValue] = [:],
        body: String? = nil,
        headers: [String: String] = [:],
        within: Double? = nil,
        sending: [String: String] = [:],
        retryFor: Double = 0,
        every: Double = 0.02
    ) -> Definition.SmokeCheck {
        Definition.SmokeCheck(
            name: "check",
            address: get,
            headers: sending,
            expect: Definition.Expectation(status: status, json: json, body: body, headers: headers, within: within),
            retryFor: retryFor,
            retryEvery: every
        )
    }

    private func run(
        _ checks: [Definition.SmokeCheck],
        _ server: AnswerServer,
        log: any StageLog = CollectedLog(),
        seconds: Int = 30
    ) async throws -> [SmokeResult] {
        let client = HTTPClient()
        defer { client.close() }
        let endpoints = [ServiceEndpoint(name: "web", port: 80, address: "127.0.0.1:\(server.port)")]
        return try await SmokeTester().run(
            checks: checks,
            services: .direct(endpoints, client: client),
            outside: client,
            log: log,
            deadline: .now + .seconds(seconds)
        )
    }

    private static let document =
        #"{"status": "ok", "up": true, "n": 1, "none": null, "items": [{"id": 7}, "x"], "a.b": {"c": 2}}"#

    /// The certificate of the answer ends on 2026-07-31T09:30:00Z.
    @Test(
        "a certificate must be valid for so long",
        arguments: [(30.0, 29, nil), (30, 30, nil), (30, 31, "ends in 30")]
    )
    func certificates(left: Double, wanted: Double, problem: String?) {
        let now: Int64 = 1_782_898_200
        var check = check("https://todo.example/")
        check.tls = .init(validFor: wanted * 86_400)
        let response = HTTPResponse(
            status: 200,
            headers: [],
            body: [],
            duration: .milliseconds(5),
            remoteAddress: nil,
            certificateExpiry: now + Int64(left * 86_400)
        )
        let found = SmokeExpectation(check, now: now).problem(with: response)
        #expect((found == nil) == (problem == nil) && found?.contains(problem ?? "") != false, "\(found ?? "")")
    }

    @Test("a server outside is asked for its certificate", .enabled(if: SecureServer.isThere, "no /usr/bin/openssl"))
    func certificateOfAServer() async throws {
        let results = try await SecureServer.with(days: 3) { server in
            let client = HTTPClient(configuration: .init(caFile: server.caFile))
            defer { client.close() }
            let checks = [2.0, 14].map { days in
                var check = check(server.url)
                check.tls = .init(validFor: days * 86_400)
                return check
            }
            return try await SmokeTester().run(
                checks: checks,
                services: .direct([], client: client),
                outside: client,
                log: CollectedLog(),
                deadline: .now + .seconds(30)
            )
        }
        #expect(results.map(\.passed) == [true, false], "\(results)")
        #expect(results[1].message.contains("valid for 14 days more, this one ends in"), "\(results[1].message)")
    }

    @Test("a target makes each request itself, and anew for each try")
    func throughATarget() async throws {
        let server = try AnswerServer { _, head in
            .init(status: head.contains("Authorization: Bearer 2\r\n") ? 200 : 401)
        }
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
                return HTTPRequest(
                    url: "http://127.0.0.1:\(server.port)/proxy/\(call.service):\(call.port ?? 0)\(call.path)",
                    headers: call.headers + [("Authorization", "Bearer \(number - 1)")]
                )
            },
            send: { try await client.send($0) }
        )
        let log = CollectedLog()
        let results = try await SmokeTester().run(
            checks: [check("service://web:80/a?b", sending: ["X-Mine": "1"], retryFor: 30)],
            services: access,
            outside: client,
            log: log,
            deadline: .now + .seconds(30)
        )
        #expect(results.map(\.passed) == [true] && tries.value == 3)
        #expect(server.heads.allSatisfy { $0.hasPrefix("GET /proxy/web:80/a?b ") && $0.contains("X-Mine: 1") })
        #expect(!log.text.contains("Bearer"))
    }

    @Test("what is as expected passes, and the request is as it was asked for")
    func passes() async throws {
        let server = try AnswerServer { _, _ in .init(headers: "X-Build: 7\r\n", body: Self.document) }
        let log = CollectedLog()
        let full = check(
            "service://web:80/health?deep=1",
            json: [
                "status": .string("ok"), "up": .bool(true), "n": .number(1), "none": .null, "items.0.id": .number(7),
                "items.1": .string("x"), "a.b.c": .number(2),
            ],
            body: "\"ok\"",
            headers: ["x-build": "7"],
            within: 5,
            sending: ["X-Mine": "1"]
        )
        let results = try await run(
            [full, check("service://web"), check("http://127.0.0.1:\(server.port)/out")],
            server,
            log: log
        )
        #expect(results.allSatisfy { $0.passed && $0.status == 200 && $0.duration > 0 })
        #expect(results[0].excerpt == Self.document)
        #expect(results[0].message.hasPrefix("status 200 in "))
        let head = try #require(server.heads.first { $0.hasPrefix("GET /health?deep=1 HTTP/1.1\r\n") })
        #expect(head.contains("Host: web\r\n") && head.contains("X-Mine: 1\r\n"))
        #expect(server.heads.contains { $0.hasPrefix("GET / HTTP/1.1\r\n") })
        #expect(log.text.contains("passed: check: status 200"))
    }

    @Test(
        "what is not as expected is said in words",
        arguments: [
            (
                Definition.Expectation(status: 204, json: [:], body: nil, headers: [:], within: nil),
                "expected status 204, got 200"
            ),
            (
                .init(status: 200, json: ["status": .string("up")], body: nil, headers: [:], within: nil),
                "expected status to be 'up', got 'ok'"
            ),
            (
                .init(status: 200, json: ["items.5": .null], body: nil, headers: [:], within: nil),
                "expected items.5 to be null, got nothing"
            ),
            (
                .init(status: 200, json: ["up": .number(1)], body: nil, headers: [:], within: nil),
                "expected up to be 1, got true"
            ),
            (
                .init(status: 200, json: ["items": .string("")], body: nil, headers: [:], within: nil),
                "expected items to be '', got an array"
            ),
            (
                .init(status: 200, json: [:], body: "welcome", headers: [:], within: nil),
                "expected the body to contain 'welcome'"
            ),
            (
                .init(status: 200, json: [:], body: nil, headers: ["X-Build": "8"], within: nil),
                "expected header X-Build to be '8', got '7'"
            ),
            (
                .init(status: 200, json: [:], body: nil, headers: ["X-None": "8"], within: nil),
                "expected header X-None to be '8', got none"
            ),
        ] as [(Definition.Expectation, String)]
    )
    func problems(expectation: Definition.Expectation, message: String) async throws {
        let server = try AnswerServer { _, _ in .init(headers: "X-Build: 7\r\n", body: Self.document) }
        var wrong = check()
        wrong.expect = expectation
        let result = try #require(try await run([wrong], server).first)
        #expect(!result.passed)
        #expect(result.message == message)
        #expect(result.excerpt == Self.document)
    }

    @Test("a check asks again until it passes; all checks are reported, in order")
    func retries() async throws {
        let server = try AnswerServer { number, head in
            head.contains("/later") && number < 5 ? .init(status: 503, body: "starting") : .init(body: "fine")
        }
        let log = CollectedLog()
        let results = try await run(
            [check(status: 418, retryFor: 2), check("service://web:80/later", retryFor: 30)],
            server,
            log: log
        )
        #expect(results.map(\.passed) == [false, true])
        #expect(results[0].message.hasPrefix("expected status 418, got 200 after "), "\(results[0].message)")
        #expect(log.text.contains("FAILED: check: expected status 418"))
        let silent = try AnswerServer { number, _ in number < 3 ? nil : .init() }
        #expect(try await run([check(retryFor: 30)], silent).first?.passed == true)
        #expect(silent.heads.count >= 4)
    }

    @Test("an answer later than allowed, none at all, one too long, something other than JSON")
    func faults() async throws {
        let late = try AnswerServer { _, _ in .init() }
        #expect(
            try await run([check(within: 0)], late).first?.message.hasPrefix("expected an answer within 0 ms, took ")
                == true
        )
        let silent = try AnswerServer { _, _ in nil }
        #expect(try await run([check()], silent).first?.message.hasPrefix("no answer: ") == true)
        let long = try AnswerServer { _, _ in .init(body: String(repeating: "x", count: 2 << 20)) }
        #expect(try await run([check()], long).first?.message == "the answer has more than 1 MiB")
        let text = try AnswerServer { _, _ in .init(body: "<html>") }
        #expect(try await run([check(json: ["a": .null])], text).first?.message == "expected JSON, got something else")
    }

    @Test(
        "addresses that lead nowhere, or where no smoke test may go, are refused at once",
        arguments: [
            ("service://other:80/", "the release has no Service other:80"),
            ("service://web:81/", "the release has no Service web:81"),
            (
                "http://169.254.169.254/latest/meta-data",
                "the address is refused: link-local and metadata addresses are not asked"
            ),
            ("http://[fe80::1]/", "the address is refused: link-local and metadata addresses are not asked"),
            ("http://0xA9FEA9FE/", "the address is refused: link-local and metadata addresses are not asked"),
        ]
    )
    func refused(address: String, message: String) async throws {
        let server = try AnswerServer { _, _ in .init() }
        let result = try #require(try await run([check(address, retryFor: 60, every: 60)], server).first)
        #expect(!result.passed)
        #expect(result.message == message)
        #expect(server.heads == [])
    }

    @Test("the deadline and the end of the task end it, and what was answered before is said")
    func ends() async throws {
        let server = try AnswerServer { number, _ in
            // The second answer would come when the time is over.
            if number == 1 { sleep(6) }
            return .init(status: 500)
        }
        let result = try await run([check(retryFor: 600)], server, seconds: 4).first
        #expect(result?.message.hasPrefix("expected status 200, got 500 after ") == true, "\(result?.message ?? "")")
        let task = Task { try await run([check(retryFor: 600)], server) }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
    }

    @Test("an excerpt is printable and short")
    func excerpts() {
        #expect(SmokeExcerpt.of(Array("a\u{1B}[31mb\u{202E}c\u{0}\n\td\u{85}é".utf8)) == "a.[31mb.c.\n\td.é")
        for body in [String(repeating: "é", count: 5000), String(repeating: "x", count: 5000)] {
            #expect(SmokeExcerpt.of(Array(body.utf8)).utf8.count <= 1024)
        }
        #expect(SmokeExcerpt.of([UInt8](repeating: 0xFF, count: 5000)).utf8.count <= 1024)
        #expect(SmokeExcerpt.of([]) == "")
    }
}
