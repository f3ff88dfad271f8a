import HTTPServer
import Testing

@Suite struct BodyLimitTests {
    /// How a body of so many bytes is answered on a connection of its own.
    private func status(_ server: HTTPServer, _ target: String, bytes: Int) throws -> Int {
        try RawClient(port: server.port).post(target, [UInt8](repeating: 1, count: bytes)).status
    }

    @Test func refusesByLengthWithoutReading() async throws {
        try await withServer(
            { $0.maxBodyBytes = 1000 },
            handler: echo,
            talk: { server in
                #expect(try status(server, "/", bytes: 1000) == 200)
                let client = try RawClient(port: server.port)
                // Not a byte of the body is sent, and the answer is there.
                try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n")
                let response = try client.response()
                #expect(response.status == 413)
                #expect(response.header("Connection") == "close")
                #expect(try client.isEnded())
                #expect(server.bodyBytesInFlight == 0)
            }
        )
    }

    @Test func refusesByLengthWhileTheClientSends() async throws {
        try await withServer(
            { $0.maxBodyBytes = 1000 },
            handler: echo,
            talk: { server in
                let client = try RawClient(port: server.port)
                client.sendAsFarAsTaken(
                    Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 26214401\r\n\r\n".utf8)
                        + [UInt8](repeating: 1, count: 2_000_000)
                )
                #expect(try client.response().status == 413)
            }
        )
    }

    @Test func refusesChunksAsTheyComeTooMany() async throws {
        try await withServer(
            { $0.maxBodyBytes = 1000 },
            handler: echo,
            talk: { server in
                let piece = "1f4\r\n" + String(repeating: "x", count: 500) + "\r\n"
                let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                let fits = try RawClient(port: server.port)
                try fits.send(head + piece + piece + "0\r\n\r\n")
                #expect(try fits.response().text == "POST /\n1000 bytes")
                let client = try RawClient(port: server.port)
                try client.send(head + piece + piece)
                try client.send("1\r\nx\r\n")
                // The end of the body is still to come when the answer does.
                let response = try client.response()
                #expect(response.status == 413)
                #expect(response.header("Connection") == "close")
                #expect(try client.isEnded())
                try eventually("the bytes are let go") { server.bodyBytesInFlight == 0 }
            }
        )
    }

    @Test func asksTheRouteForItsLimit() async throws {
        let configure = { (configuration: inout HTTPServerConfiguration) in
            configuration.maxBodyBytes = 1000
            configuration.bodyLimit = { method, path in
                #expect(method == "POST")
                return path.hasPrefix("/api/") ? 10 : 5000
            }
        }
        try await withServer(configure, handler: echo) { server in
            // Asked for the decoded path; and a route cannot raise the limit.
            let cases = [
                ("/api/x", 10, 200), ("/api/x", 11, 413), ("/%61pi/x", 11, 413), ("/hooks", 1000, 200),
                ("/hooks", 1001, 413),
            ]
            for (target, bytes, expected) in cases {
                let answered = try status(server, target, bytes: bytes)
                #expect(answered == expected, "\(target), \(bytes) bytes")
            }
        }
    }

    @Test func refusesBodiesThatAreTooMuchTogether() async throws {
        let waiting = Shared<[Responder]>([])
        let handler: Handler = { request, responder in
            if request.path == "/hold" { waiting.change { $0.append(responder) } } else { echo(request, responder) }
        }
        try await withServer(
            { $0.maxBodyBytesInFlight = 10_000 },
            handler: handler,
            talk: { server in
                // One whole and with its handler, one on its way: both count.
                let held = try RawClient(port: server.port)
                try held.send("POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n")
                try held.send([UInt8](repeating: 1, count: 4000))
                let arriving = try RawClient(port: server.port)
                try arriving.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n")
                try arriving.send([UInt8](repeating: 1, count: 3999))
                try eventually("both are there") { server.bodyBytesInFlight == 7999 && waiting.current.count == 1 }

                let refused = try RawClient(port: server.port)
                try refused.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n")
                let early = try refused.response()
                #expect(early.status == 503)
                #expect(early.header("Retry-After") == "1")
                #expect(try refused.isEnded())

                let chunked = try RawClient(port: server.port)
                try chunked.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                chunked.sendAsFarAsTaken(Array("fa0\r\n".utf8) + [UInt8](repeating: 1, count: 4000))
                let late = try chunked.response()
                #expect(late.status == 503)
                #expect(late.header("Retry-After") == "1")
                #expect(try chunked.isEnded())

                // Without a body there is always room, and small ones fit still.
                #expect(try RawClient(port: server.port).get("/").status == 200)
                #expect(try status(server, "/", bytes: 3) == 200)
                try arriving.send([1])
                #expect(try arriving.response().status == 200)
                waiting.current[0].respond(.empty(204))
                #expect(try held.response().status == 204)
                try eventually("all is let go") { server.bodyBytesInFlight == 0 }
                #expect(try status(server, "/", bytes: 10_000) == 200)
            }
        )
    }

    enum Leaving: CaseIterable { case properly, byReset, byHalfClose }

    @Test(arguments: Leaving.allCases) func letsGoOfWhatALostClientSent(leaving: Leaving) async throws {
        let waiting = Shared<[Responder]>([])
        let handler: Handler = { _, responder in waiting.change { $0.append(responder) } }
        try await withServer(handler: handler) { server in
            let inBody = try RawClient(port: server.port)
            try inBody.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\nhalf of it")
            let inChunks = try RawClient(port: server.port)
            try inChunks.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            let inHandler = try RawClient(port: server.port)
            try inHandler.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
            try eventually("all is there") { server.bodyBytesInFlight == 20 && waiting.current.count == 1 }
            for client in [inBody, inChunks, inHandler] {
                switch leaving {
                case .properly: client.close()
                case .byReset: client.reset()
                case .byHalfClose: client.finishSending()
                }
            }
            try eventually("what did not arrive is let go") { server.bodyBytesInFlight == 5 }
            waiting.change { $0.removeFirst().respond(.empty(204)) }
            try eventually("the answer to nobody too") { server.bodyBytesInFlight == 0 }
            if leaving != .byHalfClose { try eventually("no connection is left") { server.openConnections == 0 } }
        }
    }
}
