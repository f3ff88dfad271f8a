import Foundation
import HTTPClient
import Testing

extension EndToEnd {
    @Suite("The webhook") struct WebhookTests {
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
