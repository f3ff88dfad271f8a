import CMicroHTTPD
import Glibc

/// The running libmicrohttpd: a pool of threads, each with an epoll loop, to which connections are handed.
///
/// It has no listening socket of its own. `MHD_quiesce_daemon` of 0.9.75 takes the socket out of the epoll sets of the
/// threads while these do so themselves, and aborts the process where the two meet; see ``Acceptor``.
///
/// Unchecked: the pointer never changes, and what is called on it is safe from any thread.
final class Daemon: @unchecked Sendable {
    private let daemon: OpaquePointer
    private let core: Unmanaged<Core>

    init(core: Core) throws {
        let configuration = core.configuration
        let context = Unmanaged.passRetained(core)
        var options = [
            Daemon.option(.THREAD_POOL_SIZE, configuration.threads),
            // Room for those that were accepted and are not counted yet.
            Daemon.option(.CONNECTION_LIMIT, configuration.connectionLimit + 64 * configuration.threads),
            Daemon.option(.CONNECTION_TIMEOUT, configuration.idleTimeout),
            // Half of it is the read buffer: head and body of an ordinary webhook come in one read.
            Daemon.option(.CONNECTION_MEMORY_LIMIT, 32 * 1024),
            Daemon.option(
                .NOTIFY_CONNECTION,
                unsafeBitCast(Callbacks.connection, to: Int.self),
                context.toOpaque()
            ),
            Daemon.option(
                .NOTIFY_COMPLETED,
                unsafeBitCast(Callbacks.completed, to: Int.self),
                context.toOpaque()
            ),
            Daemon.option(
                .URI_LOG_CALLBACK,
                unsafeBitCast(Callbacks.requestLine, to: Int.self),
                context.toOpaque()
            ),
            Daemon.option(.END, 0),
        ]
        let flags =
            MHD_USE_EPOLL_INTERNAL_THREAD.rawValue | MHD_ALLOW_SUSPEND_RESUME.rawValue
            | MHD_USE_NO_LISTEN_SOCKET.rawValue
        guard let daemon = microhttpd_start(flags, Callbacks.request, context.toOpaque(), &options) else {
            context.release()
            throw HTTPServerError.system("cannot start libmicrohttpd")
        }
        self.daemon = daemon
        self.core = context
    }

    private static func option(
        _ option: MHD_OPTION,
        _ value: Int,
        _ pointer: UnsafeMutableRawPointer? = nil
    ) -> MHD_OptionItem {
        MHD_OptionItem(option: option, value: value, ptr_value: pointer)
    }

    /// Hands over an accepted socket, which libmicrohttpd closes from now on, also where it does not take it.
    /// - Returns: whether it does.
    func take(_ socket: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> Bool {
        MHD_add_connection(daemon, socket, address, length) == .YES
    }

    /// Closes all connections and ends the threads. Call once, with no connection suspended and nothing more to come.
    func stop() {
        MHD_stop_daemon(daemon)
        core.release()
    }
}
