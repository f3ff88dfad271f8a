import Glibc

/// The parts of a running server and the order in which they stop.
/// Unchecked: `progress` is only touched with `condition` held.
final class Engine: @unchecked Sendable {
    let core: Core
    private let daemon: Daemon
    private let acceptor: Acceptor
    private let pulse: Pulse

    private enum Progress { case running, stopping, stopped }
    private let condition = Condition()
    private var progress = Progress.running

    init(core: Core) throws {
        try Engine.check(core.configuration)
        let listener = try SocketAddress.listen(
            address: core.configuration.address,
            port: core.configuration.port
        )
        self.core = core
        do {
            daemon = try Daemon(core: core)
        } catch {
            close(listener)
            throw error
        }
        do {
            pulse = try Pulse(core: core)
        } catch {
            daemon.stop()
            close(listener)
            throw error
        }
        do {
            acceptor = try Acceptor(listener: listener, core: core, daemon: daemon)
        } catch {
            pulse.stop()
            daemon.stop()
            throw error
        }
    }

    var port: UInt16 { acceptor.port }

    /// Stops, blocking; see ``HTTPServer/stop(grace:)``. libmicrohttpd aborts the process if it is stopped with a
    /// connection suspended, hence the order.
    func stop(grace: Duration) {
        let isFirst = condition.withLock {
            guard progress == .running else { return false }
            progress = .stopping
            return true
        }
        guard isFirst else {
            return condition.withLock { while progress != .stopped { condition.wait() } }
        }
        acceptor.stop()
        let start = MonotonicTime.now
        core.drain()
        core.waitForNewcomers(start.advanced(by: min(grace, core.configuration.newcomerGrace)))
        core.waitUntilIdle(start.advanced(by: grace))
        core.answerForHandlers()
        // For the last answers to reach their sockets; a client that does not read has no claim to more.
        core.waitUntilIdle(.now.advanced(by: .seconds(2)))
        core.waitUntilNothingParked()
        daemon.stop()
        pulse.stop()
        condition.withLock { progress = .stopped }
        condition.broadcast()
    }

    private static func check(_ configuration: HTTPServerConfiguration) throws {
        let limits = [
            ("threads", configuration.threads, 1...1024),
            ("connectionLimit", configuration.connectionLimit, 1...1_000_000),
            ("idleTimeout", configuration.idleTimeout, 1...86_400),
            ("requestTimeout", configuration.requestTimeout, 1...86_400),
            ("maxBodyBytes", configuration.maxBodyBytes, 0...Int(Int32.max)),
            ("maxBodyBytesInFlight", configuration.maxBodyBytesInFlight, 0...Int.max / 2),
        ]
        for (name, value, range) in limits where !range.contains(value) {
            throw HTTPServerError(
                .configuration,
                "\(name) is \(value), and has to be \(range.lowerBound) to \(range.upperBound)"
            )
        }
    }
}
