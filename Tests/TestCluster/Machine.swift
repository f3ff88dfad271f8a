import Foundation

/// Guards a cluster with one lock and gives its controllers a thread.
/// Unchecked: everything mutable is only touched with `condition` locked.
final class Machine: @unchecked Sendable {
    private let condition = NSCondition()
    private var cluster: Cluster
    private var waiters: [Waiter] = []
    private var isStopped = false

    private struct Waiter {
        var deadline: ContinuousClock.Instant
        var isMet: @Sendable (Cluster) -> Bool
        var resume: CheckedContinuation<Bool, Never>
    }

    init(_ cluster: Cluster) {
        self.cluster = cluster
        let thread = Foundation.Thread { [self] in run() }
        thread.name = "test-cluster"
        thread.start()
    }

    func with<Result>(_ body: (inout Cluster) throws -> Result) rethrows -> Result {
        condition.lock()
        defer {
            settle()
            condition.signal()
            condition.unlock()
        }
        return try body(&cluster)
    }

    /// Waits until a condition holds, looked at after every change.
    /// - Returns: false when the time is over.
    func wait(for time: Duration, until isMet: @escaping @Sendable (Cluster) -> Bool) async -> Bool {
        await withCheckedContinuation { resume in
            condition.lock()
            waiters.append(Waiter(deadline: .now + time, isMet: isMet, resume: resume))
            settle()
            condition.signal()
            condition.unlock()
        }
    }

    func stop() {
        condition.lock()
        isStopped = true
        for waiter in waiters { waiter.resume.resume(returning: false) }
        waiters = []
        condition.signal()
        condition.unlock()
    }

    private func settle() {
        guard !waiters.isEmpty else { return }
        let now = ContinuousClock.now
        waiters.removeAll { waiter in
            let isMet = waiter.isMet(cluster)
            guard isMet || waiter.deadline <= now else { return false }
            waiter.resume.resume(returning: isMet)
            return true
        }
    }

    private func run() {
        condition.lock()
        defer { condition.unlock() }
        while !isStopped {
            let now = ContinuousClock.now
            if let job = cluster.agenda.next(at: now) {
                cluster.perform(job)
                settle()
                // Requests come in between two jobs, as they would with controllers of their own.
                condition.unlock()
                condition.lock()
                continue
            }
            settle()
            let due = [cluster.agenda.due, waiters.map(\.deadline).min()].compactMap(\.self).min()
            guard let due else {
                condition.wait()
                continue
            }
            let rest = now.duration(to: due)
            let seconds = Double(rest.components.seconds) + Double(rest.components.attoseconds) / 1e18
            _ = condition.wait(until: Date(timeIntervalSinceNow: max(seconds, 0.0001)))
        }
    }
}
