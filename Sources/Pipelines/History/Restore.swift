internal import GRDB
import Glibc

/// A backup in the place of a data folder's database.
public struct Restore: Sendable {
    /// The folder to which the database that was there was moved; nil if there was none.
    public let aside: String?

    /// Puts a backup into a data folder, which is made if missing. Blocks on the disk.
    ///
    /// A server that is started while this is cut short, at whatever moment, finds the old database, or the new one, or is
    /// refused with the advice to restore again; it never begins anew.
    ///
    /// - Parameter name: of the folder, inside the data folder, for what was there.
    /// - Throws: ``HistoryError``: `locked` while a server or another command holds the folder; `corrupt`, `newer-schema`,
    ///   `not-found` for the file. Nothing is changed then.
    public static func run(_ file: String, into folder: String, aside name: String) throws -> Restore {
        guard access(file, R_OK) == 0 else {
            throw HistoryError(.notFound, "\(file) cannot be read: \(String(cString: strerror(errno))).")
        }
        try History.makeFolder(folder)
        let lock = try FolderLock.take(folder: folder)
        defer { lock.release() }
        return try mappingErrors {
            // A log beside it may hold commits that the file alone does not have.
            guard access(file + "-wal", F_OK) != 0 else {
                throw HistoryError(.conflict, "\(file)-wal is there: \(file) is a database in use, not a backup.")
            }
            let path = folder + "/" + History.fileName
            let draft = path + ".part"
            try DraftFile.create(draft)
            do {
                try DraftFile.copy(file, to: draft)
                try check(draft, copyOf: file)
                try DraftFile.settle(draft, as: path + DatabaseFile.restoringSuffix)
            } catch {
                DraftFile.remove(draft)
                throw error
            }
            let aside = try moveAside(path, to: folder + "/" + name)
            guard rename(path + DatabaseFile.restoringSuffix, path) == 0 else {
                throw HistoryError(.readOnly, "\(path) cannot be replaced: \(String(cString: strerror(errno))).")
            }
            try DatabaseFile.syncFolder(of: path)
            return Restore(aside: aside)
        }
    }

    /// The copy, so that what was checked is what is put in place. The words are about the file that it was made of.
    private static func check(_ draft: String, copyOf file: String) throws {
        do {
            try Backup.check(draft)
        } catch {
            let fault = HistoryError(error)
            let message = fault.message.replacing(draft, with: file)
            throw HistoryError(
                fault.code,
                "\(file) is no backup that can be restored, and nothing was changed. \(message)"
            )
        }
    }

    /// Database and log, which belong together.
    private static func moveAside(_ path: String, to folder: String) throws -> String? {
        let suffixes = ["", "-wal", "-shm"].filter { access(path + $0, F_OK) == 0 }
        guard !suffixes.isEmpty else { return nil }
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
            throw HistoryError(.readOnly, "\(folder) cannot be made: \(String(cString: strerror(errno))).")
        }
        for suffix in suffixes {
            let target = "\(folder)/\(History.fileName)\(suffix)"
            guard access(target, F_OK) != 0, rename(path + suffix, target) == 0 else {
                throw HistoryError(.readOnly, "\(path + suffix) cannot be moved to \(folder). Run the restore again.")
            }
        }
        try DatabaseFile.syncFolder(of: folder + "/")
        return folder
    }
}
