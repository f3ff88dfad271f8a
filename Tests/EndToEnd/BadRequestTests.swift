import Foundation
import HTTPClient
import Signing
import Testing

/// What strangers and broken senders send to the webhook.
extension EndToEnd {
    @Suite("What the webhook refuses") struct BadRequestTests {
        @Test("nothing that is not properly signed is told apart, and none of it is looked into")
        func signatures() async throws {
            try await World.run(serve: false) { world in
                let bound = "{ env: FL_OTHER_SECRET, sources: [somebody/else] }"
                try world.replace("{ env: FL_OTHER_SECRET }", with: bound, in: "fairlead.yaml")
                try await world.start()
                let body = Array("{ no JSON".utf8)
                func right(_ secret: String) throws -> String {
                    WebhookSignature.header(for: body, key: try HMACKey(Array(secret.utf8)))
                }
                let signature = try right(World.secret)
                let cases: [(String, [(String, String)])] = [
                    ("none", []),
                    ("empty", [("X-Hub-Signature-256", "")]),
                    ("wrong", [("X-Hub-Signature-256", try right("wrong"))]),
                    (
                        "empty secret",
                        [("X-Hub-Signature-256", try await world.signature("sha256", of: body, secret: ""))]
                    ),
                    ("two", [("X-Hub-Signature-256", signature), ("X-Hub-Signature-256", signature)]),
                    ("malformed", [("X-Hub-Signature-256", "sha256=zz")]),
                    ("without its kind", [("X-Hub-Signature-256", String(signature.dropFirst(7)))]),
                    ("too long", [("X-Hub-Signature-256", signature + "0")]),
                    (
                        "SHA-1 only",
                        [("X-Hub-Signature", try await world.signature("sha1", of: body, secret: World.secret))]
                    ),
                ]
                var answers: Set<String> = []
                for (name, headers) in cases {
                    // Anybody who parsed before would say 400 or 415 to the rest of it.
                    let answer = try await world.request(
                        "POST",
                        "/webhooks/github",
                        headers: headers + [("Content-Type", "text/plain")],
                        body: body
                    )
                    #expect(answer.status == 401, "\(name)")
                    answers.insert(answer.visible)
                }
                let foreign = try await world.push(try await world.repository.head(), secret: World.otherSecret)
                #expect(foreign.status == 401)
                answers.insert(foreign.visible)
                #expect(answers.count == 1, "\(answers)")
                #expect(try await world.written() == "0 0")
            }
        }

        @Test("a secret of one repository starts no run of another, whatever else the delivery says")
        func bound() async throws {
            try await World.run(serve: false) { world in
                let bound = "{ env: FL_OTHER_SECRET, sources: [test/sample] }"
                try world.replace("{ env: FL_OTHER_SECRET }", with: bound, in: "fairlead.yaml")
                try await world.start()
                // The name is the one that is covered, the URL that of the pipeline's repository, which is not.
                let answer = try await world.push(try await world.repository.head(), secret: World.otherSecret)
                #expect(answer.status == 401)
                #expect(try await world.written() == "0 0")
            }
        }

        @Test("a length that is too long or not to be trusted is refused before the signature counts")
        func framing() async throws {
            try await World.run(settings: "public: everything\nlimits: { requestDeadline: 5s }\n") { world in
                let body = try Sample.payload(try await world.repository.head(), url: world.repository.url)
                let signature = WebhookSignature.header(for: body, key: try HMACKey(Array(World.secret.utf8)))
                let port = try #require(URL(string: world.address)?.port.map(UInt16.init))
                func send(_ framing: String, _ body: [UInt8], ending: Bool = false) throws -> String {
                    let head = """
                        POST /webhooks/github HTTP/1.1\r\nHost: 127.0.0.1\r\nX-GitHub-Event: push\r\n\
                        X-GitHub-Delivery: framing\r\nContent-Type: application/json\r\n\
                        X-Hub-Signature-256: \(signature)\r\n\(framing)\r\n\r\n
                        """
                    return try exchange(Array(head.utf8) + body, port: port, ending: ending)
                }
                let limit = 25 * 1024 * 1024
                // Not a byte of the body is sent, and the answer is there.
                #expect(try send("Content-Length: \(limit + 1)", []).hasPrefix("HTTP/1.1 413 "))
                let chunk = Array("100000\r\n".utf8) + [UInt8](repeating: 0x20, count: 1 << 20) + Array("\r\n".utf8)
                let chunks = (0..<25).flatMap { _ in chunk } + Array("1\r\nx\r\n".utf8)
                // The end of the body is still to come.
                let tooMany = try send("Transfer-Encoding: chunked", chunks)
                #expect(tooMany.hasPrefix("HTTP/1.1 413 ") && tooMany.contains("Connection: close"), "\(tooMany)")
                let length = "Content-Length: \(body.count)"
                let refused = [
                    "Content-Length: -\(body.count)", "Content-Length: 0x\(String(body.count, radix: 16))",
                    "\(length)\r\n\(length)", "\(length)\r\nContent-Length: 1",
                    "\(length)\r\nTransfer-Encoding: chunked",
                ]
                for framing in refused {
                    let answer = try send(framing, body)
                    #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(framing): \(answer)")
                    #expect(answer.contains("Connection: close"), "\(framing): \(answer)")
                }
                // Less than was promised: libmicrohttpd hangs up without a word, at the latest when the time of the
                // request is over, and nobody acts on a part.
                #expect(try send("Content-Length: \(body.count + 1)", body, ending: true) == "")
                // More than was promised: the part is not what was signed, and the rest no request that is answered.
                let long = try send("Content-Length: \(body.count - 1)", body + Array("\r\n\r\n".utf8))
                #expect(long.hasPrefix("HTTP/1.1 401 "), "\(long)")
                #expect(long.components(separatedBy: "HTTP/1.1 ").count == 2, "\(long)")
                #expect(try await world.written() == "0 0")
                #expect(try send("\(length)\r\nConnection: close", body).hasPrefix("HTTP/1.1 202 "))
            }
        }

        struct Case: Sendable {
            let field: String
            var ref = "refs/heads/main"
            var change: @Sendable (inout [String: Any]) -> Void = { _ in }
        }

        static let refused: [Case] = {
            var cases: [Case] = []
            for ref in [
                "refs/heads/a\u{0}b", "-refs", "refs/heads/-x", "refs/heads/../x", "heads/main", "main", "refs/", "",
            ] {
                cases.append(Case(field: "ref", ref: ref))
            }
            for field in ["ref", "before", "after", "repository", "head_commit"] {
                cases.append(Case(field: field) { $0[field] = nil })
                cases.append(Case(field: field) { $0[field] = 7 })
            }
            for (object, field) in [
                ("repository", "id"), ("repository", "full_name"), ("head_commit", "id"), ("head_commit", "message"),
            ] {
                cases.append(Case(field: "\(object).\(field)") { $0.change(object) { $0[field] = nil } })
                cases.append(Case(field: "\(object).\(field)") { $0.change(object) { $0[field] = [7] } })
            }
            cases.append(Case(field: "repository.full_name") { $0.change("repository") { $0["full_name"] = "../x" } })
            cases.append(Case(field: "repository.clone_url") { $0.change("repository") { $0["clone_url"] = 7 } })
            return cases
        }()

        @Test("a signed body that is not understood gets 400 with the field's name, and nothing is written")
        func payloads() async throws {
            try await World.run { world in
                let revision = try await world.repository.head()
                for example in Self.refused {
                    let answer = try await world.push(revision, ref: example.ref) { payload in
                        var payload = payload
                        example.change(&payload)
                        return payload
                    }
                    #expect(answer.status == 400, "\(example.field)")
                    let detail = try answer.json()["detail"] as? String ?? ""
                    #expect(detail.hasPrefix("\(example.field): "), "\(example.field): \(detail)")
                }
                let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
                let good = String(decoding: try Sample.payload(revision, url: world.repository.url), as: UTF8.self)
                let wholes: [[UInt8]] = [
                    Array(deep.utf8), Array((#"{"deep":\#(deep),"# + good.dropFirst()).utf8),
                    Array("{\"".utf8) + [0xff] + Array("\":1,".utf8) + Array(good.utf8.dropFirst()),
                    Array("{}{}".utf8), Array("[]".utf8), Array(good.utf8.dropLast()), [],
                ]
                for whole in wholes {
                    let answer = try await world.deliver(whole)
                    let shown = String(decoding: whole.prefix(20), as: UTF8.self)
                    #expect(answer.status == 400, "\(shown)")
                    let detail = try answer.json()["detail"] as? String ?? ""
                    #expect(detail.hasPrefix("payload: "), "\(shown): \(detail)")
                }
                #expect(try await world.written() == "0 0")
            }
        }
    }
}

extension [String: Any] {
    /// Changes an object inside of this one.
    fileprivate mutating func change(_ key: String, _ body: (inout [String: Any]) -> Void) {
        var object = self[key] as? [String: Any] ?? [:]
        body(&object)
        self[key] = object
    }
}

extension HTTPResponse {
    /// All that its receiver sees, but for the time.
    fileprivate var visible: String {
        let headers = headers.filter { $0.0.lowercased() != "date" }.map { "\($0.0): \($0.1)" }.sorted()
        return "\(status)\n\(headers.joined(separator: "\n"))\n\(string)"
    }
}

extension World {
    /// A signature of a kind that our own code does not make.
    fileprivate func signature(_ algorithm: String, of body: [UInt8], secret: String) async throws -> String {
        let script = """
            import hmac, sys
            print(hmac.new(sys.argv[2].encode(), sys.argv[3].encode(), sys.argv[1]).hexdigest())
            """
        let text = String(decoding: body, as: UTF8.self)
        let output = try await sh("/usr/bin/python3", ["-c", script, algorithm, secret, text]).output
        return "\(algorithm)=" + output.trimmingCharacters(in: .newlines)
    }

    /// How many deliveries and runs the database has.
    func written() async throws -> String {
        let script = """
            import sqlite3, sys
            database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
            print(*(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("deliveries", "runs")))
            """
        return try await sh("/usr/bin/python3", ["-c", script, "\(data)/fairlead.db"]).output
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
