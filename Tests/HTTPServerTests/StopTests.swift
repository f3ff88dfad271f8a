import HTTPServer
import Testing

@Suite struct StopTests {
    @Test func stopsWithConnectionsOfEveryKind() async throws {
        let waiting = Shared<[Responder]>([])
        let closed = Shared(0)
        let handler: Handler = { request, responder in
            switch request.path {
            case "/wait": waiting.change { $0.append(responder) }
            case "/events": responder.respond(.events(EventStream { closed.change { $0 += 1 } }))
            default: responder.respond(.text("ok"))
            }
        }
        let server = try HTTPServer(configuration: HTTPServerConfiguration(), handler: handler)
        let port = server.port
        let clients = try await onThread {
            let idle = try (0..<50).map { _ in try RawClient(port: port) }
            for client in idle { #expect(try client.get("/").status == 200) }
            let suspended = try (0..<20).map { _ in try RawClient(port: port) }
            for client in suspended { try client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n") }
            let streams = try (0..<10).map { _ in try RawClient(port: port) }
            for client in streams {
                try client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try client.responseHead().status == 200)
            }
            let halfway = try RawClient(port: port)
            try halfway.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
            try eventually("all are with their handlers") { waiting.current.count == 20 }
            return Clients(idle: idle, suspended: suspended, streams: streams, halfway: halfway)
        }
        async let stopped: Void = server.stop(grace: .seconds(15))
        try await onThread {
            // The streams end properly, which says that the stop has begun.
            for client in clients.streams { #expect(try client.chunk() == nil) }
            try eventually("nobody listens") { (try? RawClient(port: port)) == nil }
            // Work that is under way is finished, and what arrives on old connections meanwhile too.
            #expect(try clients.idle[0].get("/").header("Connection") == "close")
            try clients.halfway.send("hello!")
            #expect(try clients.halfway.response().text == "ok")
            for responder in waiting.current { responder.respond(.text("finished")) }
            for client in clients.suspended {
                let response = try client.response()
                #expect(response.text == "finished")
                #expect(response.header("Connection") == "close")
            }
            for client in clients.idle + clients.suspended + clients.streams { #expect(try client.isEnded()) }
        }
        await stopped
        #expect(closed.current == 10)
        #expect(server.openConnections == 0)
        await server.stop()
    }

    /// A client whose connection the kernel has accepted takes its request for sent.
    @Test func answersThoseThatCameJustBeforeItStopped() async throws {
        var configuration = HTTPServerConfiguration()
        configuration.newcomerGrace = .seconds(60)
        let server = try HTTPServer(configuration: configuration) { _, responder in responder.respond(.text("ok")) }
        let port = server.port
        let clients = try await onThread {
            let newcomers = try (0..<100).map { _ in try RawClient(port: port) }
            return Clients(idle: [], suspended: newcomers, streams: [], halfway: try RawClient(port: port))
        }
        async let stopped: Void = server.stop(grace: .seconds(60))
        try await onThread {
            try eventually("nobody listens") { (try? RawClient(port: port)) == nil }
            for client in clients.suspended { #expect(try client.get("/").text == "ok") }
            // Without a request.
            clients.halfway.close()
        }
        await stopped
    }

    /// Sockets that one thread after the other uses.
    struct Clients: @unchecked Sendable {
        let idle: [RawClient]
        let suspended: [RawClient]
        let streams: [RawClient]
        let halfway: RawClient
    }

    @Test func answersForAHandlerThatNeverDoes() async throws {
        let waiting = Shared<[Responder]>([])
        let server = try HTTPServer(configuration: HTTPServerConfiguration()) { _, responder in
            waiting.change { $0.append(responder) }
        }
        let port = server.port
        let clients = try await onThread {
            let clients = try (0..<20).map { _ in try RawClient(port: port) }
            for client in clients { try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx") }
            let halfway = try RawClient(port: port)
            try halfway.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
            try eventually("all are with their handlers") { waiting.current.count == 20 }
            return Clients(idle: [], suspended: clients, streams: [], halfway: halfway)
        }
        await server.stop(grace: .milliseconds(100))
        try await onThread {
            for client in clients.suspended {
                let response = try client.response()
                #expect(response.status == 503)
                #expect(response.header("Retry-After") == "1")
                #expect(try client.isEnded())
            }
            #expect(try clients.halfway.isEnded())
        }
        #expect(server.bodyBytesInFlight == 0)
        // Late, and to nobody.
        for responder in waiting.current { responder.respond(.text("too late")) }
    }

    /// libmicrohttpd aborts the process when it is stopped at a wrong moment: here are some dozen moments, one at a time
    /// because each takes all cores.
    @Test(.serialized, arguments: 0..<40) func stopsUnderLoad(round: Int) async throws {
        let batch = Shared<[Responder]>([])
        let isOver = Shared(false)
        let answering = Task {
            try await onThread {
                while !isOver.current {
                    var taken: [Responder] = []
                    batch.change { swap(&$0, &taken) }
                    for responder in taken { responder.respond(.text("later")) }
                }
            }
        }
        let served = Shared(0)
        let server = try HTTPServer(configuration: HTTPServerConfiguration()) { request, responder in
            served.change { $0 += 1 }
            switch request.path {
            case "/later": batch.change { $0.append(responder) }
            case "/events":
                let stream = EventStream()
                responder.respond(.events(stream))
                stream.send(data: "x")
                Task { stream.finish() }
            default: responder.respond(.text("ok"))
            }
        }
        let port = server.port
        await withTaskGroup { group in
            for path in ["/", "/later", "/later", "/events"] {
                group.addTask {
                    try? await onThread {
                        while true {
                            let client = try RawClient(port: port)
                            while try client.get(path).header("Connection") == nil {}
                        }
                    }
                }
            }
            group.addTask {
                while served.current < 20 + round * 5 { await Task.yield() }
                await server.stop(grace: .seconds(round % 2 == 0 ? 5 : 0))
            }
        }
        isOver.change { $0 = true }
        try await answering.value
        #expect(server.openConnections == 0)
        #expect(server.bodyBytesInFlight == 0)
    }

    @Test func waitsForTheFirstStopInTheSecond() async throws {
        let waiting = Shared<[Responder]>([])
        let server = try HTTPServer(configuration: HTTPServerConfiguration()) { _, responder in
            waiting.change { $0.append(responder) }
        }
        let port = server.port
        let client = try await onThread {
            let client = try RawClient(port: port)
            try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            try eventually("the handler has it") { waiting.current.count == 1 }
            return Clients(idle: [], suspended: [], streams: [], halfway: client)
        }
        await withTaskGroup { group in
            for _ in 0..<5 {
                group.addTask {
                    await server.stop(grace: .milliseconds(50))
                    #expect(server.openConnections == 0)
                }
            }
        }
        #expect(try await onThread { try clients(client).response().status } == 503)
    }

    private func clients(_ clients: Clients) -> RawClient { clients.halfway }

    @Test func stopsWhenLetGo() async throws {
        let port = try await onThread {
            let server = try HTTPServer(configuration: HTTPServerConfiguration(), handler: echo)
            #expect(try RawClient(port: server.port).get("/").status == 200)
            return server.port
        }
        try await onThread {
            try eventually("nobody listens") { (try? RawClient(port: port)) == nil }
        }
    }
}
