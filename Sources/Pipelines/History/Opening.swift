internal import GRDB
import Glibc

extension History {
    /// The database's file inside the data folder.
    static let fileName = "fairlead.db"

    /// Opens the database of a data folder, or creates both. Blocks on the disk.
    ///
    /// - Parameters:
    ///   - folder: the data folder.
    ///   - lock: true for the server, which owns the folder until ``close()``. False for a short administrative write
    ///     beside it: it waits up to 5 s for its turn, and upgrades nothing while a server is running.
    /// - Throws: ``HistoryError``. A database that is damaged, missing beside its own log, or of a newer schema is
    ///   refused; it is never replaced by a new one.
    public static func open(folder: String, lock: Bool = true) throws -> History {
        try open(folder: folder, lock: lock, now: systemMilliseconds)
    }

    static func open(folder: String, lock: Bool, now: @escaping @Sendable () -> Int64) throws -> History {
        try makeFolder(folder)
        let held: FolderLock?
        do {
            held = try FolderLock.take(folder: folder)
        } catch let error as HistoryError where error.code == .locked && !lock {
            held = nil
        }
        let path = folder + "/" + fileName
        do {
            try mappingErrors { try DatabaseFile.prepare(path, mayCreate: held != nil) }
            let history = try mappingErrors { try connect(path, lock: held, keepsLock: lock, now: now) }
            if !lock { held?.release() }
            return history
        } catch {
            held?.release()
            throw error
        }
    }

    private static func connect(
        _ path: String,
        lock: FolderLock?,
        keepsLock: Bool,
        now: @escaping @Sendable () -> Int64
    ) throws -> History {
        let pool = try DatabasePool(path: path, configuration: configuration)
        try pool.writeWithoutTransaction { db in
            try checkVersion(db, path, mayUpgrade: lock != nil)
            try Schema.migrate(db)
            // Setting up the WAL left NORMAL, with which a commit is not on the disk when it returns.
            try db.execute(sql: "PRAGMA synchronous = FULL")
            let level = try Int.fetchOne(db, sql: "PRAGMA synchronous")
            guard level == 2 else {
                throw HistoryError(.database, "SQLite does not accept synchronous=FULL for \(path).")
            }
        }
        let checkpointer = try Checkpointer(pool: pool, path: path)
        return History(
            pool: pool,
            checkpointer: checkpointer,
            file: FileIdentity(path),
            lock: keepsLock ? lock : nil,
            now: now
        )
    }

    private static func checkVersion(_ db: Database, _ path: String, mayUpgrade: Bool) throws {
        let version = try Schema.version(of: db)
        if version > Schema.version {
            throw HistoryError(
                .newerSchema,
                "\(path) has schema \(version), this Fairlead knows \(Schema.version): use the Fairlead that wrote it, or a newer one."
            )
        }
        if version < Schema.version && !mayUpgrade {
            throw HistoryError(
                .olderSchema,
                "\(path) has schema \(version) and a running server holds it: restart that server with this Fairlead first."
            )
        }
    }

    /// For the pool's connections. Memory is kept small: 2 MiB of pages for the writer, 512 KiB for each reader.
    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.label = "fairlead.history"
        configuration.maximumReaderCount = 4
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { db in
            try db.execute(
                sql: """
                    PRAGMA cache_size = \(db.configuration.readonly ? -512 : -2048);
                    PRAGMA mmap_size = 0;
                    PRAGMA wal_autocheckpoint = 0;
                    """
            )
        }
        return configuration
    }

    static func makeFolder(_ folder: String) throws {
        var path = folder.hasPrefix("/") ? "/" : ""
        for part in folder.split(separator: "/") {
            path += path.isEmpty || path.hasSuffix("/") ? part : "/" + part
            // 0700: logs and token hashes are nobody else's to read.
            guard mkdir(path, 0o700) == 0 || errno == EEXIST || errno == EROFS || access(path, X_OK) == 0 else {
                throw HistoryError(.readOnly, "\(path) cannot be created: \(String(cString: strerror(errno))).")
            }
        }
        guard access(folder, R_OK | W_OK | X_OK) == 0 else {
            throw HistoryError(.readOnly, "\(folder) cannot be written: \(String(cString: strerror(errno))).")
        }
    }

    /// The system's clock.
    static let systemMilliseconds: @Sendable () -> Int64 = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
