import Foundation
public import HTTPServer

/// Real HTTP on a free loopback port, for tests: answers as it is told, and remembers what it was asked.
public final class TestBackend: Sendable {
    private let server: HTTPServer
    private let log = RequestLog()

    /// - Parameter answer: gets the request's number, from 0, and the request.
    public init(_ answer: @escaping @Sendable (Int, Request) -> Response) throws {
        var configuration = HTTPServerConfiguration()
        configuration.port = 0
        let log = log
        server = try HTTPServer(configuration: configuration) { request, responder in
            responder.respond(answer(log.add(request), request))
        }
    }

    public var port: UInt16 { server.port }
    public var url: String { "http://127.0.0.1:\(port)" }
    /// Every request so far, in order.
    public var requests: [Request] { log.all }

    public func stop() async { await server.stop(grace: .seconds(1)) }
}

/// Each request gets the next of the answers, the last one again and again. The backend ends with `body`.
public func withBackend(_ answers: [Response], _ body: (TestBackend) async throws -> Void) async throws {
    let backend = try TestBackend { number, _ in answers[min(number, answers.count - 1)] }
    do {
        try await body(backend)
    } catch {
        await backend.stop()
        throw error
    }
    await backend.stop()
}

extension Request {
    /// `GET /path?name=value`, percent-decoded.
    public var line: String {
        let pairs = query.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
        return "\(method) \(path)\(pairs.isEmpty ? "" : "?\(pairs)")"
    }

    public var text: String { String(decoding: body, as: UTF8.self) }
}

/// Sendable because `requests` is touched under the lock only.
private final class RequestLog: @unchecked Sendable {
    private let lock = NSLock()
    private var requests: [Request] = []

    /// - Returns: how many there were before.
    func add(_ request: Request) -> Int {
        lock.withLock {
            requests.append(request)
            return requests.count - 1
        }
    }

    var all: [Request] { lock.withLock { requests } }
}
