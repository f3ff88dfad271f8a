import Glibc

/// Files that hold a key: 32 random bytes that nobody but their owner can read.
enum KeyFile {
    static func read(_ path: String, byteCount: Int) throws -> [UInt8] {
        let file = try Descriptor.open(path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        defer { Glibc.close(file) }
        try checkKind(of: file, path, byteCount)
        var bytes = [UInt8](repeating: 0, count: byteCount)
        var filled = 0
        while filled < byteCount {
            let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress! + filled, byteCount - filled) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw Descriptor.failure("read", path) }
            guard count > 0 else { throw refusal(path, "it became shorter while it was read") }
            filled += count
        }
        return bytes
    }

    /// Whether something has this name; a file that only cannot be looked at counts.
    static func exists(_ path: String) -> Bool {
        access(path, F_OK) == 0 || errno != ENOENT
    }

    /// Writes a new key file. It gets its name only once its content is on the disk, so that a crash leaves no short
    /// key behind, and never takes the name of a file that is there.
    ///
    /// - Returns: false if there is such a file.
    static func create(_ path: String, _ bytes: [UInt8]) throws -> Bool {
        let draft = "\(path).\(RandomToken.make(bytes: 9)).new"
        let file = try Descriptor.open(draft, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        defer { Glibc.unlink(draft) }
        do {
            defer { Glibc.close(file) }
            // The umask may have taken more away than it should.
            guard fchmod(file, 0o600) == 0 else { throw Descriptor.failure("set the mode of", draft) }
            try write(bytes, to: file, draft)
            guard fsync(file) == 0 else { throw Descriptor.failure("write", draft) }
        }
        guard link(draft, path) == 0 else {
            if errno == EEXIST { return false }
            throw Descriptor.failure("create", path)
        }
        try syncFolder(of: path)
        return true
    }

    private static func refusal(_ path: String, _ reason: String) -> SigningError {
        SigningError(code: .badKey, message: "key file \(path): \(reason)")
    }

    private static func checkKind(of file: Int32, _ path: String, _ byteCount: Int) throws {
        var status = stat()
        guard fstat(file, &status) == 0 else { throw Descriptor.failure("look at", path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw refusal(path, "it is not a plain file") }
        guard status.st_mode & 0o077 == 0 else {
            throw refusal(path, "others than its owner may use it; run: chmod 600 \(path)")
        }
        guard status.st_uid == geteuid() else {
            throw refusal(path, "it belongs to user \(status.st_uid), this program runs as user \(geteuid())")
        }
        guard status.st_size == byteCount else {
            throw refusal(path, "it has \(status.st_size) bytes where a key has \(byteCount)")
        }
    }

    private static func write(_ bytes: [UInt8], to file: Int32, _ path: String) throws {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + written, bytes.count - written) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Descriptor.failure("write", path) }
            written += count
        }
    }

    private static func syncFolder(of path: String) throws {
        let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let folder = try Descriptor.open(parent, flags: O_RDONLY | O_DIRECTORY)
        defer { Glibc.close(folder) }
        guard fsync(folder) == 0 else { throw Descriptor.failure("write", parent) }
    }
}
