import CMicroHTTPD
import Glibc
import Synchronization

/// One request and its response.
///
/// Most of it belongs to the one thread that serves the connection. What other threads touch are `claimed`, `state`
/// and `response`, without a lock: whoever sets `claimed` may write `response`; it then sets `state` to answered, and
/// only what was parked before is resumed. While a connection is suspended libmicrohttpd neither frees it nor calls
/// us for it, so the pointer holds exactly as long as `state` says parked.
///
/// Unchecked for these reasons.
final class Exchange: @unchecked Sendable {
    private enum State: UInt8, AtomicRepresentable {
        /// Arriving, or with the handler on the serving thread.
        case open
        /// The handler has returned without an answer; the connection is suspended.
        case parked
        /// `response` is set.
        case answered
    }

    /// Let go of at the end: a responder that somebody keeps must not keep the server, and through it the handler.
    /// Other threads only read it while the connection is parked.
    private var connection: ClientConnection?
    private let handle: OpaquePointer

    private let state = Atomic<State>(.open)
    private let claimed = Atomic<Bool>(false)
    private var response: Response?

    private var target: RequestTarget?
    /// Where libmicrohttpd keeps the target, for ``Framing`` only: it is compared, never read.
    private let targetPlace: (start: UInt, length: Int)
    private var method = ""
    private var head = RequestHead()
    private var body: [UInt8] = []
    private var limit = 0
    private var charged = 0
    private var isOpened = false
    private var isHandedOver = false
    private let began: MonotonicTime

    /// - Parameter target: the target as sent, before libmicrohttpd decodes it in place.
    init(connection: ClientConnection, handle: OpaquePointer, target: UnsafePointer<CChar>) {
        self.connection = connection
        self.handle = handle
        let length = strlen(target)
        targetPlace = (UInt(bitPattern: target), length)
        began = connection.core.configuration.observer == nil ? .never : .now
        self.target = RequestTarget(
            UnsafeBufferPointer(start: UnsafeRawPointer(target).assumingMemoryBound(to: UInt8.self), count: length)
        )
        connection.core.requestBegan()
        connection.begin(self)
    }

    // MARK: Arrival, on the serving thread

    /// libmicrohttpd calls once for the head, once for each piece of the body, and once or more when all is there.
    func proceed(
        method: UnsafePointer<CChar>,
        version: UnsafePointer<CChar>,
        piece: UnsafePointer<CChar>?,
        count: UnsafeMutablePointer<Int>
    ) -> MHD_Result {
        guard let connection else { return .NO }
        guard isOpened else {
            isOpened = true
            return open(connection, method: method, version: version)
        }
        guard count.pointee > 0, let piece else { return complete(connection) }
        defer { count.pointee = 0 }
        return receive(UnsafeRawBufferPointer(start: piece, count: count.pointee), connection)
    }

    /// Checks the head. Answering here makes libmicrohttpd close the connection without reading the body.
    private func open(
        _ connection: ClientConnection,
        method: UnsafePointer<CChar>,
        version: UnsafePointer<CChar>
    ) -> MHD_Result {
        let core = connection.core
        guard let target else { return refuse(.badRequest("the target is malformed")) }
        let line = Framing.RequestLine(
            method: method,
            target: targetPlace.start,
            targetLength: targetPlace.length,
            version: version
        )
        let framing: Framing
        switch Framing.read(handle, line: line, authority: target.authority) {
        case .failure(let fault): return refuse(.badRequest(fault.reason))
        case .success(let read): framing = read
        }
        self.method = String(cString: method)
        head = framing.head
        limit = core.configuration.maxBodyBytes
        if framing.contentLength == 0 { return .YES }
        if let bodyLimit = core.configuration.bodyLimit { limit = min(limit, bodyLimit(self.method, target.path)) }
        let length = framing.contentLength ?? 0
        guard length <= limit else { return refuse(.tooLarge) }
        guard core.bodies.hasRoom(for: max(length, 1)) else { return refuse(.overloaded) }
        // More is taken as it comes: an announcement alone must not cost memory.
        body.reserveCapacity(min(length, 256 * 1024))
        return .YES
    }

    private func refuse(_ refusal: Refusal) -> MHD_Result {
        guard claim() else { return .NO }
        return queue(refusal.response)
    }

    private func receive(_ piece: UnsafeRawBufferPointer, _ connection: ClientConnection) -> MHD_Result {
        let refusal: Refusal
        if piece.count > limit - body.count {
            refusal = .tooLarge
        } else if !connection.core.bodies.charge(piece.count) {
            refusal = .overloaded
        } else {
            charged += piece.count
            body.append(contentsOf: piece)
            return .YES
        }
        _ = claim()
        observe(refusal.response.status)
        _ = connection.withSocket { refusal.write(to: $0) }
        return .NO
    }

    private func complete(_ connection: ClientConnection) -> MHD_Result {
        if !isHandedOver {
            isHandedOver = true
            connection.handedOver()
            handOver(connection)
        }
        if state.load(ordering: .acquiring) == .answered { return queueAnswer() }
        connection.core.park(handle)
        let isParked = state.compareExchange(
            expected: .open,
            desired: .parked,
            ordering: .acquiringAndReleasing
        ).exchanged
        // Answered by another thread since we looked.
        if !isParked { connection.core.unpark(handle) }
        return .YES
    }

    private func handOver(_ connection: ClientConnection) {
        guard let target else { return }
        // Asked after `begin`: either the stop sees this exchange, or this sees the stop.
        guard !connection.core.isClosed else { return answer(Refusal.stopping.response) }
        guard !isAnswered else { return }
        let request = Request(
            method: method,
            target: (target.path, target.rawPath, target.query),
            head: head,
            body: body,
            remoteAddress: connection.remoteAddress
        )
        body = []
        head = RequestHead()
        connection.core.handler(request, Responder(self))
    }

    // MARK: Answer, on any thread

    var isAnswered: Bool { claimed.load(ordering: .relaxed) }

    func answer(_ response: Response) {
        guard claim() else { return response.discard() }
        self.response = response
        if state.exchange(.answered, ordering: .acquiringAndReleasing) == .parked {
            connection?.core.unpark(handle)
        }
    }

    private func claim() -> Bool {
        claimed.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged
    }

    // MARK: Departure, on the serving thread

    private func queueAnswer() -> MHD_Result {
        guard let response = response.take() else { return .NO }
        return queue(response)
    }

    private func queue(_ response: Response) -> MHD_Result {
        let status = response.status
        guard let connection,
            let outgoing = OutgoingResponse(response, connection: connection, handle: handle)
        else { return .NO }
        observe(status)
        return outgoing.queue()
    }

    private func observe(_ status: Int) {
        guard let observer = connection?.core.configuration.observer else { return }
        observer(
            AnsweredRequest(
                method: method,
                path: target?.path ?? "",
                status: status,
                seconds: Double(MonotonicTime.now.nanoseconds - began.nanoseconds) / 1e9
            )
        )
    }

    /// The response is sent, or the connection lost.
    func finish() {
        guard let connection else { return }
        connection.end()
        // Not before it says answered: another thread may be writing the response.
        if !claim(), state.load(ordering: .acquiring) == .answered { response.take()?.discard() }
        connection.core.bodies.release(charged)
        charged = 0
        self.connection = nil
        connection.core.requestEnded()
    }
}
