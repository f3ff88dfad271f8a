import HTTPServer
import Testing

@Suite struct HTTPServerTests {
    @Test func servesSeveralRequestsOnOneConnection() async throws {
        try await withServer(handler: echo) { server in
            let client = try RawClient(port: server.port)
            for number in 1...50 {
                let response = try client.get("/runs/\(number)")
                #expect(response.status == 200)
                #expect(response.text == "GET /runs/\(number)\n0 bytes")
                #expect(response.header("Date") != nil)
                #expect(response.header("Connection") == nil)
            }
        }
    }

    @Test func servesPipelinedRequestsInOrder() async throws {
        try await withServer(handler: echo) { server in
            let client = try RawClient(port: server.port)
            try client.send(
                (1...20).map {
                    "POST /\($0) HTTP/1.1\r\nHost: a\r\nContent-Length: \($0)\r\n\r\n"
                        + String(repeating: "x", count: $0)
                }.joined()
            )
            for number in 1...20 {
                #expect(try client.response().text == "POST /\(number)\n\(number) bytes")
            }
        }
    }

    @Test(arguments: [0, 1, 100, 8192, 16_384, 40_000, 1_000_000, 5_000_000])
    func passesBodiesOnWhole(count: Int) async throws {
        let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        try await withServer(
            handler: { request, responder in
                responder.respond(.bytes(request.body, type: "application/octet-stream"))
            },
            talk: { server in
                let client = try RawClient(port: server.port)
                #expect(try client.post("/", body).body == body)
                // The same in chunks of changing sizes.
                try client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                var start = 0
                var size = 1
                while start < body.count {
                    let piece = body[start..<min(body.count, start + size)]
                    try client.send(Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + Array("\r\n".utf8))
                    start += size
                    size = min(size * 3, 300_000)
                }
                try client.send("0\r\n\r\n")
                #expect(try client.response().body == body)
            }
        )
    }

    @Test func answersHeadWithoutABody() async throws {
        try await withServer(handler: echo) { server in
            let client = try RawClient(port: server.port)
            try client.send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n")
            let head = try client.response(toHead: true)
            #expect(head.status == 200)
            #expect(head.header("Content-Length") == "15")
            #expect(try client.get("/y").text == "GET /y\n0 bytes")
        }
    }

    @Test func closesAfterHTTP10AndOnRequest() async throws {
        try await withServer(handler: echo) { server in
            for request in [
                "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\nX: y\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            ] {
                let client = try RawClient(port: server.port)
                try client.send(request)
                let response = try client.response()
                #expect(response.status == 200)
                #expect(response.header("Connection") == "close")
                #expect(try client.isEnded())
            }
        }
    }

    @Test func asksForTheBodyOnExpect100() async throws {
        try await withServer(
            { $0.maxBodyBytes = 100 },
            handler: echo,
            talk: { server in
                let client = try RawClient(port: server.port)
                try client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
                #expect(try client.read(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
                try client.send("hello")
                #expect(try client.response().text == "POST /\n5 bytes")
                // And does not ask for one it will not take.
                try client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n")
                #expect(try client.response().status == 413)
                #expect(try client.isEnded())
            }
        )
    }

    @Test func givesHeadersCookiesAndAddress() async throws {
        let seen = Shared<Request?>(nil)
        try await withServer(
            handler: { request, responder in
                seen.change { $0 = request }
                responder.respond(.empty(204))
            },
            talk: { server in
                let client = try RawClient(port: server.port)
                let headers = """
                    X-Signature: one\r\nx-signature:two\r\nX-SIGNATURE:\t three\r\nEmpty:\r\n\
                    Cookie: a=1; session="abc=="; b=\r\nCookie: late=yes\r\n
                    """
                #expect(try client.get("/", headers: headers + "\r\n").status == 204)
            }
        )
        // Read after the server is gone: a request owns what it holds.
        let request = try #require(seen.current)
        #expect(request.headers(named: "X-Signature") == ["one", "two", "three"])
        #expect(request.header("x-signature") == "one")
        #expect(request.header("empty") == "")
        #expect(request.header("absent") == nil)
        #expect(request.cookie(named: "session") == "abc==")
        #expect(request.cookie(named: "b") == "")
        #expect(request.cookie(named: "late") == "yes")
        #expect(request.cookie(named: "c") == nil)
        #expect(request.remoteAddress == "127.0.0.1")
    }

    @Test func namesAnAddressThatIsInUse() async throws {
        try await withServer(handler: echo) { server in
            var configuration = HTTPServerConfiguration()
            configuration.port = server.port
            let error = #expect(throws: HTTPServerError.self) {
                try HTTPServer(configuration: configuration, handler: echo)
            }
            #expect(error?.code == .addressInUse)
            #expect(error?.message.contains("127.0.0.1:\(server.port)") == true)
        }
    }

    @Test(arguments: [("192.0.2.1", HTTPServerError.Code.addressInvalid), ("999.1.1.1", .addressInvalid)])
    func namesAnAddressThatIsNotOurs(address: String, code: HTTPServerError.Code) {
        var configuration = HTTPServerConfiguration()
        configuration.address = address
        let error = #expect(throws: HTTPServerError.self) {
            try HTTPServer(configuration: configuration, handler: echo)
        }
        #expect(error?.code == code)
        #expect(error?.message.contains(address) == true)
    }

    @Test func refusesConnectionsPastTheLimit() async throws {
        try await withServer(
            { $0.connectionLimit = 3 },
            handler: echo,
            talk: { server in
                var clients: [RawClient] = []
                for _ in 0..<3 {
                    clients.append(try RawClient(port: server.port))
                    #expect(try clients.last?.get("/").status == 200)
                }
                let refused = try RawClient(port: server.port)
                let response = try refused.response()
                #expect(response.status == 503)
                #expect(response.header("Retry-After") == "1")
                clients[0].close()
                try eventually("a place is free again") { server.openConnections == 2 }
                #expect(try RawClient(port: server.port).get("/").status == 200)
            }
        )
    }

    @Test func closesIdleConnections() async throws {
        try await withServer(
            { $0.idleTimeout = 1 },
            handler: echo,
            talk: { server in
                let silent = try RawClient(port: server.port)
                let halfway = try RawClient(port: server.port)
                let kept = try RawClient(port: server.port)
                try halfway.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
                #expect(try kept.get("/").status == 200)
                #expect(try silent.isEnded())
                #expect(try halfway.isEnded())
                #expect(try kept.isEnded())
            }
        )
    }

    @Test func closesConnectionsWhoseRequestDrips() async throws {
        let configure = { (configuration: inout HTTPServerConfiguration) in
            configuration.idleTimeout = 3600
            configuration.requestTimeout = 1
        }
        try await withServer(configure, handler: echo) { server in
            let client = try RawClient(port: server.port)
            try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
            // Never idle for longer than a moment, and cut all the same.
            try eventually("the server gives it up") {
                do { try client.send("x") } catch { return true }
                return false
            }
        }
    }
}
