#if DEBUG
    import Glibc
    import Synchronization

    /// Where a test kills the program: beside every transaction. What is written of a run, a release, an object that is
    /// about to be changed or was changed, a child that was started, is written in one.
    ///
    /// Builds for use have none of this.
    enum CrashPoint: String {
        case beforeCommit = "before-commit"
        case afterCommit = "after-commit"

        /// `FAIRLEAD_CRASH_AT=before-commit:17` ends the program, as the kernel would, when it comes there the 17th time.
        private static let chosen: (point: String, count: Int)? = {
            guard let text = getenv("FAIRLEAD_CRASH_AT").map({ String(cString: $0) }) else { return nil }
            let parts = text.split(separator: ":")
            guard parts.count == 2, let count = Int(parts[1]) else { return nil }
            return (String(parts[0]), count)
        }()
        private static let passed = Atomic<Int>(0)

        func pass() {
            guard let chosen = Self.chosen, chosen.point == rawValue else { return }
            if Self.passed.add(1, ordering: .relaxed).newValue == chosen.count { kill(getpid(), SIGKILL) }
        }
    }
#else
    enum CrashPoint {
        case beforeCommit, afterCommit

        @inline(__always) func pass() {}
    }
#endif
