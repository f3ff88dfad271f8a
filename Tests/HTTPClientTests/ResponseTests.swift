import HTTPClient
import Testing

/// What a server sends.
@Suite struct ResponseTests {
    private let client = HTTPClient()

    @Test(arguments: [200, 201, 301, 304, 400, 401, 404, 429, 500, 503])
    func everyStatusIsAResponse(status: Int) async throws {
        let server = try server("HTTP/1.1 \(status) Reason\r\nContent-Length: 0\r\n\r\n")
        let response = try await client.send(HTTPRequest(url: server.url()))
        #expect(response.status == status)
        #expect(response.remoteAddress == "127.0.0.1")
        #expect(response.duration > .zero)
    }

    @Test func headersKeepTheirOrder() async throws {
        let server = try server(
            "HTTP/1.1 200 OK\r\nX-B:  two  \r\nx-a: one\r\nEmpty:\r\nX-B: three\r\nFolded: a\r\n  b\r\nContent-Length: 0\r\n\r\n"
        )
        let response = try await client.send(HTTPRequest(url: server.url()))
        #expect(response.headers.map(\.0) == ["X-B", "x-a", "Empty", "X-B", "Folded", "Content-Length"])
        #expect(response.headers.map(\.1) == ["two", "one", "", "three", "a b", "0"])
        #expect(response.header("x-b") == "two")
        #expect(response.header("X-A") == "one")
        #expect(response.header("missing") == nil)
    }

    @Test func interimResponsesAndTrailersAreNotHeaders() async throws {
        let server = try server(
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                + "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-One: 1\r\n\r\n"
                + "3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"
        )
        let response = try await client.send(HTTPRequest(url: server.url()))
        #expect(response.status == 200)
        #expect(response.headers.map(\.0) == ["Transfer-Encoding", "X-One"])
        #expect(response.text == "abcde")
    }

    @Test func aBodyMayEndWithTheConnection() async throws {
        let server = try server("HTTP/1.0 200 OK\r\n\r\nuntil the end")
        #expect(try await client.send(HTTPRequest(url: server.url())).text == "until the end")
    }

    @Test(arguments: [
        "", "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "HTTP/1.1 two OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text", "HTTP/1.1 200 OK\r\nX-One: 1\r\n",
    ])
    func whatIsNotHTTPIsAnError(bytes: String) async throws {
        let server = try server(bytes)
        await expectFailure(.protocolError, of: client, HTTPRequest(url: server.url()))
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 1_001),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + String(repeating: "x", count: 1_001),
    ])
    func aBodyThatIsTooLargeIsAnError(bytes: String) async throws {
        // The connection stays open: the client does not wait for the rest.
        let server = try SocketServer { connection in
            _ = connection.readRequest()
            connection.write(bytes)
            connection.waitForEnd()
        }
        await expectFailure(.tooLarge, of: client, HTTPRequest(url: server.url(), maxResponseBytes: 1_000))
    }

    @Test func aBodyOfExactlyTheLimitIsNot() async throws {
        let server = try server(
            "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + String(repeating: "x", count: 1_000)
        )
        #expect(try await client.send(HTTPRequest(url: server.url(), maxResponseBytes: 1_000)).body.count == 1_000)
    }

    @Test func headIsNotMeasuredByItsContentLength() async throws {
        let server = try server("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        let request = HTTPRequest(method: "HEAD", url: server.url(), maxResponseBytes: 1_000)
        #expect(try await client.send(request).header("Content-Length") == "5000")
    }

    @Test func endlessHeadersAreAnError() async throws {
        let server = try SocketServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\n")
            while connection.write("X-More: \(String(repeating: "x", count: 1_000))\r\n") {}
        }
        await expectFailure(.tooLarge, of: client, HTTPRequest(url: server.url()))
    }

    @Test func nobodyListening() async throws {
        let port: UInt16
        do { port = try SocketServer { _ in }.port }
        await expectFailure(.connect, of: client, HTTPRequest(url: "http://127.0.0.1:\(port)/"))
    }

    @Test func aNameThatCannotBe() async {
        // A label of 64 characters is refused by the resolver itself: nothing is asked of any server.
        let name = String(repeating: "a", count: 64) + ".invalid"
        await expectFailure(.resolve, of: client, HTTPRequest(url: "http://\(name)/"))
    }

    private func server(_ answer: String) throws -> SocketServer {
        try SocketServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.write(answer)
        }
    }
}
