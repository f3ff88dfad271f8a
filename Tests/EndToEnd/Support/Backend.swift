import Foundation
import HTTPServer

/// Real HTTP on a free loopback port that answers everything alike and remembers what it was asked.
final class Backend: Sendable {
    struct Asked: Sendable {
        let method: String
        let path: String
        let body: String
    }

    private let server: HTTPServer
    private let log: Log

    /// - Parameter answer: for each request; the body's text is JSON or plain, as it likes.
    init(_ answer: @escaping @Sendable (Asked) -> (status: Int, body: String)) throws {
        let log = Log()
        var configuration = HTTPServerConfiguration()
        configuration.port = 0
        server = try HTTPServer(configuration: configuration) { request, responder in
            let asked = Asked(
                method: request.method,
                path: request.path,
                body: String(decoding: request.body, as: UTF8.self)
            )
            log.add(asked)
            let (status, body) = answer(asked)
            responder.respond(.bytes(Array(body.utf8), type: "application/json", status: status))
        }
        self.log = log
    }

    var port: UInt16 { server.port }
    var url: String { "http://127.0.0.1:\(port)" }
    var asked: [Asked] { log.all }

    func stop() async { await server.stop(grace: .seconds(1)) }
}

/// Sendable because `lines` is touched under the lock only.
private final class Log: @unchecked Sendable {
    private let lock = NSLock()
    private var lines: [Backend.Asked] = []
    func add(_ line: Backend.Asked) { lock.withLock { lines.append(line) } }
    var all: [Backend.Asked] { lock.withLock { lines } }
}
