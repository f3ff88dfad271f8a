import Glibc

/// A file that keeps the last that was written to it: when it is larger than 1 MiB, it begins anew.
struct LogFile: Sendable {
    private static let limit = 1 << 20
    private let path: String

    init(_ path: String) { self.path = path }

    func append(_ bytes: [UInt8]) {
        var status = stat()
        let full = stat(path, &status) == 0 && status.st_size > Self.limit
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (full ? O_TRUNC : 0), 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    }
}
