internal import GRDB
import Glibc

/// The file `fairlead.db`, before a connection may touch it.
enum DatabaseFile {
    /// Checks that the file is ours, or creates it.
    static func prepare(_ path: String, mayCreate: Bool) throws {
        if access(path + restoringSuffix, F_OK) == 0 {
            throw HistoryError(.corrupt, "A restore of \(path) was cut short. Run `fairlead restore` again.")
        }
        if access(path, F_OK) == 0 {
            try checkHeader(path)
            guard access(path, R_OK | W_OK) == 0 else {
                throw HistoryError(.readOnly, "\(path) cannot be written: \(String(cString: strerror(errno))).")
            }
            return
        }
        // A log without its database: somebody took the database away, and a new one would hide that.
        if access(path + "-wal", F_OK) == 0 {
            throw HistoryError(.corrupt, "\(path) is missing, but \(path)-wal is there. Put the database back.")
        }
        // So does the folder of a server whose database is gone: the file is written at each start.
        let folder = path.lastIndex(of: "/").map { path[..<$0] } ?? "."
        if access("\(folder)/\(Registries.fileName)", F_OK) == 0 {
            throw HistoryError(
                .corrupt,
                "\(path) is missing, and a server has used its folder. Put it back, or `fairlead restore` a backup; to begin "
                    + "anew, name an empty folder."
            )
        }
        guard mayCreate else {
            throw HistoryError(.busy, "\(path) is not there yet: the server that holds the folder is starting.")
        }
        try create(path)
    }

    /// What ends the name of a database that is whole and about to take the place of another.
    static let restoringSuffix = ".restoring"

    /// The first 100 bytes of every database file: https://www.sqlite.org/fileformat.html#the_database_header
    ///
    /// - Parameter advice: what to do about one that is no database.
    static func checkHeader(_ path: String, advice: String = " Restore it from a backup, or move it away.") throws {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            throw HistoryError(.readOnly, "\(path) cannot be read: \(String(cString: strerror(errno))).")
        }
        defer { close(file) }
        var header = [UInt8](repeating: 0, count: 100)
        guard pread(file, &header, 100, 0) == 100, header.starts(with: Array("SQLite format 3\0".utf8)) else {
            throw HistoryError(.corrupt, "\(path) is not a database.\(advice)")
        }
        let applicationID = header[68..<72].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard applicationID == UInt32(bitPattern: Schema.applicationID) else {
            throw HistoryError(.corrupt, "\(path) is a database of another program.\(advice)")
        }
    }

    /// Makes the database under another name and moves it into place when it is whole and on the disk, so that an
    /// empty or half-made file is never taken for a history without runs.
    private static func create(_ path: String) throws {
        let draft = path + ".new"
        for leftover in [draft, draft + "-journal", draft + "-wal", draft + "-shm"] { unlink(leftover) }
        let file = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw HistoryError(.readOnly, "\(draft) cannot be created: \(String(cString: strerror(errno))).")
        }
        close(file)
        var configuration = Configuration()
        configuration.label = "fairlead.history.create"
        let database = try DatabaseQueue(path: draft, configuration: configuration)
        try database.writeWithoutTransaction { db in
            try db.execute(
                sql: """
                    PRAGMA page_size = 4096;
                    PRAGMA auto_vacuum = INCREMENTAL;
                    PRAGMA application_id = \(Schema.applicationID);
                    """
            )
            try Schema.migrate(db)
        }
        try database.close()
        guard rename(draft, path) == 0 else {
            throw HistoryError(.readOnly, "\(path) cannot be created: \(String(cString: strerror(errno))).")
        }
        try syncFolder(of: path)
    }

    /// A new name is on the disk once its folder is.
    static func syncFolder(of path: String) throws {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw HistoryError(.database, "\(folder) cannot be synced: \(String(cString: strerror(errno))).")
        }
    }
}
