extension Cluster {
    /// Follows the objects of a query for as long as the stream is read: a list, then every change. Dropped connections,
    /// the server's own time-outs and a server that is away for a while do not show, except that a list may come again
    /// where changes may have been missed. It goes on until the task that reads it is cancelled or the stream dropped.
    ///
    /// Throws ``KubernetesError`` when waiting does not help: no permission, credentials refused, an unknown kind, a wrong
    /// certificate, no Kubernetes.
    public func observe(_ query: ObjectQuery) -> AsyncThrowingStream<ObjectChange, any Error> {
        AsyncThrowingStream { continuation in
            let task = Task {
                var observation = Observation(cluster: self, query: query, continuation)
                continuation.finish(throwing: await observation.run())
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }
}

private struct Observation {
    private let cluster: Cluster
    private let query: ObjectQuery
    private let continuation: AsyncThrowingStream<ObjectChange, any Error>.Continuation
    private var pauses: Pauses
    /// Up to where we know everything. Nil: list.
    private var version: String?

    init(
        cluster: Cluster,
        query: ObjectQuery,
        _ continuation: AsyncThrowingStream<ObjectChange, any Error>.Continuation
    ) {
        self.cluster = cluster
        self.query = query
        self.continuation = continuation
        pauses = Pauses(cluster.limits)
    }

    /// - Returns: what ended it.
    mutating func run() async -> any Error {
        while true {
            let begin = ContinuousClock.now
            do {
                try await step()
                // A server that ends watches as soon as they begin shall not keep us busy.
                if .now - begin < .seconds(1) { try await cluster.sleep(pauses.take(atLeast: nil)) }
            } catch let error as KubernetesError {
                if error.code == .gone { version = nil }
                guard error.isTemporary else { return error }
                do { try await cluster.sleep(pauses.take(atLeast: error.retryAfter)) } catch { return error }
            } catch {
                return error
            }
        }
    }

    /// Lists if need be, and watches until the watch ends.
    private mutating func step() async throws {
        if version == nil {
            let list = try await cluster.list(query)
            continuation.yield(.listed(list.items))
            version = list.resourceVersion
        }
        for try await event in cluster.watch(query, from: version ?? "") {
            switch event {
            case .added(let object), .modified(let object):
                continuation.yield(.changed(object))
                version = object.resourceVersion
            case .deleted(let object):
                continuation.yield(.removed(object))
                version = object.resourceVersion
            case .bookmark(let newest): version = newest
            }
            pauses.reset()
        }
        // A cancelled stream ends like one that the server ended.
        try Task.checkCancellation()
    }
}

extension KubernetesError {
    /// Whether it may be over later, without anybody doing something about it.
    fileprivate var isTemporary: Bool {
        switch code {
        case .unreachable, .timeout, .tooManyRequests, .gone, .serverError: true
        case .notKubernetes: (httpStatus ?? 0) > 500
        default: false
        }
    }
}
