import Glibc

/// The lock that makes one server the owner of a data folder. It ends with the process, however that ends.
///
/// Sendable because the descriptor is only closed once, by `release`, under the lock.
final class FolderLock: Sendable {
    private let descriptor: Locked<Int32>

    private init(_ descriptor: Int32) { self.descriptor = Locked(descriptor) }

    deinit { release() }

    /// Takes `FOLDER/lock`, and writes our pid into it.
    /// - Throws: ``HistoryError`` with code `locked`, naming the pid that holds it, or `read-only`.
    static func take(folder: String) throws -> FolderLock {
        let path = folder + "/lock"
        // Close-on-exec: a child that outlives us must not keep the folder locked.
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw HistoryError(.readOnly, "\(path) cannot be written: \(String(cString: strerror(errno))).")
        }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            let fault = errno
            defer { close(file) }
            guard fault == EWOULDBLOCK else {
                throw HistoryError(.readOnly, "\(path) cannot be locked: \(String(cString: strerror(fault))).")
            }
            let holder = content(of: file).map { "process \($0)" } ?? "another process"
            throw HistoryError(.locked, "The data folder \(folder) is in use by \(holder): one server per data folder.")
        }
        let pid = Array("\(getpid())\n".utf8)
        _ = ftruncate(file, 0)
        _ = pwrite(file, pid, pid.count, 0)
        return FolderLock(file)
    }

    /// Gives the folder free. The file stays: removing it would let two servers lock two files of one name.
    func release() {
        descriptor.withLock { file in
            guard file >= 0 else { return }
            // Not only closed: a child that is being started has the descriptor too, until it becomes another program.
            flock(file, LOCK_UN)
            close(file)
            file = -1
        }
    }

    private static func content(of file: Int32) -> Int? {
        var buffer = [UInt8](repeating: 0, count: 24)
        let count = pread(file, &buffer, buffer.count, 0)
        guard count > 0 else { return nil }
        return Int(String(decoding: buffer[..<count], as: UTF8.self).prefix { $0.isNumber })
    }
}
