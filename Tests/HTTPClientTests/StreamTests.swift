import Foundation
import HTTPClient
import Testing

@Suite(.timeLimit(.minutes(1))) struct StreamTests {
    private let client = HTTPClient()

    @Test func handsOnWhatComesWhenItComes() async throws {
        let steps = DispatchSemaphore(value: 0)
        let server = try SocketServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Watch: yes\r\n\r\n")
            for piece in ["one", "two", "three"] {
                // Each piece is written only when what was before it has arrived.
                steps.wait()
                connection.write("\(String(piece.utf8.count, radix: 16))\r\n\(piece)\r\n")
            }
            steps.wait()
            connection.write("0\r\n\r\n")
        }
        let events = Recorder<String>()
        let response = try await client.stream(HTTPRequest(url: server.url(), maxResponseBytes: 1)) { head in
            events.add("\(head.status) \(head.header("x-watch") ?? "") \(head.body.count)")
            steps.signal()
        } onBytes: { bytes in
            events.add(String(decoding: bytes, as: UTF8.self))
            steps.signal()
        }
        #expect(events.values == ["200 yes 0", "one", "two", "three"])
        #expect(response.status == 200)
        #expect(response.body.isEmpty)
    }

    @Test func theHeadIsThatOfTheLastResponse() async throws {
        let server = try SocketServer { connection in
            while let request = connection.readRequest() {
                if request.hasPrefix("GET /new") {
                    connection.write("HTTP/1.1 100 Continue\r\n\r\n")
                    connection.respond(body: "here")
                } else {
                    connection.respond(status: "302 Found", headers: ["Location: /new"], body: "moved")
                }
            }
        }
        let events = Recorder<String>()
        for followRedirects in [1, 0] {
            try await client.stream(HTTPRequest(url: server.url(), followRedirects: followRedirects)) {
                events.add("\($0.status)")
            } onBytes: {
                events.add(String(decoding: $0, as: UTF8.self))
            }
        }
        #expect(events.values == ["200", "here", "302", "moved"])
    }

    @Test(arguments: [true, false])
    func endsWithTheErrorOfItsReader(inHead: Bool) async throws {
        struct Enough: Error {}
        let server = try SocketServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\n\r\n")
            while connection.write("more") { usleep(1_000) }
        }
        await #expect(throws: Enough.self) {
            try await client.stream(HTTPRequest(url: server.url(), deadline: nil)) { _ in
                if inHead { throw Enough() }
            } onBytes: { _ in
                throw Enough()
            }
        }
    }

    @Test func endsWithItsTask() async throws {
        let started = Sign()
        let server = try SocketServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\n\r\n")
            connection.waitForEnd()
        }
        let task = Task { [client] in
            try await client.stream(HTTPRequest(url: server.url(), deadline: nil)) { _ in
                started.give()
            } onBytes: { _ in
            }
        }
        await started.wait()
        task.cancel()
        await #expect {
            try await task.value
        } throws: { error in
            (error as? HTTPClientError)?.code == .cancelled
        }
    }
}
