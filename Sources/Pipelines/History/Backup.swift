internal import GRDB
import Glibc

/// A copy of the database in one file, made while the server goes on writing.
///
/// It is what one moment was like, without free pages and without a log beside it. The sealing key is no part of the
/// database, so it is not in the copy either.
public struct Backup: Sendable {
    /// Bytes of the copy.
    public let size: Int64

    /// Copies the database of a data folder. Blocks on the disk. Nothing of what is recorded changes, and no writer waits.
    ///
    /// - Parameter file: where to; it must not be there yet. It gets its name only once it is whole, checked, and on the
    ///   disk, with mode 0600.
    /// - Throws: ``HistoryError``.
    public static func make(of folder: String, to file: String) throws -> Backup {
        let source = folder + "/" + History.fileName
        guard access(source, F_OK) == 0 else {
            throw HistoryError(.notFound, "\(source) is not there: is `data:` in the configuration right?")
        }
        try DatabaseFile.checkHeader(source)
        guard let name = file.split(separator: "/").last, !file.hasSuffix("/") else {
            throw HistoryError(.conflict, "'\(file)' names no file: say where the backup goes.")
        }
        guard access(file, F_OK) != 0 else {
            throw HistoryError(.conflict, "\(file) is there already: name a new file, or remove it.")
        }
        // A name that nobody else would give: what an earlier backup left there, killed, is written over.
        let draft = "\(file.dropLast(name.count)).\(name).fairlead-draft"
        try DraftFile.create(draft)
        do {
            try mappingErrors {
                try copy(source, to: draft)
                try check(draft)
                try DraftFile.settle(draft, as: file)
            }
        } catch {
            DraftFile.remove(draft)
            throw error
        }
        var facts = stat()
        stat(file, &facts)
        return Backup(size: Int64(facts.st_size))
    }

    /// Reads one snapshot to its end. https://www.sqlite.org/lang_vacuum.html#vacuuminto
    private static func copy(_ source: String, to draft: String) throws {
        var configuration = Configuration()
        configuration.label = "fairlead.backup"
        configuration.busyMode = .timeout(5)
        let database = try DatabaseQueue(path: source, configuration: configuration)
        defer { try? database.close() }
        try database.writeWithoutTransaction { db in
            try db.execute(sql: "VACUUM INTO ?", arguments: [draft])
        }
    }

    /// - Returns: the schema's version.
    /// - Throws: ``HistoryError`` if the file is not a database of ours, of a newer schema, or damaged anywhere.
    @discardableResult
    static func check(_ file: String) throws -> Int {
        try DatabaseFile.checkHeader(file, advice: "")
        var configuration = Configuration()
        configuration.label = "fairlead.backup.check"
        configuration.readonly = true
        let database = try DatabaseQueue(path: file, configuration: configuration)
        defer { try? database.close() }
        return try database.read { db in
            let version = try Schema.version(of: db)
            guard version <= Schema.version else {
                throw HistoryError(
                    .newerSchema,
                    "\(file) has schema \(version), this Fairlead knows \(Schema.version): use the Fairlead that wrote it, or a newer one."
                )
            }
            let verdict = try String.fetchOne(db, sql: "PRAGMA integrity_check(1)") ?? "nothing"
            guard verdict == "ok" else { throw HistoryError(.corrupt, "\(file) is damaged: \(verdict).") }
            return version
        }
    }
}

/// A file that gets its name only once it is whole and on the disk.
enum DraftFile {
    /// Makes it anew and empty, for nobody else to read.
    static func create(_ path: String) throws {
        remove(path)
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("created", path) }
        close(file)
    }

    static func settle(_ draft: String, as path: String) throws {
        try sync(draft)
        guard rename(draft, path) == 0 else { throw failure("named", path) }
        try DatabaseFile.syncFolder(of: path)
    }

    static func copy(_ source: String, to draft: String) throws {
        let input = open(source, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { throw failure("read", source) }
        defer { close(input) }
        let output = open(draft, O_WRONLY | O_CLOEXEC)
        guard output >= 0 else { throw failure("written", draft) }
        defer { close(output) }
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = read(input, &buffer, buffer.count)
            if count == 0 { return }
            guard count > 0 else { throw failure("read", source) }
            var done = 0
            while done < count {
                let step = buffer.withUnsafeBytes { write(output, $0.baseAddress! + done, count - done) }
                guard step > 0 else { throw failure("written", draft) }
                done += step
            }
        }
    }

    static func remove(_ path: String) {
        for name in [path, path + "-journal", path + "-wal", path + "-shm"] { unlink(name) }
    }

    private static func sync(_ path: String) throws {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure("read", path) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw failure("synced", path) }
    }

    private static func failure(_ what: String, _ path: String) -> HistoryError {
        let code: HistoryError.Code = errno == ENOSPC ? .diskFull : .readOnly
        return HistoryError(code, "\(path) cannot be \(what): \(String(cString: strerror(errno))).")
    }
}
