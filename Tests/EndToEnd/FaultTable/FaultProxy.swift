import Foundation
import Pipelines

/// Stands in front of a real server on loopback and passes on what it is sent, until it is told of a fault. Each
/// connection carries one request: the proxy asks the server to close after it, so that requests can be counted and cut.
final class FaultProxy: Sendable {
    private struct State {
        var fault: PeerFault?
        var seen = 0
        var struck = 0
        var lines: [String] = []
        var listener: Int32?
        /// Both ends of every exchange that is under way.
        var open: Set<Int32> = []
    }

    let port: UInt16
    private let target: UInt16
    /// Bound and never listening: keeps the port while nobody listens on it.
    private let holder: Int32
    private let state = Locked(State())

    /// - Parameter target: the port on 127.0.0.1 of the real server.
    init(to target: UInt16) throws {
        self.target = target
        (holder, port) = try boundSocket(shared: true)
        try listen()
    }

    deinit { close(holder) }

    /// Ends everything that is under way, and the port.
    func stop() { shut() }

    /// The fault from now on; nil: all is well.
    func set(_ fault: PeerFault?) throws {
        let isListening = state.withLock { state in
            (state.fault, state.seen, state.struck, state.lines) = (fault, 0, 0, [])
            return state.listener != nil
        }
        if fault?.action == .refuse, fault?.line == "" { return shut() }
        if !isListening { try listen() }
    }

    /// How many requests the present fault has struck.
    var struck: Int { state.withLock { $0.struck } }

    /// The first lines of all requests since the present fault was set, in order.
    var lines: [String] { state.withLock { $0.lines } }

    // MARK: - Listening

    private func listen() throws {
        let (listener, _) = try boundSocket(port, shared: true)
        guard Glibc.listen(listener, 128) == 0 else { throw Unexpected("cannot listen on \(port)") }
        state.withLock { $0.listener = listener }
        Thread.detachNewThread { [weak self] in
            while true {
                let client = accept(listener, nil, nil)
                if client < 0, errno == EINTR || errno == ECONNABORTED { continue }
                guard client >= 0, let self else { break }
                _ = fcntl(client, F_SETFD, FD_CLOEXEC)
                Thread.detachNewThread { self.serve(client) }
            }
            close(listener)
        }
    }

    /// Nobody listens any more, and what is under way is broken off, as when a program dies.
    private func shut() {
        state.withLock { state in
            if let listener = state.listener { shutdown(listener, Int32(SHUT_RDWR)) }
            state.listener = nil
            for descriptor in state.open { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    // MARK: - One request

    private func serve(_ client: Int32) {
        hold(client)
        defer { release(client) }
        if isTLS(client) { return }
        guard let head = RequestHead(readingFrom: client) else { return }
        switch decide(head.line) {
        case nil: exchange(client, head, .max, .max)
        case .refuse: shut()
        case .hang: drain(client)
        case .status(let status, let seconds):
            let wait = seconds.map { "Retry-After: \($0)\r\n" } ?? ""
            let body = "something is wrong here\n"
            let answer =
                "HTTP/1.1 \(status) Wrong\r\n\(wait)Content-Type: text/plain\r\nContent-Length: \(body.count)\r\n"
                + "Connection: close\r\n\r\n\(body)"
            _ = sendAll(client, Array(answer.utf8))
            // Closed at once, what is still being sent would reset the connection before the answer is read.
            shutdown(client, Int32(SHUT_WR))
            drain(client)
        case .cutAnswer(let count): exchange(client, head, .max, count)
        case .cutRequest(let count): exchange(client, head, count, .max)
        }
    }

    /// Whoever tries TLS first is told at once that there is none, as by a server that speaks plain HTTP.
    private func isTLS(_ client: Int32) -> Bool {
        var first: UInt8 = 0
        guard recv(client, &first, 1, Int32(MSG_PEEK)) == 1, first == 0x16 else { return false }
        if state.withLock({ $0.fault?.action == .hang && $0.fault?.line == "" }) { drain(client) }
        _ = sendAll(client, Array("HTTP/1.0 400 Bad Request\r\n\r\n".utf8))
        return true
    }

    private func decide(_ line: String) -> PeerFault.Action? {
        state.withLock { state in
            state.lines.append(line)
            guard let fault = state.fault else { return nil }
            let isMeant = fault.line.isEmpty || line.contains(fault.line) || (fault.isForAll && state.struck > 0)
            guard isMeant else { return nil }
            state.seen += 1
            guard state.seen > fault.skip, state.struck < fault.times else { return nil }
            state.struck += 1
            return fault.action
        }
    }

    /// Passes on both ways until both sides are done, or until so many bytes went one way.
    private func exchange(_ client: Int32, _ head: RequestHead, _ requestBytes: Int, _ answerBytes: Int) {
        guard let server = try? connected(to: target) else { return }
        hold(server)
        defer { release(server) }
        let first = head.closing
        guard sendAll(server, Array(first.prefix(requestBytes))) else { return }
        if first.count >= requestBytes { return reset(client, server) }
        var request = Pump(from: client, to: server, left: requestBytes - first.count)
        var answer = Pump(from: server, to: client, left: answerBytes)
        while !answer.isDone {
            var waiting = [client, server].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&waiting, 2, -1) > 0 || errno == EINTR else { return }
            if waiting[0].revents != 0, !request.move() { return reset(client, server) }
            if waiting[1].revents != 0, !answer.move() { return }
            // Clients that have gone do not wait for an answer.
            if request.isDone || request.isBroken || answer.isBroken { return }
        }
    }

    /// Reads and forgets until the other side closes.
    private func drain(_ descriptor: Int32) {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while recv(descriptor, &chunk, chunk.count, 0) > 0 {}
    }

    /// Lets the next close of these be a reset.
    private func reset(_ descriptors: Int32...) {
        for descriptor in descriptors {
            var now = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        }
    }

    private func hold(_ descriptor: Int32) { state.withLock { _ = $0.open.insert(descriptor) } }

    private func release(_ descriptor: Int32) {
        state.withLock { state in
            state.open.remove(descriptor)
            close(descriptor)
        }
    }
}
