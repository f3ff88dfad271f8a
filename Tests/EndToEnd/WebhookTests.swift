import Foundation
import HTTPClient
import Signing
import Testing

extension EndToEnd {
    @Suite("The webhook") struct WebhookTests {
        @Test("nothing that is not properly signed is told apart")
        func signatures() async throws {
            try await World.run { world in
                let body = Array("{}".utf8)
                func right(_ secret: String) throws -> String {
                    WebhookSignature.header(for: body, key: try HMACKey(Array(secret.utf8)))
                }
                let signature = try right(World.secret)
                let cases: [(String, [(String, String)])] = [
                    ("none", []),
                    ("wrong", [("X-Hub-Signature-256", try right("wrong"))]),
                    ("two", [("X-Hub-Signature-256", signature), ("X-Hub-Signature-256", signature)]),
                    ("malformed", [("X-Hub-Signature-256", "sha256=zz")]),
                    ("too long", [("X-Hub-Signature-256", signature + "0")]),
                    ("SHA-1 only", [("X-Hub-Signature", "sha1=" + String(repeating: "0", count: 40))]),
                ]
                var answers: Set<String> = []
                for (name, headers) in cases {
                    let answer = try await world.request(
                        "POST",
                        "/webhooks/github",
                        headers: headers + [
                            ("X-GitHub-Event", "push"), ("X-GitHub-Delivery", "x"),
                            ("Content-Type", "application/json"),
                        ],
                        body: body
                    )
                    #expect(answer.status == 401, "\(name)")
                    answers.insert(answer.string)
                }
                #expect(answers.count == 1)
            }
        }

        @Test("both secrets of a rotation are good, and the form encoding too")
        func rotation() async throws {
            try await World.run { world in
                let revision = try await world.repository.head()
                #expect(try await world.push(revision, secret: World.otherSecret).status == 202)
                let json = String(decoding: try Sample.payload(revision, url: world.repository.url), as: UTF8.self)
                let form = "payload=" + json.addingPercentEncoding(withAllowedCharacters: .alphanumerics)!
                let answer = try await world.deliver(
                    Array(form.utf8),
                    contentType: "application/x-www-form-urlencoded"
                )
                #expect(answer.status == 202)
                #expect(try await world.deliver(Array(json.utf8), contentType: "text/plain").status == 415)
            }
        }

        @Test("a ping and everything that is ignored get a 200 with the reason")
        func ignored() async throws {
            try await World.run { world in
                let revision = try await world.repository.head()
                func code(_ answer: HTTPResponse) throws -> String? {
                    #expect(answer.status == 200)
                    return (try answer.json()["ignored"] as? [String: Any])?["code"] as? String
                }
                #expect(
                    try code(try await world.deliver(Array(#"{"zen":"x","hook_id":1}"#.utf8), event: "ping")) == "ping"
                )
                #expect(try code(try await world.deliver(Array("{}".utf8), event: "issues")) == "event-not-handled")
                #expect(try code(try await world.push(revision, ref: "refs/heads/other")) == "ref-not-deployed")
                #expect(try code(try await world.push(revision, ref: "refs/tags/v1")) == "ref-not-deployed")
                #expect(try code(try await world.push(revision, message: "Words [skip ci]")) == "skip-marker")
                #expect(try code(try await world.push(revision, message: "Words [SKIP DEPLOY]")) == "skip-marker")
                let deleted = try await world.push(String(repeating: "0", count: 40)) {
                    $0.merging(["deleted": true, "head_commit": NSNull()]) { $1 }
                }
                #expect(try code(deleted) == "ref-deleted")
                let elsewhere = try await world.push(revision) {
                    $0.merging([
                        "repository": [
                            "id": 7, "full_name": "other/repo", "name": "repo",
                            "clone_url": "https://github.com/other/repo.git", "private": false,
                        ]
                    ]) { $1 }
                }
                #expect(try code(elsewhere) == "no-pipeline")
                #expect(try await world.get("/api/v1/runs").json()["runs"] as? [Int] == [])
            }
        }

        @Test("a signed body that is not understood gets 400 with the field's name, and nothing is written")
        func bad() async throws {
            try await World.run { world in
                let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
                #expect(try await world.deliver(Array(deep.utf8)).status == 400)
                #expect(try await world.deliver([0x7b, 0x22, 0xff, 0x22, 0x7d]).status == 400)
                #expect(try await world.deliver(Array("{}".utf8)).status == 400)
                let revision = try await world.repository.head()
                for ref in ["refs/heads/a\u{0}b", "-refs", "refs/heads/../x", "heads/main"] {
                    let answer = try await world.push(revision, ref: ref)
                    #expect(answer.status == 400, "\(ref)")
                    #expect(answer.string.contains("ref"), "\(ref)")
                }
                let number = try await world.push(revision) { $0.merging(["after": 7]) { $1 } }
                #expect(number.status == 400)
                #expect(number.string.contains("after"))
                #expect(try await world.get("/api/v1/runs").json()["runs"] as? [Int] == [])
            }
        }

        @Test("the fsync is seen before the 202")
        func fsync() async throws {
            try await World.run(serve: false) { world in
                let trace = "\(world.folder)/trace"
                try await world.start(under: [
                    "/usr/bin/strace", "-D", "-f", "-o", trace, "-e",
                    "trace=fsync,fdatasync,write,writev,send,sendto,sendmsg,sendfile",
                    "-s", "64",
                ])
                let answer = try await world.push(
                    try await world.repository.head(),
                    ref: "refs/heads/main",
                    guid: "traced"
                )
                #expect(answer.status == 202)
                let lines = try await eventually("the answer is in the trace") { () -> [String]? in
                    let lines = try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n").map(
                        String.init
                    )
                    return lines.contains { $0.contains("HTTP/1.1 202") } ? lines : nil
                }
                let answered = try #require(lines.firstIndex { $0.contains("HTTP/1.1 202") })
                let before = lines[..<answered]
                let synced = before.lastIndex {
                    $0.contains("fsync(") || $0.contains("fdatasync(") || $0.contains("fdatasync resumed")
                        || $0.contains("fsync resumed")
                }
                #expect(synced != nil)
                #expect(answered - (synced ?? 0) < 40, "the sync belongs to this answer")
            }
        }
    }
}
