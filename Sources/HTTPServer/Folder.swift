import Glibc

/// Reads a folder of small files.
enum Folder {
    /// All regular files below `root`, by their path from there, which starts with `/`.
    static func read(_ root: String, limit: Int) throws -> [(path: String, bytes: [UInt8])] {
        var files: [(path: String, bytes: [UInt8])] = []
        var left = limit
        try read(root, prefix: "/", into: &files, left: &left)
        return files
    }

    private static func read(
        _ folder: String,
        prefix: String,
        into files: inout [(path: String, bytes: [UInt8])],
        left: inout Int
    ) throws {
        guard let directory = opendir(folder) else { throw HTTPServerError.system("cannot read the folder \(folder)") }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            guard !name.hasPrefix(".") else { continue }
            let path = folder + "/" + name
            var status = stat()
            guard lstat(path, &status) == 0 else { throw HTTPServerError.system("cannot read \(path)") }
            switch status.st_mode & S_IFMT {
            case S_IFDIR:
                try read(path, prefix: prefix + name + "/", into: &files, left: &left)
            case S_IFREG:
                let bytes = try contents(path, limit: left)
                left -= bytes.count
                files.append((prefix + name, bytes))
            default:
                continue
            }
        }
    }

    private static func contents(_ path: String, limit: Int) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw HTTPServerError.system("cannot read \(path)") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw HTTPServerError.system("cannot read \(path)")
            }
            if count == 0 { return bytes }
            guard bytes.count + count <= limit else {
                throw HTTPServerError(.configuration, "\(path) is too much: static files are kept in memory")
            }
            bytes.append(contentsOf: buffer[..<count])
        }
    }
}
