import Glibc

/// The process group of a child that we started and have not reaped yet. As long as the leader is not reaped, its
/// number belongs to it: a signal cannot hit a stranger.
struct ChildGroup: Sendable {
    /// Time between SIGTERM and SIGKILL.
    static let grace: Duration = .seconds(2)

    let leader: Int32

    func signal(_ number: Int32) { kill(-leader, number) }

    /// Whether the leader has exited. Leaves it to be reaped by whoever started it (WNOWAIT).
    var leaderHasExited: Bool {
        var info = siginfo_t()
        let result = waitid(P_PID, id_t(leader), &info, WEXITED | WNOHANG | WNOWAIT)
        return result != 0 || info.si_signo == SIGCHLD
    }

    /// Waits until the leader has exited, at most `limit`; false if it has not.
    @discardableResult
    func waitForLeader(atMost limit: Duration? = nil) async -> Bool {
        let end = limit.map { ContinuousClock.now + $0 }
        var pause = Duration.milliseconds(1)
        while !leaderHasExited {
            if let end, ContinuousClock.now >= end { return false }
            try? await Task.sleep(for: pause)
            if Task.isCancelled { return leaderHasExited }
            pause = min(pause * 2, .milliseconds(25))
        }
        return true
    }

    /// SIGTERM to all, a grace for the leader, SIGKILL to all.
    func tearDown() async {
        signal(SIGTERM)
        signal(SIGCONT)
        await waitForLeader(atMost: Self.grace)
        signal(SIGKILL)
    }
}
