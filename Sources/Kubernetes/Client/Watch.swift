import HTTPClient

extension Cluster {
    /// One watch on one connection: what happens to the objects of a query after a resource version. It ends when the
    /// server ends it, after ``ClusterLimits/watch``; cancelling the task that reads it, or dropping it, ends it too.
    ///
    /// Throws ``KubernetesError``, with code `gone` if the server no longer knows what came after the version. A
    /// connection whose other end has vanished is noticed by ``ClusterLimits/watchSilence``: code `timeout`.
    public func watch(
        _ query: ObjectQuery,
        from resourceVersion: String
    ) -> AsyncThrowingStream<WatchEvent, any Error> {
        AsyncThrowingStream { continuation in
            let task = Task {
                do {
                    for try await line in lines(query, from: resourceVersion) {
                        continuation.yield(try WatchEvent(line, query))
                    }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// The lines as they come; parsing them is not for the client's thread, which serves all connections.
    private func lines(
        _ query: ObjectQuery,
        from resourceVersion: String
    ) -> AsyncThrowingStream<[UInt8], any Error> {
        AsyncThrowingStream { continuation in
            let task = Task {
                do {
                    try await transfer(query, from: resourceVersion) { continuation.yield($0) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private func transfer(
        _ query: ObjectQuery,
        from resourceVersion: String,
        _ onLine: @escaping @Sendable ([UInt8]) -> Void
    ) async throws {
        let resource = try await resource(apiVersion: query.apiVersion, kind: query.kind)
        let seconds = max(Int(limits.watch.seconds * Double.random(in: 0.9...1)), 1)
        let call = APICall(
            subject: "watch of \(query.kind)",
            path: try resource.path(namespace: query.namespace),
            query: query.selectors + [
                ("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", resourceVersion),
                ("timeoutSeconds", "\(seconds)"),
            ]
        )
        var request = HTTPRequest(url: access.server + call.target, headers: [("Accept", call.accept)])
        // The server should have ended it long before.
        request.deadline = .seconds(seconds) + limits.watchSilence
        request.connectTimeout = limits.connect
        request.idleTimeout = limits.watchSilence
        // Beside other requests on one connection it would be lost with it, and a new watch put onto the same.
        request.freshConnection = true
        let limit = limits.eventBytes
        let response = try await authorized(request, subject: call.subject) { request in
            let reader = WatchReader(limit: limit, onLine)
            let head = try await connection.client.stream(
                request,
                onHead: { reader.begin(status: $0.status) },
                onBytes: { try reader.receive($0) }
            )
            return head.with(body: reader.refusal)
        }
        if let error = KubernetesError(response, subject: call.subject) { throw error }
    }
}

/// Cuts the body of a watch into lines; of a refusal it keeps the text.
///
/// Sendable because the HTTP client calls it on one thread, one piece at a time, and it is read when that is over.
private final class WatchReader: @unchecked Sendable {
    private(set) var refusal: [UInt8] = []
    private var isRefused = false
    private var framer: LineFramer
    private let onLine: @Sendable ([UInt8]) -> Void

    init(limit: Int, _ onLine: @escaping @Sendable ([UInt8]) -> Void) {
        framer = LineFramer(limit: limit)
        self.onLine = onLine
    }

    func begin(status: Int) { isRefused = status != 200 }

    func receive(_ bytes: [UInt8]) throws {
        if isRefused {
            refusal += bytes.prefix(max(65_536 - refusal.count, 0))
        } else {
            for line in try framer.lines(after: bytes) { onLine(line) }
        }
    }
}

extension HTTPResponse {
    fileprivate func with(body: [UInt8]) -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: headers,
            body: body,
            duration: duration,
            remoteAddress: remoteAddress
        )
    }
}

extension WatchEvent {
    /// - Parameter line: `{"type":"ADDED","object":{…}}`.
    init(_ line: [UInt8], _ query: ObjectQuery) throws {
        let subject = "watch of \(query.kind)"
        guard let event = try? JSON(parsing: line), let type = event["type"]?.string, let object = event["object"]
        else {
            let start = String(decoding: line.prefix(80), as: UTF8.self)
            throw KubernetesError(.notKubernetes, "\(subject): the server sends what is no event: “\(start)”")
        }
        switch type {
        case "ADDED": self = .added(object.typed(query))
        case "MODIFIED": self = .modified(object.typed(query))
        case "DELETED": self = .deleted(object.typed(query))
        case "BOOKMARK": self = .bookmark(object.resourceVersion)
        case "ERROR": throw KubernetesError(status: object, httpStatus: nil, subject: subject)
        default: throw KubernetesError(.notKubernetes, "\(subject): the server sends an event of type \(type)")
        }
    }
}
