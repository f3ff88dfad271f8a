import CMicroHTTPD
import Glibc

/// The listening socket and the thread that accepts connections.
/// Unchecked: the descriptors change only in ``stop()``, after the thread has ended.
final class Acceptor: @unchecked Sendable {
    let port: UInt16
    private let listener: Int32
    /// Two ends of a pair: closing one wakes the thread that polls the other.
    private let bell: (ring: Int32, hear: Int32)
    private let core: Core
    private let daemon: Daemon
    private var thread: Thread?

    /// - Parameter listener: a listening socket, which the acceptor closes.
    init(listener: Int32, core: Core, daemon: Daemon) throws {
        self.listener = listener
        self.core = core
        self.daemon = daemon
        port = SocketAddress.port(of: listener)
        var pair: [Int32] = [-1, -1]
        let made = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair)
        bell = (pair[0], pair[1])
        guard made == 0 else {
            let error = HTTPServerError.system("cannot make a pair of sockets")
            close(listener)
            throw error
        }
        do {
            thread = try Thread(name: "http-accept") { [self] in run() }
        } catch {
            close(bell.ring)
            closeRest()
            throw error
        }
    }

    /// Stops listening, after taking on the connections that the kernel has accepted: a webhook may be on them.
    func stop() {
        close(bell.ring)
        thread?.join()
        thread = nil
        _ = acceptAll()
        closeRest()
    }

    private func closeRest() {
        close(listener)
        close(bell.hear)
    }

    private func run() {
        var descriptors = [
            pollfd(fd: bell.hear, events: Int16(POLLIN), revents: 0),
            pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            guard poll(&descriptors, 2, -1) > 0 else { continue }
            if descriptors[0].revents != 0 { return }
            if !acceptAll() {
                // Out of descriptors or memory: wait a little instead of spinning, but listen for the bell.
                poll(&descriptors, 1, 100)
            }
        }
    }

    /// - Returns: false where the machine has no room for another connection.
    private func acceptAll() -> Bool {
        while true {
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let isGoing = withUnsafeMutablePointer(to: &storage) { storage -> Bool? in
                let address = UnsafeMutableRawPointer(storage).assumingMemoryBound(to: sockaddr.self)
                let socket = microhttpd_accept(listener, address, &length)
                guard socket >= 0 else {
                    return [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(errno) ? false : nil
                }
                serve(socket, address, length)
                return true
            }
            guard isGoing == true else { return isGoing ?? true }
        }
    }

    private func serve(_ socket: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t) {
        guard core.openConnections < core.configuration.connectionLimit else {
            Refusal.overloaded.write(to: socket)
            close(socket)
            return
        }
        core.newcomerAccepted()
        if !daemon.take(socket, address, length) { core.newcomerSettled() }
    }
}
