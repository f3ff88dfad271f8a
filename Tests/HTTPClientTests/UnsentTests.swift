import Foundation
import HTTPClient
import Testing

/// Whoever does something at a server must know whether it can have been done when no answer came.
@Suite(.timeLimit(.minutes(1))) struct UnsentTests {
    private let client = HTTPClient()

    private func isUnsent(_ url: String, milliseconds: Int = 10_000) async -> Bool? {
        var request = HTTPRequest(method: "POST", url: url, body: [1], deadline: .milliseconds(milliseconds))
        request.freshConnection = true
        do {
            _ = try await client.send(request)
            return nil
        } catch {
            return (error as? HTTPClientError)?.isUnsent
        }
    }

    @Test func nothingWasSentWithoutAConnection() async throws {
        #expect(await isUnsent("http://nowhere.invalid/") == true)
        // Nobody has port 1.
        #expect(await isUnsent("http://127.0.0.1:1/") == true)
    }

    @Test func nothingWasSentWithoutAHandshake() async throws {
        let silent = try SocketServer { $0.waitForEnd() }
        #expect(await isUnsent(silent.url(scheme: "https"), milliseconds: 300) == true)
        let stranger = try TLSServer(name: "IP:127.0.0.1", response: "HTTP/1.1 200 OK\r\n\r\n")
        #expect(await isUnsent(stranger.url) == true)
    }

    @Test func whatReachedTheServerMayHaveBeenDone() async throws {
        let silent = try SocketServer {
            _ = $0.readRequest()
            $0.waitForEnd()
        }
        #expect(await isUnsent(silent.url(), milliseconds: 300) == false)
        let closing = try SocketServer { _ = $0.readRequest() }
        #expect(await isUnsent(closing.url()) == false)
        let garbled = try SocketServer {
            _ = $0.readRequest()
            $0.write("what?\r\n\r\n")
        }
        #expect(await isUnsent(garbled.url()) == false)
    }
}
