import HTTPServer
import Testing

@Suite struct ObserverTests {
    private struct Seen: Equatable {
        let method, path: String
        let status: Int
    }

    @Test func isToldOfEveryAnswerAlsoOfTheServersOwn() async throws {
        let seen = Shared<[AnsweredRequest]>([])
        try await withServer(
            { configuration in
                configuration.maxBodyBytes = 4
                configuration.observer = { answer in seen.change { $0.append(answer) } }
            },
            handler: { request, responder in
                if request.path != "/forgotten" { responder.respond(.text("here", status: 201)) }
            },
            talk: { server in
                #expect(try RawClient(port: server.port).get("/a%20b?c=d").status == 201)
                #expect(try RawClient(port: server.port).get("/forgotten").status == 500)
                let long = try RawClient(port: server.port)
                try long.send("POST /long HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
                #expect(try long.response().status == 413)
                let chunked = try RawClient(port: server.port)
                try chunked.send(
                    "POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"
                )
                #expect(try chunked.response().status == 413)
                let malformed = try RawClient(port: server.port)
                try malformed.send("GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
                #expect(try malformed.response().status == 400)
                #expect(
                    seen.current.map { Seen(method: $0.method, path: $0.path, status: $0.status) } == [
                        Seen(method: "GET", path: "/a b", status: 201),
                        Seen(method: "GET", path: "/forgotten", status: 500),
                        Seen(method: "POST", path: "/long", status: 413),
                        Seen(method: "POST", path: "/chunked", status: 413),
                        Seen(method: "", path: "/a", status: 400),
                    ]
                )
                #expect(seen.current.allSatisfy { $0.seconds > 0 && $0.seconds < 60 })
            }
        )
    }
}
