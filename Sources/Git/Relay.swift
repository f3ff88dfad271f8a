import Glibc

/// Carries an ssh session between libssh2 and the server.
///
/// libssh2 waits on its socket without any limit, so it gets one end of a pair, and a thread of ours moves the bytes
/// between the other end and the server within the job's limits. When the job has to stop, the thread shuts both down,
/// and libssh2 sees a closed connection.
final class Relay: Sendable {
    /// libssh2's end of the pair.
    let descriptor: Int32
    private let pump: Pump

    init(socket: Socket, job: Job) throws(GitError) {
        var pair: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &pair) == 0 else {
            throw GitError(.other, "cannot make a socket pair: \(String(cString: strerror(errno)))")
        }
        descriptor = pair[0]
        pump = Pump(near: pair[1], far: socket, job: job)
        let pump = pump
        do {
            try startThread { pump.run() }
        } catch {
            Glibc.close(pair[0])
            pump.finish()
            throw error
        }
    }

    /// Closes libssh2's end and waits for the thread, which ends at the next slice at the latest.
    func close() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        pump.stop()
        Glibc.close(descriptor)
    }
}

private final class Pump: @unchecked Sendable {
    // Unchecked: the sockets belong to the pump's thread once it runs; the two flags are behind the lock.
    private let near: Int32
    private let far: Socket
    private let job: Job
    private let lock = Lock()
    private var mustStop = false
    private var isDone = false
    private var toNear = Buffer()
    private var toFar = Buffer()
    private var nearEnded = false
    private var farEnded = false

    init(near: Int32, far: Socket, job: Job) {
        (self.near, self.far, self.job) = (near, far, job)
        let flags = fcntl(near, F_GETFL)
        _ = fcntl(near, F_SETFL, flags | O_NONBLOCK)
    }

    func run() {
        while !isFinished, move() {}
        finish()
    }

    func stop() {
        lock.withLock {
            mustStop = true
            while !isDone { lock.wait(milliseconds: 100) }
        }
    }

    /// Closes both sides and says that this is done.
    func finish() {
        far.close()
        Glibc.close(near)
        lock.withLock {
            isDone = true
            lock.wakeAll()
        }
    }

    private var isFinished: Bool {
        lock.withLock { mustStop } || (farEnded && toNear.isEmpty) || (nearEnded && toFar.isEmpty)
    }

    /// One round: waits a slice for whatever can move, and moves it; false when the job has to stop.
    private func move() -> Bool {
        var entries = [
            pollfd(fd: near, events: 0, revents: 0),
            pollfd(fd: far.descriptor, events: 0, revents: 0),
        ]
        if toFar.isEmpty, !nearEnded { entries[0].events |= Int16(POLLIN) }
        if !toNear.isEmpty { entries[0].events |= Int16(POLLOUT) }
        if toNear.isEmpty, !farEnded { entries[1].events |= Int16(POLLIN) }
        if !toFar.isEmpty { entries[1].events |= Int16(POLLOUT) }
        // A side that is not asked about must not wake us for having hung up.
        for index in entries.indices where entries[index].events == 0 { entries[index].fd = -1 }
        let count = poll(&entries, 2, pollSlice)
        // While libssh2 has not taken what came, it is busy and the server is not silent.
        guard (toNear.isEmpty ? job.reasonToStopWaiting() : job.reasonToStop()) == nil else { return false }
        guard count > 0 else { return true }
        if entries[1].revents != 0 {
            if !toFar.isEmpty { farEnded = !toFar.drain(to: far.descriptor) || farEnded }
            if toNear.isEmpty, !farEnded, entries[1].events & Int16(POLLIN) != 0 {
                farEnded = !toNear.fill(from: far.descriptor)
                job.noteActivity()
            }
        }
        if entries[0].revents != 0 {
            if !toNear.isEmpty { nearEnded = !toNear.drain(to: near) || nearEnded }
            if toFar.isEmpty, !nearEnded, entries[0].events & Int16(POLLIN) != 0 {
                nearEnded = !toFar.fill(from: near)
                job.noteActivity()
            }
        }
        return true
    }
}

/// Bytes on their way from one socket to the other.
private struct Buffer {
    private var bytes = [UInt8](repeating: 0, count: 64 << 10)
    private var waiting = 0..<0

    var isEmpty: Bool { waiting.isEmpty }

    /// Reads what is there; false when the other end has closed or failed.
    mutating func fill(from descriptor: Int32) -> Bool {
        let got = bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
        if got > 0 { waiting = 0..<got }
        return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))
    }

    /// Writes what can be written; false when the other end has closed or failed.
    mutating func drain(to descriptor: Int32) -> Bool {
        let rest = waiting
        let sent = bytes.withUnsafeBytes {
            send(descriptor, $0.baseAddress?.advanced(by: rest.lowerBound), rest.count, Int32(MSG_NOSIGNAL))
        }
        if sent > 0 { waiting = (rest.lowerBound + sent)..<rest.upperBound }
        return sent >= 0 || errno == EAGAIN || errno == EINTR
    }
}
