internal import GRDB

/// What went wrong with the database, in one code and one sentence.
public struct HistoryError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// Another server holds the data folder.
        case locked
        /// The folder or the database cannot be written.
        case readOnly = "read-only"
        /// The file is not a database of ours, or is damaged, or was taken away while its log is still there.
        case corrupt
        /// The database was written by a newer Fairlead.
        case newerSchema = "newer-schema"
        /// The database must first be upgraded, by the process that holds the data folder.
        case olderSchema = "older-schema"
        /// There is no space left. It goes on by itself when there is.
        case diskFull = "disk-full"
        /// Another process held the database for longer than 5 s.
        case busy
        /// The system cannot read or write the file: the disk, or what it is behind, has a fault.
        case io
        case notFound = "not-found"
        /// The thing is not in the state that the change needs.
        case conflict
        /// The history was closed.
        case closed
        /// Everything else that SQLite reports.
        case database
    }

    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }

    /// Whether the same call may succeed later, without anybody changing anything in the database.
    public var mayPass: Bool { [.diskFull, .busy, .readOnly, .io].contains(code) }
}

extension HistoryError {
    /// The same fault in the history's words. A `HistoryError` stays as it is.
    init(_ error: any Error) {
        if let known = error as? HistoryError {
            self = known
        } else if let fault = error as? DatabaseError {
            self.init(result: fault.extendedResultCode, detail: fault.message ?? fault.description)
        } else {
            self.init(.database, "\(error)")
        }
    }

    init(result: ResultCode, detail: String) {
        switch result.primaryResultCode {
        case .SQLITE_FULL: self.init(.diskFull, "The disk is full: the database cannot grow.")
        // The index of the log is a file, too, and grows with it.
        case .SQLITE_IOERR where result == .SQLITE_IOERR_SHMSIZE:
            self.init(.diskFull, "The disk is full: the index of the database's log cannot grow.")
        case .SQLITE_IOERR: self.init(.io, "The database's file cannot be read or written (\(result)): \(detail).")
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            self.init(.readOnly, "The database cannot be written: \(detail).")
        case .SQLITE_CANTOPEN: self.init(.readOnly, "The database cannot be opened for writing: \(detail).")
        case .SQLITE_NOTADB, .SQLITE_CORRUPT: self.init(.corrupt, "The database is damaged: \(detail).")
        case .SQLITE_BUSY, .SQLITE_LOCKED: self.init(.busy, "Another process keeps the database locked.")
        case .SQLITE_MISUSE where detail.contains("closed"): self.init(.closed, "The history is closed.")
        case .SQLITE_CONSTRAINT: self.init(.conflict, "The database refused the change: \(detail).")
        default: self.init(.database, "The database reports \(result): \(detail).")
        }
    }
}
