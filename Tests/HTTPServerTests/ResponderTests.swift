import HTTPServer
import Testing

@Suite struct ResponderTests {
    @Test func answers200ConnectionsAtOnceFromTasks() async throws {
        let arrived = Shared(0)
        let handler = async { request in
            arrived.change { $0 += 1 }
            // Nobody is answered before all are there: the server holds 200 requests without a thread for each.
            while arrived.current < 200 { await Task.yield() }
            return .text("answer to \(request.path)")
        }
        try await withServer(handler: handler) { server in
            let clients = try (0..<200).map { _ in try RawClient(port: server.port) }
            for (number, client) in clients.enumerated() {
                try client.send("GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
            }
            for (number, client) in clients.enumerated() {
                #expect(try client.response().text == "answer to /\(number)")
            }
            // The connections are good for more.
            for client in clients { #expect(try client.get("/again").text == "answer to /again") }
        }
    }

    /// The pattern of a group commit: a thread of its own answers what has gathered, all in a row.
    @Test func answersBatchesFromAnotherThread() async throws {
        let batch = Shared<[(Request, Responder)]>([])
        let isOver = Shared(false)
        let answering = Task {
            try await onThread {
                while !isOver.current {
                    var taken: [(Request, Responder)] = []
                    batch.change { swap(&$0, &taken) }
                    for (request, responder) in taken { responder.respond(.text("\(request.body.count)")) }
                }
            }
        }
        try await withServer(
            handler: { request, responder in batch.change { $0.append((request, responder)) } },
            talk: {
                server in
                defer { isOver.change { $0 = true } }
                let clients = try (0..<32).map { _ in try RawClient(port: server.port) }
                for round in 0..<40 {
                    let body = [UInt8](repeating: 1, count: 200 * round)
                    for client in clients {
                        try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n")
                        try client.send(body)
                    }
                    for client in clients { #expect(try client.response().text == "\(body.count)") }
                }
                try eventually("all bodies are let go") { server.bodyBytesInFlight == 0 }
            }
        )
        try await answering.value
    }

    @Test func answers500ForAHandlerThatLetsTheResponderGo() async throws {
        let kept = Shared<[Responder]>([])
        try await withServer(
            handler: { request, responder in
                if request.path == "/later" { kept.change { $0.append(responder) } }
            },
            talk: { server in
                let atOnce = try RawClient(port: server.port)
                #expect(try atOnce.get("/").status == 500)
                let later = try RawClient(port: server.port)
                try later.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
                try eventually("the handler has it") { kept.current.count == 1 }
                kept.change { $0 = [] }
                let response = try later.response()
                #expect(response.status == 500)
                #expect(response.text == "The server has no answer to this request.\n")
            }
        )
    }

    @Test func countsOnlyTheFirstAnswer() async throws {
        let closed = Shared(0)
        try await withServer(
            handler: { _, responder in
                responder.respond(.text("first"))
                responder.respond(.text("second"))
                // Whoever waits for the end of a stream that is not sent after all must not wait for ever.
                responder.respond(.events(EventStream { closed.change { $0 += 1 } }))
            },
            talk: { server in
                let client = try RawClient(port: server.port)
                for _ in 0..<3 { #expect(try client.get("/").text == "first") }
            }
        )
        #expect(closed.current == 3)
    }

    @Test(arguments: [
        ("X", "a\r\nInjected: b"), ("X", "a\nb"), ("X", "a\rb"), ("X", "a\0b"), ("X\r\nY", "a"), ("X Y", "a"),
        ("X:", "a"), ("", "a"),
    ])
    func refusesHeadersThatWouldBreakTheResponse(name: String, value: String) async throws {
        try await withServer(
            handler: { _, responder in
                responder.respond(.text("secret", status: 200, headers: [(name, value)]))
            },
            talk: { server in
                let client = try RawClient(port: server.port)
                let response = try client.get("/")
                #expect(response.status == 500)
                #expect(response.header("Injected") == nil)
                #expect(response.text == "The server could not write its answer.\n")
                #expect(try client.get("/").status == 500)
            }
        )
    }

    @Test func keepsFramingToItself() async throws {
        try await withServer(
            handler: { request, responder in
                let headers = [
                    ("Content-Length", "3"), ("Transfer-Encoding", "chunked"), ("X", "y"), ("Empty", ""), ("X", "z"),
                ]
                switch request.path {
                case "/empty": responder.respond(.empty(204, headers: headers))
                case "/status": responder.respond(.empty(99))
                case "/close": responder.respond(.text("bye", headers: [("Connection", "close")]))
                default: responder.respond(.text("more than three", headers: headers))
                }
            },
            talk: { server in
                let client = try RawClient(port: server.port)
                let response = try client.get("/")
                #expect(response.text == "more than three")
                #expect(response.headers.filter { $0.name.lowercased() == "content-length" }.map(\.value) == ["15"])
                #expect(response.header("Transfer-Encoding") == nil)
                #expect(response.headers.filter { $0.name == "X" }.map(\.value) == ["y", "z"])
                let empty = try client.get("/empty")
                #expect(empty.status == 204)
                #expect(empty.header("Content-Length") == nil)
                #expect(try client.get("/status").status == 500)
                #expect(try client.get("/close").text == "bye")
                #expect(try client.isEnded())
            }
        )
    }

    @Test func answersLargeResponsesToSlowReaders() async throws {
        let large = (0..<8_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try await withServer(
            handler: { _, responder in responder.respond(.bytes(large, type: "x/y")) },
            talk: { server in
                let client = try RawClient(port: server.port, receiveBuffer: 4096)
                #expect(try client.get("/").body == large)
                #expect(try client.get("/").body.count == large.count)
            }
        )
    }
}
