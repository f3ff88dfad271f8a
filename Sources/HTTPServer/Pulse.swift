/// The thread that looks at the clock: heartbeats of event streams, and requests that take too long to arrive.
/// Unchecked: `isStopped` is only touched with `condition` held, `thread` only by who starts and stops.
final class Pulse: @unchecked Sendable {
    private let core: Core
    private let condition = Condition()
    private var isStopped = false
    private var thread: Thread?

    init(core: Core) throws {
        self.core = core
        thread = try Thread(name: "http-pulse") { [self] in run() }
    }

    func stop() {
        condition.withLock { isStopped = true }
        condition.broadcast()
        thread?.join()
        thread = nil
    }

    private func run() {
        let heartbeat = max(core.configuration.heartbeat, .milliseconds(10))
        var nextBeat = MonotonicTime.now.advanced(by: heartbeat)
        var nextLook = MonotonicTime.now.advanced(by: .seconds(1))
        while waitUntil(min(nextBeat, nextLook)) {
            let now = MonotonicTime.now
            if now >= nextBeat {
                core.beat()
                nextBeat = now.advanced(by: heartbeat)
            }
            if now >= nextLook {
                core.endStalled()
                nextLook = now.advanced(by: .seconds(1))
            }
        }
    }

    /// - Returns: false when the server stops.
    private func waitUntil(_ deadline: MonotonicTime) -> Bool {
        condition.withLock {
            while !isStopped {
                if !condition.wait(until: deadline) { return !isStopped }
            }
            return false
        }
    }
}
