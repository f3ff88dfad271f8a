#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Why a file or a folder could not be read, in words that say how to mend it.
enum ReadingError: Error, Equatable {
    case isFolder(String)
    case notRegular(String)
    case tooLarge(String, limit: Int)
    case system(String, code: Int32)

    var message: String {
        switch self {
        case .isFolder(let path): "\(quoted(path)) is a folder, not a file"
        case .notRegular(let path): "\(quoted(path)) is not a regular file"
        case .tooLarge(let path, let limit): "\(quoted(path)) has more than \(limit) bytes"
        case .system(let path, ENOENT): "\(quoted(path)) does not exist"
        case .system(let path, EACCES): "\(quoted(path)) may not be read by this user: change its owner or its mode"
        case .system(let path, let code): "\(quoted(path)) cannot be read: \(String(cString: strerror(code)))"
        }
    }
}

/// Reads a regular file of at most `limit` bytes. It never waits for a pipe or a device.
func readFile(_ path: String, atMost limit: Int) throws(ReadingError) -> [UInt8] {
    try readFileWithMode(path, atMost: limit).bytes
}

/// As `readFile`; the mode tells who else may read it.
func readFileWithMode(_ path: String, atMost limit: Int) throws(ReadingError) -> (bytes: [UInt8], mode: UInt32) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .system(path, code: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .system(path, code: errno) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw .isFolder(path)
    default: throw .notRegular(path)
    }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16 * 1024)
    while true {
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0 {
            if errno == EINTR { continue }
            throw .system(path, code: errno)
        }
        if count == 0 { return (bytes, status.st_mode) }
        bytes += buffer[..<count]
        guard bytes.count <= limit else { throw .tooLarge(path, limit: limit) }
    }
}

/// The names in a folder, sorted by their bytes.
func listFolder(_ path: String) throws(ReadingError) -> [String] {
    guard let folder = opendir(path) else { throw .system(path, code: errno) }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}
