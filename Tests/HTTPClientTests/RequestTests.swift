import HTTPClient
import Testing

/// What a server gets to see.
@Suite struct RequestTests {
    private let client = HTTPClient(configuration: .init(userAgent: "test/1"))
    /// Answers with the request.
    private let echo: SocketServer

    init() throws {
        echo = try SocketServer { connection in
            while let request = connection.readRequest() {
                connection.respond(body: request.hasPrefix("HEAD") ? "" : request)
            }
        }
    }

    @Test(arguments: ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT"])
    func methodWithoutBody(method: String) async throws {
        let request = HTTPRequest(method: method, url: echo.url("/a/b?c=d%20e&f=é"), headers: [("X-One", "1")])
        let text = try await client.send(request).text
        #expect(text.hasPrefix("\(method) /a/b?c=d%20e&f=é HTTP/1.1\r\n"))
        #expect(text.contains("\r\nHost: 127.0.0.1:\(echo.port)\r\n"))
        #expect(text.contains("\r\nUser-Agent: test/1\r\n"))
        #expect(text.contains("\r\nX-One: 1\r\n"))
        #expect(text.contains("\r\nContent-Length: 0\r\n") == ["POST", "PUT", "PATCH"].contains(method))
        #expect(!text.contains("Expect:") && !text.contains("Content-Type:") && !text.contains("Transfer-Encoding:"))
    }

    @Test(arguments: ["POST", "PUT", "PATCH", "DELETE", "GET"], ["", "text", "line\r\nline", "a\0b", "é"])
    func methodWithBody(method: String, body: String) async throws {
        let request = HTTPRequest(
            method: method,
            url: echo.url(),
            headers: [("Content-Type", "application/merge-patch+json"), ("Accept", "")],
            body: Array(body.utf8)
        )
        let text = try await client.send(request).text
        #expect(text.hasPrefix("\(method) / HTTP/1.1\r\n"))
        #expect(text.contains("\r\nContent-Length: \(body.utf8.count)\r\n"))
        #expect(text.contains("\r\nContent-Type: application/merge-patch+json\r\n"))
        #expect(text.contains("\r\nAccept:\r\n"))
        #expect(text.hasSuffix("\r\n\r\n" + body))
    }

    @Test func headHasNoBody() async throws {
        let response = try await client.send(HTTPRequest(method: "HEAD", url: echo.url()))
        #expect(response.status == 200)
        #expect(response.body.isEmpty)
    }

    @Test func aLargeBodyArrivesWhole() async throws {
        let body = String(repeating: "0123456789", count: 300_000)
        let request = HTTPRequest(method: "PUT", url: echo.url(), body: Array(body.utf8))
        #expect(try await client.send(request).text.hasSuffix(body))
    }

    @Test func connectionsAreKept() async throws {
        for _ in 0..<5 { _ = try await client.send(HTTPRequest(url: echo.url())) }
        #expect(echo.connectionCount == 1)
    }

    @Test func theHostHeaderMayBeSet() async throws {
        let text = try await client.send(HTTPRequest(url: echo.url(), headers: [("Host", "todo.example")])).text
        #expect(text.contains("\r\nHost: todo.example\r\n") && !text.contains("127.0.0.1"))
    }

    @Test(arguments: [
        ("X-One", "a\r\nX-Two: b"), ("X-One", "a\nb"), ("X-One", "a\0"), ("X One", "a"), ("", "a"), ("X:", "a"),
        ("X\r\nY", "a"), ("Content-Length", "5"), ("transfer-encoding", "chunked"),
    ])
    func refusesTheHeader(name: String, value: String) async {
        await expectFailure(.protocolError, of: client, HTTPRequest(url: echo.url(), headers: [(name, value)]))
        #expect(echo.connectionCount == 0)
    }

    @Test(arguments: ["", "GET /x HTTP/1.1\r\nX: y", "G T", "GET\0"])
    func refusesTheMethod(method: String) async {
        await expectFailure(.protocolError, of: client, HTTPRequest(method: method, url: echo.url()))
        #expect(echo.connectionCount == 0)
    }

    @Test(arguments: [
        "", "/path", "http://", "ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1:1/_x",
        "http://127.0.0.1/a b", "http://127.0.0.1/\0", "http://127.0.0.1/\r\nX: y", "http://127.0.0.1:99999/",
    ])
    func refusesTheURL(url: String) async {
        await expectFailure(.protocolError, of: client, HTTPRequest(url: url))
    }
}

@Suite struct ProxyTests {
    @Test func theEnvironmentsIsNotUsedUnasked() async throws {
        let server = try SocketServer { connection in
            _ = connection.readRequest()
            connection.respond()
        }
        // The environment of these tests names a proxy that is not there.
        let plain = HTTPClient()
        #expect(try await plain.send(HTTPRequest(url: server.url())).status == 200)
        let obedient = HTTPClient(configuration: .init(proxy: .environment))
        await expectFailure(.connect, of: obedient, HTTPRequest(url: server.url()))
    }

    @Test func oneThatIsConfiguredIs() async throws {
        let proxy = try SocketServer { connection in
            connection.respond(body: connection.readRequest() ?? "")
        }
        let client = HTTPClient(configuration: .init(proxy: .url(proxy.url())))
        let text = try await client.send(HTTPRequest(url: "http://service.example/path")).text
        #expect(text.hasPrefix("GET http://service.example/path HTTP/1.1\r\n"))
    }

    @Test func aRequestWithAnAddressPolicyGoesDirectly() async throws {
        let proxy = try SocketServer { $0.respond() }
        let client = HTTPClient(configuration: .init(proxy: .url(proxy.url())))
        let request = HTTPRequest(
            url: "http://169.254.169.254/latest/meta-data/",
            addressPolicy: .refuseLinkLocalAndMetadata
        )
        await expectFailure(.refusedAddress, of: client, request)
        #expect(proxy.connectionCount == 0)
    }
}
