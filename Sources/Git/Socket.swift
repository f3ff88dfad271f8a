import Glibc

/// How long one `poll` waits before the job is asked whether to go on, in milliseconds: the bound on how late a
/// cancelled task is noticed.
let pollSlice: Int32 = 100

/// A connected TCP socket that never blocks longer than its job allows.
final class Socket {
    private(set) var descriptor: Int32
    private let job: Job

    /// Tries the addresses in order, the last one for as long as the job allows.
    init(addresses: [SocketAddress], name: String, job: Job) throws(GitError) {
        self.job = job
        descriptor = -1
        var why = "it has no address"
        for (index, address) in addresses.enumerated() {
            let patience: Duration? = index + 1 < addresses.count ? .seconds(5) : nil
            switch try Self.connect(address, job: job, patience: patience) {
            case .success(let open):
                descriptor = open
                return
            case .failure(let failure):
                why = failure.text
            }
        }
        throw GitError(.network, "cannot connect to \(name): \(why)")
    }

    deinit { close() }

    func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    private struct ConnectFailure: Error {
        let text: String
        init(_ number: Int32) { text = String(cString: strerror(number)) }
    }

    private static func connect(
        _ address: SocketAddress,
        job: Job,
        patience: Duration?
    ) throws(GitError) -> Result<Int32, ConnectFailure> {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let open = socket(address.family, kind, 0)
        guard open >= 0 else { return .failure(ConnectFailure(errno)) }
        var keep = false
        defer { if !keep { Glibc.close(open) } }
        var on: Int32 = 1
        // libgit2 writes a request's head and body apart: without this the body waits for the far side's delayed
        // acknowledgement, 40 ms each time.
        setsockopt(open, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        let status = address.bytes.withUnsafeBytes {
            Glibc.connect(
                open,
                $0.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                socklen_t(address.bytes.count)
            )
        }
        if status != 0 {
            guard errno == EINPROGRESS else { return .failure(ConnectFailure(errno)) }
            let end = patience.map { ContinuousClock.now + $0 }
            while !ready(open, for: POLLOUT) {
                if let reason = job.reasonToStopWaiting() { throw reason }
                if let end, ContinuousClock.now >= end { return .failure(ConnectFailure(ETIMEDOUT)) }
            }
            var outcome: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(open, SOL_SOCKET, SO_ERROR, &outcome, &size)
            guard outcome == 0 else { return .failure(ConnectFailure(outcome)) }
        }
        keep = true
        job.noteActivity()
        return .success(open)
    }

    /// Whether the descriptor can be read or written (or has failed, which the next call tells), after one slice.
    private static func ready(_ descriptor: Int32, for events: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        return poll(&entry, 1, pollSlice) > 0
    }

    /// Waits until the socket can be read or written, as `events` says in the words of poll(2).
    func wait(for events: Int32) throws(GitError) {
        while !Self.ready(descriptor, for: events) {
            if let reason = job.reasonToStopWaiting() { throw reason }
        }
        if let reason = job.reasonToStop() { throw reason }
    }

    /// Reads what is there, waiting for the first byte; 0 when the far side has closed.
    func read(into buffer: UnsafeMutableRawPointer, count: Int) throws(GitError) -> Int {
        job.noteActivity()
        while true {
            let got = recv(descriptor, buffer, count, 0)
            if got >= 0 { return got }
            try retry(errno, waitingFor: POLLIN, verb: "read from")
        }
    }

    /// Writes at least one byte and returns how many.
    func write(_ buffer: UnsafeRawPointer, count: Int) throws(GitError) -> Int {
        job.noteActivity()
        while true {
            let sent = send(descriptor, buffer, count, Int32(MSG_NOSIGNAL))
            if sent >= 0 { return sent }
            try retry(errno, waitingFor: POLLOUT, verb: "write to")
        }
    }

    private func retry(_ number: Int32, waitingFor events: Int32, verb: String) throws(GitError) {
        switch number {
        case EINTR: try job.check()
        case EAGAIN: try wait(for: events)
        default: throw GitError(.network, "cannot \(verb) the server: \(String(cString: strerror(number)))")
        }
    }
}
