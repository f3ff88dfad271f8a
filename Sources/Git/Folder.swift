import Glibc

/// An open folder: everything below it is named relative to it, so that nothing swapped in above changes where we
/// write.
final class Folder {
    let descriptor: Int32

    /// Makes a folder that must not exist yet.
    init(creating path: String) throws(GitError) {
        guard mkdir(path, 0o755) == 0 else {
            throw GitError(.other, "cannot make the folder \(path): \(String(cString: strerror(errno)))")
        }
        descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw GitError(.other, "cannot open the folder \(path): \(String(cString: strerror(errno)))")
        }
    }

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { Glibc.close(descriptor) }

    /// Makes a folder in this one; it must not exist yet.
    func makeFolder(_ name: [UInt8]) -> Folder? {
        guard withCString(name, { mkdirat(descriptor, $0, 0o755) }) == 0 else { return nil }
        return openFolder(name)
    }

    /// Opens a folder of this one, not through a symbolic link.
    func openFolder(_ name: [UInt8]) -> Folder? {
        let open = withCString(name) { openat(descriptor, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
        return open >= 0 ? Folder(descriptor: open) : nil
    }

    /// Writes a file that must not exist yet. False, with errno set, where that fails.
    func writeFile(_ name: [UInt8], isProgram: Bool, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let file = withCString(name) { openat(descriptor, $0, flags, isProgram ? 0o755 : 0o644) }
        guard file >= 0 else { return false }
        defer { Glibc.close(file) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest)
            let wrote = Glibc.write(file, part.baseAddress, part.count)
            if wrote < 0, errno == EINTR { continue }
            guard wrote > 0 else { return false }
            rest = rest.dropFirst(wrote)
        }
        return true
    }

    /// Makes a symbolic link at a path below this folder.
    func makeLink(_ path: [UInt8], to target: [UInt8]) -> Bool {
        withCString(path) { path in withCString(target) { symlinkat($0, descriptor, path) } } == 0
    }
}

func withCString<Result>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    (bytes + [0]).withUnsafeBufferPointer { buffer in
        buffer.withMemoryRebound(to: CChar.self) {
            // Not nil: the buffer holds the closing zero at least.
            body($0.baseAddress!)
        }
    }
}

/// Removes a folder with all that is in it, never through a symbolic link. What cannot be removed stays.
func removeTree(_ path: String) {
    removeTree(at: AT_FDCWD, Array(path.utf8))
}

private func removeTree(at parent: Int32, _ name: [UInt8]) {
    if withCString(name, { unlinkat(parent, $0, 0) }) == 0 { return }
    let open = withCString(name) { openat(parent, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
    guard open >= 0 else { return }
    for child in names(in: open) { removeTree(at: open, child) }
    _ = withCString(name) { unlinkat(parent, $0, AT_REMOVEDIR) }
}

/// The names in a folder, without `.` and `..`. Closes the descriptor.
private func names(in descriptor: Int32) -> [[UInt8]] {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0, let stream = fdopendir(copy) else { return [] }
    defer { closedir(stream) }
    var found: [[UInt8]] = []
    while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
        if name != [UInt8(ascii: ".")], name != Array("..".utf8) { found.append(name) }
    }
    return found
}

/// The names in the folder at a path; none where there is no such folder.
func names(inFolder path: String) -> [String] {
    let open = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard open >= 0 else { return [] }
    defer { close(open) }
    return names(in: open).map { String(decoding: $0, as: UTF8.self) }
}
