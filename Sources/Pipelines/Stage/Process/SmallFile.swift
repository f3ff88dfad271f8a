import Glibc

/// Reading and writing small files without loading Foundation. Missing files read as nil.
enum SmallFile {
    /// More than this is not read: nothing that is read here is larger.
    static let limit = 4 << 20

    static func read(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        while result.count < limit {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { break }
            result.append(contentsOf: buffer[..<count])
        }
        return result
    }

    static func text(_ path: String) -> String? {
        read(path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Replaces the file whole: a reader sees the old content or the new, never half.
    static func write(_ text: String, to path: String, mode: mode_t = 0o644) throws {
        try write(Array(text.utf8), to: path, mode: mode)
    }

    static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) throws {
        let draft = "\(path).\(getpid()).\(UInt32.random(in: 0...UInt32.max))"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure("create", draft) }
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done) }
            if count < 0 && errno == EINTR { continue }
            if count < 0 {
                let error = failure("write", draft)
                close(descriptor)
                unlink(draft)
                throw error
            }
            done += count
        }
        close(descriptor)
        guard rename(draft, path) == 0 else {
            let error = failure("replace", path)
            unlink(draft)
            throw error
        }
    }

    /// Makes the folder and those above it.
    static func makeFolder(_ path: String, mode: mode_t = 0o755) throws {
        if mkdir(path, mode) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw failure("make folder", path)
        }
        try makeFolder(String(path[..<slash]), mode: mode)
        guard mkdir(path, mode) == 0 || errno == EEXIST else { throw failure("make folder", path) }
    }

    /// Names in a folder, without `.` and `..`; empty if it cannot be read.
    static func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// The absolute path without symbolic links.
    static func canonical(_ path: String) throws -> String {
        guard let resolved = realpath(path, nil) else { throw failure("find", path) }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Removes a file, or a folder with all that is in it. Symbolic links are removed, not followed, and names need not
    /// be text: containers write some of these folders.
    static func remove(_ path: String) { remove(path.utf8CString) }

    private static func remove(_ path: ContiguousArray<CChar>) {
        let isGone = path.withUnsafeBufferPointer { unlink($0.baseAddress!) == 0 || errno == ENOENT }
        if isGone { return }
        for name in bytesOfNames(in: path) { remove(path.dropLast() + [CChar(bitPattern: UInt8(ascii: "/"))] + name) }
        _ = path.withUnsafeBufferPointer { rmdir($0.baseAddress!) }
    }

    /// Each with its NUL.
    private static func bytesOfNames(in folder: ContiguousArray<CChar>) -> [ContiguousArray<CChar>] {
        let descriptor = folder.withUnsafeBufferPointer {
            open($0.baseAddress!, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        }
        guard descriptor >= 0, let stream = fdopendir(descriptor) else { return [] }
        defer { closedir(stream) }
        var names: [ContiguousArray<CChar>] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                ContiguousArray(bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0])
            }
            if name != ".".utf8CString && name != "..".utf8CString { names.append(name) }
        }
        return names
    }

    private static func failure(_ verb: String, _ path: String) -> StageError {
        let cause = String(cString: strerror(errno))
        return StageError(
            .errored,
            "file-\(verb == "make folder" ? "create" : verb)-failed",
            "Cannot \(verb) \(path): \(cause)"
        )
    }
}
