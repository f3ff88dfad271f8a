import CMicroHTTPD
import Synchronization

/// What all threads of a server share: its configuration, what is open, and how far it is in stopping.
final class Core: Sendable {
    let configuration: HTTPServerConfiguration
    let handler: Handler
    let bodies: BodyBudget

    private enum Phase: UInt8, AtomicRepresentable {
        case serving
        /// No new connections; what is under way is finished.
        case draining
        /// Nothing is handed to the handler and nothing is suspended any more.
        case closed
    }

    /// Written with `condition` held, read without.
    private let phase = Atomic<Phase>(.serving)
    /// Requests from their request line until they are answered or lost.
    private let requests = Atomic<Int>(0)
    /// Connections whose first request has not begun to arrive.
    private let newcomers = Atomic<Int>(0)
    /// Suspended connections: libmicrohttpd aborts the process if it is stopped with one.
    private let parked = Atomic<Int>(0)
    private let open = Atomic<Int>(0)

    /// Guards `registry`; signalled while stopping, when a count reaches 0.
    private let condition = Condition()
    private let registry = Registry()

    /// Unchecked: only touched with `condition` held.
    private final class Registry: @unchecked Sendable {
        var connections: [ObjectIdentifier: ClientConnection] = [:]
        var streams: [ObjectIdentifier: EventStream] = [:]
    }

    init(configuration: HTTPServerConfiguration, handler: @escaping Handler) {
        self.configuration = configuration
        self.handler = handler
        bodies = BodyBudget(limit: configuration.maxBodyBytesInFlight)
    }

    var isServing: Bool { phase.load(ordering: .acquiring) == .serving }
    var isClosed: Bool { phase.load(ordering: .acquiring) == .closed }
    var openConnections: Int { open.load(ordering: .relaxed) }

    // MARK: What is open

    func connectionOpened(_ connection: ClientConnection) {
        open.add(1, ordering: .relaxed)
        condition.withLock { registry.connections[ObjectIdentifier(connection)] = connection }
    }

    func connectionClosed(_ connection: ClientConnection) {
        condition.withLock { registry.connections[ObjectIdentifier(connection)] = nil }
        open.subtract(1, ordering: .relaxed)
    }

    /// - Returns: false when the server is stopping and the stream has to end.
    func streamOpened(_ stream: EventStream) -> Bool {
        condition.withLock {
            registry.streams[ObjectIdentifier(stream)] = stream
            return isServing
        }
    }

    func streamClosed(_ stream: EventStream) {
        condition.withLock { registry.streams[ObjectIdentifier(stream)] = nil }
    }

    private var connections: [ClientConnection] { condition.withLock { Array(registry.connections.values) } }
    private var streams: [EventStream] { condition.withLock { Array(registry.streams.values) } }

    func newcomerAccepted() { newcomers.add(1, ordering: .relaxed) }

    func newcomerSettled() { countDown(newcomers) }

    func requestBegan() { requests.add(1, ordering: .relaxed) }

    func requestEnded() { countDown(requests) }

    private func countDown(_ count: borrowing Atomic<Int>) {
        if count.subtract(1, ordering: .acquiringAndReleasing).newValue == 0, !isServing { condition.broadcast() }
    }

    /// Suspends a connection, on the thread that serves it.
    func park(_ handle: OpaquePointer) {
        parked.add(1, ordering: .relaxed)
        MHD_suspend_connection(handle)
    }

    /// Resumes a suspended connection, from any thread. It may be gone when this returns.
    func unpark(_ handle: OpaquePointer) {
        MHD_resume_connection(handle)
        countDown(parked)
    }

    // MARK: The clock

    func beat() {
        for stream in streams { stream.beat() }
    }

    /// Ends the connections whose request takes too long to arrive. Where not even a request line has, the connection
    /// may also be one that is kept for a next request.
    func endStalled() {
        let arriving = UInt64(configuration.requestTimeout) * 1_000_000_000
        let kept = max(arriving, UInt64(configuration.idleTimeout) * 1_000_000_000)
        let now = MonotonicTime.coarse.nanoseconds
        for connection in connections { connection.endIfOverdue(now, arriving: arriving, kept: kept) }
    }

    // MARK: Stopping

    /// Ends the event streams, and from now on every connection after the request it is serving.
    func drain() {
        condition.withLock { phase.store(.draining, ordering: .releasing) }
        for stream in streams { stream.finish() }
    }

    /// Answers 503 to every request that has no answer, in place of the handler.
    func answerForHandlers() {
        condition.withLock { phase.store(.closed, ordering: .releasing) }
        for connection in connections { connection.exchange?.answer(Refusal.stopping.response) }
        for stream in streams { stream.finish() }
    }

    /// Waits until every connection has begun a request, at most until `deadline`.
    func waitForNewcomers(_ deadline: MonotonicTime) { waitForNone(of: newcomers, deadline) }

    /// Waits until every request is answered, at most until `deadline`.
    func waitUntilIdle(_ deadline: MonotonicTime) { waitForNone(of: requests, deadline) }

    private func waitForNone(of count: borrowing Atomic<Int>, _ deadline: MonotonicTime) {
        condition.withLock {
            while count.load(ordering: .acquiring) > 0, condition.wait(until: deadline) {}
        }
    }

    /// Waits until no connection is suspended. All are being resumed when this is called, so it does not take long.
    func waitUntilNothingParked() {
        condition.withLock {
            while parked.load(ordering: .acquiring) > 0 { condition.wait() }
        }
    }
}
