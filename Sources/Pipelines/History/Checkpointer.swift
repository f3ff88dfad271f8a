internal import GRDB
internal import GRDBSQLite
import Glibc

/// Copies the write-ahead log back into the database, beside the writer.
///
/// SQLite would do it inside the commit that fills the log: a stall of tens of milliseconds for every delivery that
/// waits. Here a thread with a connection of its own copies most of the log while commits go on, and then takes one
/// short turn on the writer connection for the rest, after which the next commit starts the log from its beginning.
/// The log is not shortened under load: overwriting a file in place syncs three times as fast as growing it.
///
/// Sendable because `connection` is only used by the thread and, after that has ended, by `stop`.
final class Checkpointer: @unchecked Sendable {
    /// Pages of log that start a checkpoint: 16 MiB.
    private static let threshold: Int32 = 4000
    /// Pages that may be left for the writer's turn: some milliseconds.
    private static let shortTurn: Int32 = 500
    /// Bytes of log that may stay on the disk when nothing happens: 32 MiB, as a burst leaves it.
    private static let keptLength = 32 << 20
    /// Seconds without a commit after which the log is emptied.
    private static let idle = 5

    private struct State {
        var pages: Int32 = 0
        var trigger = Checkpointer.threshold
        /// Counts commits while anything is in the log, to tell idle from busy.
        var commits = 0
        var stopped = false
    }
    private enum Work { case checkpoint, idle, stop }

    private let state = Locked(State())
    private let pool: DatabasePool
    private let logPath: String
    private let connection: DatabaseQueue
    private let thread = Locked<WorkerThread?>(nil)

    init(pool: DatabasePool, path: String) throws {
        self.pool = pool
        logPath = path + "-wal"
        var configuration = Configuration()
        configuration.label = "fairlead.history.checkpoint"
        configuration.busyMode = .immediateError
        configuration.prepareDatabase { db in try db.execute(sql: "PRAGMA cache_size = -64") }
        connection = try DatabaseQueue(path: path, configuration: configuration)
        pool.writeWithoutTransaction { db in
            // Replaces SQLite's own automatic checkpoint. The state outlives the connection: `stop` closes in order.
            let context = Unmanaged.passUnretained(self).toOpaque()
            sqlite3_wal_hook(db.sqliteConnection, noteCommit, context)
        }
        let worker = WorkerThread { [self] in work() }
        thread.withLock { $0 = worker }
    }

    /// Pages in the log, after the last commit.
    var pages: Int32 { state.withLock { $0.pages } }

    /// Called on the writer's thread after each commit.
    fileprivate func committed(pages: Int32) {
        let wakes = state.withLock { state in
            let first = state.pages == 0
            // Fewer than before: the log was begun anew.
            if pages < state.pages { state.trigger = Checkpointer.threshold }
            state.pages = pages
            state.commits += 1
            return first || pages >= state.trigger
        }
        if wakes { state.wake() }
    }

    /// Ends the thread and closes the connection. Returns false if that was done before.
    func stop() -> Bool {
        let worker = thread.withLock { worker in
            defer { worker = nil }
            return worker
        }
        guard let worker else { return false }
        state.withLock { $0.stopped = true }
        state.wake()
        worker.join()
        pool.writeWithoutTransaction { db in
            _ = sqlite3_wal_hook(db.sqliteConnection, nil, nil)
        }
        try? connection.close()
        return true
    }

    private func work() {
        while true {
            switch nextWork() {
            case .checkpoint: checkpoint()
            case .idle: empty()
            case .stop: return
            }
        }
    }

    private func nextWork() -> Work {
        // Nothing in the log: sleep until there is.
        let stopped = state.wait { state -> Bool? in
            if state.stopped { return true }
            return state.pages > 0 ? false : nil
        }
        if stopped { return .stop }
        while true {
            let seen = state.withLock { $0.commits }
            let work = state.wait(seconds: Checkpointer.idle) { state -> Work? in
                if state.stopped { return .stop }
                return state.pages >= state.trigger ? .checkpoint : nil
            }
            if let work { return work }
            if state.withLock({ $0.commits == seen }) { return .idle }
        }
    }

    private func checkpoint() {
        // What is committed meanwhile is left over: go round until that is little, or the disk is too busy for it.
        for _ in 0..<4 {
            guard let done = run("PASSIVE", on: connection) else { break }
            if state.withLock({ $0.pages }) - done <= Checkpointer.shortTurn { break }
        }
        pool.writeWithoutTransaction { db in
            _ = try? Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(PASSIVE)")
        }
        // If a long reader keeps the log from being begun anew, do not try again at every commit.
        state.withLock { $0.trigger = $0.pages + Checkpointer.threshold }
    }

    private func empty() {
        _ = run("PASSIVE", on: connection)
        var facts = stat()
        if stat(logPath, &facts) == 0, facts.st_size > Checkpointer.keptLength {
            // Waits for nobody: if a reader or another process is in the way, the next quiet time will do.
            _ = run("TRUNCATE", on: connection)
        }
        state.withLock { $0.pages = 0 }
    }

    /// Returns the pages that are in the database now; nil if the checkpoint could not be run.
    private func run(_ mode: String, on connection: DatabaseQueue) -> Int32? {
        try? connection.writeWithoutTransaction { db in
            try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(\(mode))").flatMap { row -> Int32? in row[2] }
        }
    }
}

private func noteCommit(
    _ context: UnsafeMutableRawPointer?,
    _: OpaquePointer?,
    _: UnsafePointer<CChar>?,
    pages: Int32
) -> Int32 {
    if let context {
        Unmanaged<Checkpointer>.fromOpaque(context).takeUnretainedValue().committed(pages: pages)
    }
    return SQLITE_OK
}
