import CMicroHTTPD
import Glibc

/// Server-sent events (WHATWG HTML, 9.2) to one client. Events may be sent from any thread, also before the stream is
/// put into a response; sending never blocks. Between them the server sends a comment at every
/// ``HTTPServerConfiguration/heartbeat``, by which it also notices that the client has left. A stream of bytes of
/// another form has no comments; there only a client that closed its connection is noticed.
public final class EventStream: Sendable {
    /// Bytes that may wait for a slow reader. Default: 256 KiB.
    public let bufferLimit: Int
    private let hasComments: Bool
    private let lock = Lock()
    private let state: State

    private enum Phase { case new, attached, closed }

    /// Unchecked: only touched with `lock` held.
    private final class State: @unchecked Sendable {
        var phase = Phase.new
        var pending: [UInt8] = []
        /// How much of `pending` is sent.
        var sent = 0
        var isFinished = false
        var endsCleanly = true
        /// Nothing more can be delivered; the connection is to be cut.
        var isBroken = false
        /// The connection is suspended until there is something to send.
        var isAsleep = false
        var handle: OpaquePointer?
        var connection: ClientConnection?
        var onClose: (@Sendable () -> Void)?
    }

    /// - Parameters:
    ///   - bufferLimit: bytes that may wait for a slow reader; past it the connection is cut.
    ///   - hasComments: false for a stream that is only written to with ``write(_:)``.
    ///   - onClose: see ``onClose``.
    public init(bufferLimit: Int = 256 * 1024, hasComments: Bool = true, onClose: (@Sendable () -> Void)? = nil) {
        self.bufferLimit = bufferLimit
        self.hasComments = hasComments
        state = State()
        state.onClose = onClose
    }

    deinit { abandon() }

    /// Called once when the stream is over: finished and delivered, the client gone, too slow, the server stopping, or
    /// the response never sent. Called on a thread of the server, which it must not block. Set after the end, it is
    /// called at once.
    public var onClose: (@Sendable () -> Void)? {
        get { lock.withLock { state.onClose } }
        set {
            let isLate = lock.withLock {
                if state.phase == .closed { return true }
                state.onClose = newValue
                return false
            }
            if isLate { newValue?() }
        }
    }

    /// Sends an event.
    /// - Parameters:
    ///   - event: its type; `message` to clients where nil. Line breaks are left out.
    ///   - id: what a client that comes back names in `Last-Event-ID`. Line breaks and NUL are left out.
    ///   - data: may have several lines.
    /// - Returns: false when nobody will get it: the stream is finished or closed, or its reader was too slow.
    @discardableResult
    public func send(event: String? = nil, id: String? = nil, data: String) -> Bool {
        var message: [UInt8] = []
        message.reserveCapacity(data.utf8.count + 64)
        if let id { EventStream.append("id: ", id, to: &message) }
        if let event { EventStream.append("event: ", event, to: &message) }
        EventStream.append(data: data, to: &message)
        message.append(ASCII.lineFeed)
        return write(message)
    }

    /// Sends bytes as they are, for streams of another form than events.
    /// - Returns: as ``send(event:id:data:)``.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> Bool {
        lock.withLock {
            guard state.phase != .closed, !state.isFinished, !state.isBroken else { return false }
            guard state.pending.count - state.sent + bytes.count <= bufferLimit else {
                cut()
                return false
            }
            state.pending.append(contentsOf: bytes)
            wake()
            return true
        }
    }

    /// Ends the response once everything that was sent is delivered.
    /// - Parameter cleanly: false leaves the response without its end and closes the connection, as a server does that
    ///   breaks down.
    public func finish(cleanly: Bool = true) {
        lock.withLock {
            state.isFinished = true
            state.endsCleanly = cleanly
            wake()
        }
    }

    /// Whether the stream is over; true from just before ``onClose`` is called.
    public var isClosed: Bool { lock.withLock { state.phase == .closed } }

    // MARK: For the server

    /// Binds the stream to the connection that it is sent to.
    /// - Returns: false where it was bound before.
    func attach(to connection: ClientConnection, handle: OpaquePointer) -> Bool {
        lock.withLock {
            guard state.phase == .new else { return false }
            state.phase = .attached
            state.connection = connection
            state.handle = handle
            if !connection.core.streamOpened(self) { state.isFinished = true }
            return true
        }
    }

    /// Gives out what is pending, on the serving thread, or suspends the connection until there is something.
    func fill(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
        lock.withLock {
            if state.isBroken { return microhttpd_end_with_error }
            let count = min(buffer.count, state.pending.count - state.sent)
            guard count > 0 else {
                if state.isFinished { return state.endsCleanly ? microhttpd_end_of_stream : microhttpd_end_with_error }
                guard let connection = state.connection, let handle = state.handle else {
                    return microhttpd_end_with_error
                }
                state.isAsleep = true
                connection.core.park(handle)
                return 0
            }
            state.pending.withUnsafeBytes {
                buffer.copyMemory(from: .init(rebasing: $0[state.sent..<state.sent + count]))
            }
            state.sent += count
            if state.sent == state.pending.count {
                state.pending.removeAll(keepingCapacity: state.sent <= 4096)
                state.sent = 0
            }
            return count
        }
    }

    /// Sends a comment where nothing else is on its way, and looks whether the client is still there: while the
    /// connection is suspended nobody else does.
    func beat() {
        lock.withLock {
            guard state.phase == .attached, !state.isFinished, !state.isBroken else { return }
            if state.connection?.withSocket(EventStream.isLeft) ?? true { return cut() }
            guard hasComments, state.pending.isEmpty else { return }
            state.pending.append(contentsOf: ":\n\n".utf8)
            wake()
        }
    }

    /// The connection, or this response on it, is over.
    func detach() { close(from: .attached) }

    /// The stream will not be sent.
    func abandon() { close(from: .new) }

    private func close(from phase: Phase) {
        let (onClose, core): ((@Sendable () -> Void)?, Core?) = lock.withLock {
            guard state.phase == phase else { return (nil, nil) }
            state.phase = .closed
            state.pending = []
            state.sent = 0
            state.handle = nil
            defer {
                state.onClose = nil
                state.connection = nil
            }
            return (state.onClose, state.connection?.core)
        }
        core?.streamClosed(self)
        onClose?()
    }

    /// Gives the reader up. The socket is ours while we are attached: the connection lets go of the stream first.
    private func cut() {
        state.isBroken = true
        state.pending = []
        state.sent = 0
        if state.phase == .attached {
            _ = state.connection?.withSocket { shutdown($0, Int32(SHUT_RDWR)) }
        }
        wake()
    }

    private func wake() {
        guard state.isAsleep, let handle = state.handle else { return }
        state.isAsleep = false
        state.connection?.core.unpark(handle)
    }

    /// Whether the other end has closed the connection. Clients of event streams send nothing after their request.
    private static func isLeft(_ socket: Int32) -> Bool {
        var byte: UInt8 = 0
        let count = recv(socket, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
        return count == 0 || count < 0 && errno != EAGAIN && errno != EINTR
    }

    // MARK: Wording

    private static func append(_ field: StaticString, _ value: String, to message: inout [UInt8]) {
        field.withUTF8Buffer { message.append(contentsOf: $0) }
        message.append(
            contentsOf: value.utf8.lazy.filter { $0 != ASCII.lineFeed && $0 != ASCII.carriageReturn && $0 != 0 }
        )
        message.append(ASCII.lineFeed)
    }

    /// One `data:` line for each line of the text, which CR, LF and CRLF end alike.
    private static func append(data: String, to message: inout [UInt8]) {
        let prefix = "data: ".utf8
        message.append(contentsOf: prefix)
        var isAfterReturn = false
        for byte in data.utf8 {
            if byte == ASCII.carriageReturn || byte == ASCII.lineFeed {
                if byte == ASCII.carriageReturn || !isAfterReturn {
                    message.append(ASCII.lineFeed)
                    message.append(contentsOf: prefix)
                }
            } else {
                message.append(byte)
            }
            isAfterReturn = byte == ASCII.carriageReturn
        }
        message.append(ASCII.lineFeed)
    }
}
