import Glibc

/// Opening files and telling what failed.
enum Descriptor {
    static func open(_ path: String, flags: Int32, mode: mode_t = 0) throws -> Int32 {
        while true {
            let file = Glibc.open(path, flags | O_CLOEXEC, mode)
            if file >= 0 { return file }
            guard errno == EINTR else { throw failure("open", path) }
        }
    }

    /// Reads `errno`: call it right after what failed.
    static func failure(_ action: String, _ path: String) -> SigningError {
        SigningError(code: .file, message: "cannot \(action) \(path): \(String(cString: strerror(errno)))")
    }
}
