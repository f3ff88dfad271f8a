import Foundation
import HTTPServer

/// Real HTTP on a free loopback port: each request gets the next of the answers, the last one again and again.
func withAPI(
    _ answers: [Response],
    _ body: (_ url: String, _ asked: @Sendable () -> [String]) async throws -> Void
) async throws {
    let log = RequestLog()
    var configuration = HTTPServerConfiguration()
    configuration.port = 0
    let server = try HTTPServer(configuration: configuration) { request, responder in
        let query = request.query.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
        let number = log.add("\(request.method) \(request.path)\(query.isEmpty ? "" : "?\(query)")")
        responder.respond(answers[min(number, answers.count - 1)])
    }
    do {
        try await body("http://127.0.0.1:\(server.port)") { log.all }
    } catch {
        await server.stop(grace: .seconds(1))
        throw error
    }
    await server.stop(grace: .seconds(1))
}

/// Sendable because `lines` is touched under the lock only.
final class RequestLog: @unchecked Sendable {
    private let lock = NSLock()
    private var lines: [String] = []

    /// - Returns: how many there were before.
    func add(_ line: String) -> Int {
        lock.withLock {
            lines.append(line)
            return lines.count - 1
        }
    }

    var all: [String] { lock.withLock { lines } }
}
