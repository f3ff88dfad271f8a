import HTTPClient
import Testing

/// What goes around the requests of a task.
@Suite struct AroundTests {
    private let client = HTTPClient()
    private let echo: SocketServer

    init() throws {
        echo = try SocketServer { connection in
            while let request = connection.readRequest() { connection.respond(body: request) }
        }
    }

    @Test func mayChangeThemAndSeesTheAnswer() async throws {
        let around = HTTPClient.Around { request, send in
            var request = request
            request.headers.append(("X-Around", "yes"))
            let response = try await send(request)
            #expect(response.status == 200)
            return response
        }
        try await HTTPClient.$around.withValue(around) {
            #expect(try await client.send(HTTPRequest(url: echo.url())).text.contains("X-Around: yes"))
            let child = try await withThrowingTaskGroup { group in
                group.addTask { try await HTTPClient().send(HTTPRequest(url: echo.url())).text }
                return try await group.next()!
            }
            #expect(child.contains("X-Around: yes"), "another client, in a child task")
            let pieces = Recorder<[UInt8]>()
            try await client.stream(HTTPRequest(url: echo.url()), onHead: { _ in }, onBytes: { pieces.add($0) })
            #expect(String(decoding: pieces.values.joined(), as: UTF8.self).contains("X-Around: yes"))
        }
        #expect(try await !client.send(HTTPRequest(url: echo.url())).text.contains("X-Around"))
    }

    @Test func maySendNothingAtAll() async throws {
        let around = HTTPClient.Around { _, _ in throw HTTPClientError(code: .other, message: "no") }
        await HTTPClient.$around.withValue(around) {
            await #expect(throws: HTTPClientError(code: .other, message: "no")) {
                try await client.send(HTTPRequest(url: echo.url()))
            }
        }
        #expect(echo.connectionCount == 0)
    }
}
