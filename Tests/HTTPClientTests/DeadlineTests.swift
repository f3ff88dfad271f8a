import Foundation
import HTTPClient
import Testing

@Suite(.timeLimit(.minutes(1))) struct DeadlineTests {
    private let client = HTTPClient()

    @Test func holdsAgainstAServerThatIsSilent() async throws {
        let server = try SocketServer { $0.waitForEnd() }
        let started = ContinuousClock.now
        await expectFailure(.timeout, of: client, HTTPRequest(url: server.url(), deadline: .milliseconds(300)))
        #expect(.now - started >= .milliseconds(300))
    }

    @Test func holdsAgainstADrip() async throws {
        let server = try SocketServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\n\r\n")
            while connection.write("x") { usleep(10_000) }
        }
        await expectFailure(.timeout, of: client, HTTPRequest(url: server.url(), deadline: .milliseconds(500)))
    }

    @Test func holdsAgainstDrippingHeaders() async throws {
        let server = try SocketServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nX: ")
            while connection.write("x") { usleep(10_000) }
        }
        await expectFailure(.timeout, of: client, HTTPRequest(url: server.url(), deadline: .milliseconds(500)))
    }

    @Test func holdsOverRedirects() async throws {
        let server = try SocketServer { connection in
            while connection.readRequest() != nil {
                usleep(20_000)
                connection.respond(status: "302 Found", headers: ["Location: /again"])
            }
        }
        let request = HTTPRequest(url: server.url(), deadline: .milliseconds(500), followRedirects: 1_000)
        await expectFailure(.timeout, of: client, request)
    }

    @Test func connectingIncludesTheHandshake() async throws {
        let server = try SocketServer { $0.waitForEnd() }
        let request = HTTPRequest(
            url: server.url(scheme: "https"),
            deadline: nil,
            connectTimeout: .milliseconds(300)
        )
        await expectFailure(.timeout, of: client, request)
    }

    @Test func idleTimeEndsAResponseThatStops() async throws {
        let server = try SocketServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\n\r\nbeginning")
            connection.waitForEnd()
        }
        let request = HTTPRequest(url: server.url(), deadline: nil, idleTimeout: .seconds(1))
        await expectFailure(.timeout, of: client, request)
    }

    @Test(arguments: [Duration.zero, .seconds(-5), .nanoseconds(1)])
    func nothingLeftIsATimeoutAtOnce(deadline: Duration) async throws {
        let server = try SocketServer { $0.waitForEnd() }
        await expectFailure(.timeout, of: client, HTTPRequest(url: server.url(), deadline: deadline))
    }

    @Test func aVeryLongOneIsNotATimeout() async throws {
        let server = try SocketServer { connection in
            _ = connection.readRequest()
            connection.respond()
        }
        let request = HTTPRequest(url: server.url(), deadline: .seconds(Int64.max))
        #expect(try await client.send(request).status == 200)
    }

    /// One request that hangs must not hold up the others.
    @Test func othersGoOnMeanwhile() async throws {
        let arrived = Sign()
        let server = try SocketServer { connection in
            guard let request = connection.readRequest() else { return }
            if request.hasPrefix("GET /hang") {
                arrived.give()
                connection.waitForEnd()
            } else {
                connection.respond(body: "quick")
            }
        }
        let hanging = Task { [client] in try await client.send(HTTPRequest(url: server.url("/hang"), deadline: nil)) }
        await arrived.wait()
        #expect(try await client.send(HTTPRequest(url: server.url())).text == "quick")
        hanging.cancel()
        await #expect(throws: HTTPClientError.self) { try await hanging.value }
    }
}
