import HTTPClient
import Testing

@Suite struct RedirectTests {
    private let client = HTTPClient()
    /// `/n` leads to `/n-1`, `/0` answers with the request.
    private let server: SocketServer

    init() throws {
        server = try SocketServer { connection in
            while let request = connection.readRequest() {
                let path = request.split(separator: " ")[1].dropFirst()
                if let left = Int(path), left > 0 {
                    connection.respond(status: "302 Found", headers: ["Location: /\(left - 1)"], body: "moved")
                } else {
                    connection.respond(headers: ["X-Last: yes"], body: request)
                }
            }
        }
    }

    @Test func isNotFollowedUnasked() async throws {
        let response = try await client.send(HTTPRequest(url: server.url("/1")))
        #expect(response.status == 302)
        #expect(response.header("location") == "/0")
        #expect(response.text == "moved")
    }

    @Test func isFollowedAsOftenAsAllowed() async throws {
        let response = try await client.send(HTTPRequest(url: server.url("/3"), followRedirects: 3))
        #expect(response.status == 200)
        #expect(response.text.hasPrefix("GET /0 HTTP/1.1\r\n"))
        // Of the last response only.
        #expect(response.headers.map(\.0) == ["Content-Length", "X-Last"])
        await expectFailure(.protocolError, of: client, HTTPRequest(url: server.url("/4"), followRedirects: 3))
    }

    @Test(arguments: ["POST", "PUT", "PATCH", "DELETE"])
    func isHandedBackToOtherMethods(method: String) async throws {
        let request = HTTPRequest(method: method, url: server.url("/1"), followRedirects: 3)
        #expect(try await client.send(request).status == 302)
    }

    @Test(arguments: ["ftp://127.0.0.1/", "file:///etc/passwd"])
    func leadsToNoOtherScheme(location: String) async throws {
        let server = try SocketServer { connection in
            while connection.readRequest() != nil {
                connection.respond(status: "302 Found", headers: ["Location: \(location)"])
            }
        }
        await expectFailure(.protocolError, of: client, HTTPRequest(url: server.url(), followRedirects: 3))
    }

    @Test func credentialsStayWithTheirHost() async throws {
        let other = try SocketServer { connection in
            connection.respond(body: connection.readRequest() ?? "")
        }
        let target = other.url(host: "localhost")
        let first = try SocketServer { connection in
            _ = connection.readRequest()
            connection.respond(status: "302 Found", headers: ["Location: \(target)"])
        }
        let request = HTTPRequest(
            url: first.url(),
            headers: [("Authorization", "Bearer secret"), ("Cookie", "session=secret"), ("X-Mine", "1")],
            followRedirects: 3
        )
        let text = try await client.send(request).text
        #expect(!text.contains("secret"))
        #expect(text.contains("\r\nX-Mine: 1\r\n"))
    }
}
