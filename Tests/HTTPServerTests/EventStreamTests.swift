import Testing

@testable import HTTPServer

@Suite struct EventStreamTests {
    /// Runs a server whose every response is a stream, which the test gets as the client sees it begin.
    static func withStream(
        heartbeat: Duration = .seconds(60),
        bufferLimit: Int = 256 * 1024,
        receiveBuffer: Int32? = nil,
        request: String = "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        _ body: @escaping @Sendable (HTTPServer, RawClient, EventStream, Shared<Int>) throws -> Void
    ) async throws {
        let streams = Shared<[EventStream]>([])
        let closed = Shared(0)
        try await withServer(
            { $0.heartbeat = heartbeat },
            handler: { _, responder in
                let stream = EventStream(bufferLimit: bufferLimit) { closed.change { $0 += 1 } }
                streams.change { $0.append(stream) }
                responder.respond(.events(stream))
            },
            talk: { server in
                let client = try RawClient(port: server.port, receiveBuffer: receiveBuffer)
                try client.send(request)
                let head = try client.responseHead()
                #expect(head.status == 200)
                #expect(head.header("Content-Type") == "text/event-stream")
                #expect(head.header("Cache-Control") == "no-store")
                try body(server, client, streams.current[0], closed)
            }
        )
        #expect(closed.current == 1)
    }

    @Test(
        arguments: [
            (nil, nil, "one line", "data: one line\n\n"),
            ("run", "17", "x", "id: 17\nevent: run\ndata: x\n\n"),
            (nil, nil, "a\nb\r\nc\rd\n", "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"),
            (nil, nil, "", "data: \n\n"),
            ("a\r\ndata: injected", "1\n2\0", "é\0", "id: 12\nevent: adata: injected\ndata: é\0\n\n"),
        ] as [(String?, String?, String, String)]
    )
    func wordsEvents(event: String?, id: String?, data: String, expected: String) async throws {
        try await Self.withStream { _, client, stream, _ in
            #expect(stream.send(event: event, id: id, data: data))
            let chunk = try client.chunk()
            #expect(chunk == Array(expected.utf8))
        }
    }

    @Test func deliversEventsAsTheyCome() async throws {
        try await Self.withStream { _, client, stream, closed in
            for number in 0..<200 {
                stream.send(data: "\(number)")
                #expect(try client.chunk() == Array("data: \(number)\n\n".utf8))
            }
            stream.send(data: "last")
            stream.finish()
            #expect(!stream.send(data: "too late"))
            #expect(try client.chunk() == Array("data: last\n\n".utf8))
            #expect(try client.chunk() == nil)
            try eventually("its end is told") { closed.current == 1 && stream.isClosed }
            // The connection is good for another.
            try client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try client.responseHead().status == 200)
            try eventually("a stream for HEAD ends at once") { closed.current == 2 }
            closed.change { $0 = 1 }
        }
    }

    @Test func deliversWhatWasSentBefore() async throws {
        try await withServer(
            handler: { _, responder in
                let stream = EventStream()
                stream.send(data: "before")
                stream.finish()
                responder.respond(.events(stream))
            },
            talk: { server in
                let response = try RawClient(port: server.port).get("/")
                #expect(response.text == "data: before\n\n")
            }
        )
    }

    @Test func sendsFromManyThreadsWithoutLossOrMixing() async throws {
        try await Self.withStream(bufferLimit: 4_000_000) { _, client, stream, _ in
            let sending = Shared(8)
            for thread in 0..<8 {
                Task {
                    for number in 0..<500 { stream.send(data: "\(thread):\(number)") }
                    sending.change { $0 -= 1 }
                    if sending.current == 0 { stream.finish() }
                }
            }
            var received: [UInt8] = []
            while let chunk = try client.chunk() { received += chunk }
            let events = String(decoding: received, as: UTF8.self).split(separator: "\n\n").map(String.init)
            #expect(events.count == 4000)
            for thread in 0..<8 {
                #expect(
                    events.filter { $0.hasPrefix("data: \(thread):") } == (0..<500).map { "data: \(thread):\($0)" }
                )
            }
        }
    }

    @Test func beatsWhileThereIsNothingToSay() async throws {
        try await Self.withStream(heartbeat: .milliseconds(20)) { _, client, stream, _ in
            for _ in 0..<3 { #expect(try client.chunk() == Array(":\n\n".utf8)) }
            stream.send(data: "x")
            while try client.chunk() != Array("data: x\n\n".utf8) {}
        }
    }

    enum Leaving: CaseIterable { case properly, byReset }

    @Test(arguments: Leaving.allCases) func noticesAClientThatLeft(leaving: Leaving) async throws {
        try await Self.withStream(heartbeat: .milliseconds(20)) { server, client, stream, closed in
            if leaving == .byReset { client.reset() } else { client.close() }
            try eventually("the end is told") { closed.current == 1 }
            #expect(stream.isClosed)
            #expect(!stream.send(data: "x"))
            try eventually("the connection is freed") { server.openConnections == 0 }
            #expect(try SocketTable.states(port: server.port).allSatisfy { $0 != .closeWait && $0 != .established })
        }
    }

    @Test func cutsASlowReader() async throws {
        try await Self.withStream(bufferLimit: 100_000, receiveBuffer: 4096) { server, client, stream, closed in
            let event = String(repeating: "x", count: 10_000)
            var sent = 0
            // The socket takes some megabytes at most before the buffer begins to fill.
            while stream.send(data: event) {
                sent += 1
                try #require(sent < 10_000)
            }
            try eventually("the end is told") { closed.current == 1 }
            try eventually("the connection is freed") { server.openConnections == 0 }
        }
    }

    @Test func servesOneResponseOnly() async throws {
        let stream = EventStream()
        try await withServer(
            handler: { _, responder in responder.respond(.events(stream)) },
            talk: { server in
                let first = try RawClient(port: server.port)
                try first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try first.responseHead().status == 200)
                #expect(try RawClient(port: server.port).get("/").status == 500)
                stream.send(data: "still there")
                #expect(try first.chunk() == Array("data: still there\n\n".utf8))
            }
        )
    }

    @Test func streamsToHTTP10UntilTheConnectionEnds() async throws {
        try await Self.withStream(request: "GET / HTTP/1.0\r\n\r\n") { _, client, stream, _ in
            stream.send(data: "x")
            let event = try client.read(until: "\n\n")
            #expect(event == "data: x\n\n")
            stream.finish()
            #expect(try client.isEnded())
        }
    }

    @Test func tellsALateListenerAtOnce() {
        let told = Shared(0)
        let stream = EventStream()
        Response.events(stream).discard()
        stream.onClose = { told.change { $0 += 1 } }
        #expect(told.current == 1)
        #expect(!stream.send(data: "x"))
    }
}
