import CMicroHTTPD
import Glibc
import Synchronization

/// One client's connection, from its acceptance to its end; it serves one request after the other.
final class ClientConnection: Sendable {
    let core: Core
    let remoteAddress: String
    private let state: State
    private let lock = Lock()
    /// Until its first request begins, or it is closed without one.
    private let isNewcomer = Atomic<Bool>(true)
    /// When the server began to wait for the request that is arriving; 0 while a handler has it.
    private let waitingSince = Atomic<UInt64>(MonotonicTime.coarse.nanoseconds)

    /// Unchecked: only touched with `lock` held.
    private final class State: @unchecked Sendable {
        var socket: Int32
        var exchange: Exchange?
        init(socket: Int32) { self.socket = socket }
    }

    init(core: Core, handle: OpaquePointer) {
        self.core = core
        state = State(socket: microhttpd_connection_socket(handle))
        remoteAddress = SocketAddress.text(microhttpd_connection_address(handle))
    }

    /// The request line of the next request has arrived.
    func begin(_ exchange: Exchange) {
        waitingSince.store(MonotonicTime.coarse.nanoseconds, ordering: .relaxed)
        lock.withLock { state.exchange = exchange }
        settle()
    }

    /// The request is whole and goes to the handler.
    func handedOver() {
        waitingSince.store(0, ordering: .relaxed)
    }

    /// The request is answered, or the connection lost.
    func end() {
        lock.withLock { state.exchange = nil }
        waitingSince.store(MonotonicTime.coarse.nanoseconds, ordering: .relaxed)
    }

    /// libmicrohttpd is about to close the socket, whose number may then belong to anybody.
    func closed() {
        lock.withLock { state.socket = -1 }
        settle()
    }

    private func settle() {
        if isNewcomer.exchange(false, ordering: .relaxed) { core.newcomerSettled() }
    }

    /// The request under way, if any.
    var exchange: Exchange? { lock.withLock { state.exchange } }

    /// Calls `body` with the socket while it is certainly ours.
    func withSocket<Result>(_ body: (Int32) -> Result) -> Result? {
        lock.withLock { state.socket >= 0 ? body(state.socket) : nil }
    }

    /// Ends the connection if its request has been arriving for longer than `arriving`, or if it has been waiting for
    /// one for longer than `kept`; all in nanoseconds.
    func endIfOverdue(_ now: UInt64, arriving: UInt64, kept: UInt64) {
        // In this order: `begin` sets the time first, so that a request is never measured from before it began.
        let limit = exchange == nil ? kept : arriving
        let since = waitingSince.load(ordering: .relaxed)
        guard since != 0, now > since, now - since > limit else { return }
        _ = withSocket { shutdown($0, Int32(SHUT_RDWR)) }
    }
}
