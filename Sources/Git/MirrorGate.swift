/// Who may do what with one mirror's folder at a time: any number of readers; one fetch, so that two runs of one
/// repository do not download the same twice; and packs are replaced only while nobody else is there.
final class MirrorGate: @unchecked Sendable {
    // Unchecked: the three fields are behind the lock.
    private let lock = Lock()
    private var readers = 0
    private var isFetching = false
    private var isRepacking = false

    func reading<Result>(_ job: Job, _ body: () throws -> Result) throws -> Result {
        try enter(job) {
            guard !isRepacking else { return false }
            readers += 1
            return true
        }
        defer { leave { readers -= 1 } }
        return try body()
    }

    func fetching<Result>(_ job: Job, _ body: () throws -> Result) throws -> Result {
        try enter(job) {
            guard !isRepacking, !isFetching else { return false }
            isFetching = true
            return true
        }
        defer { leave { isFetching = false } }
        return try body()
    }

    /// Runs the body only if nobody uses the mirror right now.
    func repackingIfIdle(_ body: () throws -> Void) rethrows {
        let isIdle = lock.withLock {
            guard readers == 0, !isFetching, !isRepacking else { return false }
            isRepacking = true
            return true
        }
        guard isIdle else { return }
        defer { leave { isRepacking = false } }
        try body()
    }

    private func enter(_ job: Job, _ attempt: () -> Bool) throws(GitError) {
        try lock.withLock { () throws(GitError) in
            while !attempt() {
                try job.check()
                lock.wait(milliseconds: Int(pollSlice))
            }
        }
    }

    private func leave(_ change: () -> Void) {
        lock.withLock {
            change()
            lock.wakeAll()
        }
    }
}

extension MirrorGate {
    /// The one gate of a folder, however many mirrors are opened there. Gates are never given back: there are as many
    /// as repositories.
    static func of(_ path: String) -> MirrorGate { registry.gate(path) }

    private static let registry = Registry()

    private final class Registry: @unchecked Sendable {
        // Unchecked: the table is behind the lock.
        private let lock = Lock()
        private var gates: [String: MirrorGate] = [:]

        func gate(_ path: String) -> MirrorGate {
            lock.withLock {
                if let gate = gates[path] { return gate }
                let gate = MirrorGate()
                gates[path] = gate
                return gate
            }
        }
    }
}
