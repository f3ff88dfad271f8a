import Glibc

/// A moment of the monotonic clock, which no change of the wall clock moves.
struct MonotonicTime: Comparable {
    let nanoseconds: UInt64

    /// For what nobody measures.
    static let never = MonotonicTime(nanoseconds: 0)

    static var now: MonotonicTime { read(CLOCK_MONOTONIC) }

    /// A few milliseconds late, and so cheap that every request can ask.
    static var coarse: MonotonicTime { read(CLOCK_MONOTONIC_COARSE) }

    private static func read(_ clock: clockid_t) -> MonotonicTime {
        var time = timespec()
        clock_gettime(clock, &time)
        return MonotonicTime(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    static func < (left: MonotonicTime, right: MonotonicTime) -> Bool { left.nanoseconds < right.nanoseconds }

    func advanced(by duration: Duration) -> MonotonicTime {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = max(0, min(seconds, 1_000_000_000)) * 1_000_000_000 + max(0, attoseconds / 1_000_000_000)
        return MonotonicTime(nanoseconds: self.nanoseconds + UInt64(nanoseconds))
    }
}
