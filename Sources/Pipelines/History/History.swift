internal import Dispatch
internal import GRDB

/// What happened, and what is to happen: deliveries, runs, attempts, logs, releases. The table of runs is the queue.
///
/// SQLite in WAL mode with `synchronous=FULL`: what a call has returned is on the disk. One writer connection takes
/// every change in turn; readers never wait for it. No call blocks a thread of Swift's concurrency pool, and none is
/// cut short when its task is cancelled: how a cancelled run ended must be recorded too.
///
/// Every function throws ``HistoryError``.
public final class History: Sendable {
    let pool: DatabasePool
    /// Milliseconds since 1970 UTC.
    let now: @Sendable () -> Int64
    let announcer = Announcer()
    private let lock: FolderLock?
    let file: FileIdentity
    let checkpointer: Checkpointer
    private let epoch = Locked<Int64>(0)
    /// Whether changes of runs are noted for GitHub.
    let reporting = Locked<ReportRules?>(nil)
    private let metrics = Locked<RunMetrics?>(nil)
    /// See ``note(run:waitsForSlot:)``.
    let waitingForSlot = Locked<Set<Int64>>([])

    init(
        pool: DatabasePool,
        checkpointer: Checkpointer,
        file: FileIdentity,
        lock: FolderLock?,
        now: @escaping @Sendable () -> Int64
    ) {
        self.pool = pool
        self.checkpointer = checkpointer
        self.file = file
        self.lock = lock
        self.now = now
    }

    /// Whoever lets go last may stand on one of the pool's own queues, and from there it cannot be closed.
    deinit {
        DispatchQueue.global().async { [pool, checkpointer, announcer, lock] in
            try? Self.close(pool, checkpointer, announcer, lock)
        }
    }

    /// Counts one more start of the server. A claim carries the epoch, so that the next server knows which runs nobody
    /// works at any more. Call it once, before the first claim.
    public func beginEpoch() throws -> Int64 {
        let number = try blockingWrite { db, _ in
            try Int64.fetchOne(db, sql: "UPDATE server SET epoch = epoch + 1 RETURNING epoch") ?? 0
        }
        epoch.withLock { $0 = number }
        return number
    }

    /// From now on, the runs that end are counted there.
    public func count(in metrics: RunMetrics) { self.metrics.withLock { $0 = metrics } }

    /// The epoch that this process began; 0 before ``beginEpoch()``.
    var currentEpoch: Int64 { epoch.withLock { $0 } }

    /// How the writer connection is set, as SQLite reads it back: `wal`, and 2 for FULL.
    public var durability: (journalMode: String, synchronous: Int) {
        get throws {
            try mappingErrors {
                try pool.writeWithoutTransaction { db in
                    (
                        try String.fetchOne(db, sql: "PRAGMA journal_mode") ?? "",
                        try Int.fetchOne(db, sql: "PRAGMA synchronous") ?? -1
                    )
                }
            }
        }
    }

    /// Every committed change from now on. Each subscriber has a buffer of 1,024 distinct changes; who is slower than
    /// that gets ``Change/reset`` in their place. The stream ends when the history is closed.
    ///
    /// - Parameter queueOnly: only ``Change/queue``, for who claims: a burst of deliveries then costs next to nothing.
    public func changes(queueOnly: Bool = false) -> AsyncStream<Change> { announcer.subscribe(queueOnly: queueOnly) }

    /// Waits for what is being written, closes the database and gives the data folder free. A second call does nothing.
    public func close() throws { try Self.close(pool, checkpointer, announcer, lock) }

    private static func close(
        _ pool: DatabasePool,
        _ checkpointer: Checkpointer,
        _ announcer: Announcer,
        _ lock: FolderLock?
    ) throws {
        guard checkpointer.stop() else { return }
        announcer.end()
        defer { lock?.release() }
        try mappingErrors { try pool.close() }
    }
}

extension History {
    /// One transaction on the writer connection. `body` notes what it changed; that is announced after the commit.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database, inout [Change]) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            pool.asyncWriteWithoutTransaction { db in
                continuation.resume(with: Result { try self.transaction(db, body) })
            }
        }
    }

    /// As ``write(_:)``, on a thread that may block.
    func blockingWrite<Value>(_ body: (Database, inout [Change]) throws -> Value) throws -> Value {
        try pool.writeWithoutTransaction { db in try transaction(db, body) }
    }

    private func transaction<Value>(
        _ db: Database,
        _ body: (Database, inout [Change]) throws -> Value
    ) throws -> Value {
        var changes: [Change] = []
        let value = try mappingErrors {
            try requireUsable(db)
            var value: Value?
            try db.inTransaction(.immediate) {
                value = try body(db, &changes)
                CrashPoint.beforeCommit.pass()
                return .commit
            }
            return value!
        }
        CrashPoint.afterCommit.pass()
        announcer.announce(counted(changes))
        return value
    }

    /// Counts the ends among these changes, and returns the others.
    private func counted(_ changes: [Change]) -> [Change] {
        let metrics = metrics.withLock { $0 }
        return changes.filter { change in
            guard case .end(let pipeline, let status) = change else { return true }
            metrics?.countEnd(of: pipeline, status)
            return false
        }
    }

    /// Reads one snapshot, beside whatever is being written.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            pool.asyncRead { access in
                continuation.resume(with: Result { try mappingErrors { try body(try access.get()) } })
            }
        }
    }
}

/// Whatever `body` throws, thrown as a ``HistoryError``.
func mappingErrors<Value>(_ body: () throws -> Value) throws -> Value {
    do {
        return try body()
    } catch {
        throw HistoryError(error)
    }
}

extension History {
    /// SQLite itself only reports misuse when a connection was closed, and nothing when its file was taken away: it would go
    /// on in a file without a name, and what was answered with 202 would be gone with the process.
    func requireUsable(_ db: Database) throws {
        if db.sqliteConnection == nil { throw HistoryError(.closed, "The history is closed.") }
        guard file.isThere else {
            throw HistoryError(
                .corrupt,
                "\(file.path) was taken away while the server uses it. Put it back, or stop the server and `fairlead restore` a "
                    + "backup."
            )
        }
    }
}
