import Glibc
import Testing

/// Bytes that nothing makes smaller. (A random number for each of them takes seconds in a debug build.)
func noise(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let source = open("/dev/urandom", O_RDONLY | O_CLOEXEC)
    defer { close(source) }
    var done = 0
    while done < count {
        let step = bytes.withUnsafeMutableBytes { read(source, $0.baseAddress! + done, count - done) }
        precondition(step > 0, "no random numbers")
        done += step
    }
    return bytes
}

/// A file system of its own of a few MB, which can really be full. It goes with the test.
final class SmallDisk: Sendable {
    let path: String

    /// Mounting takes root, and a machine that lets it.
    static let isPossible = (try? SmallDisk(megabytes: 1)) != nil

    struct NoDisk: Error { var errno: Int32 }

    init(megabytes: Int) throws {
        var template = Array("/tmp/fairlead-disk-XXXXXX\0".utf8CString)
        guard mkdtemp(&template) != nil else { throw NoDisk(errno: errno) }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        guard mount("fairlead-test", path, "tmpfs", 0, "size=\(megabytes)m") == 0 else {
            defer { rmdir(path) }
            throw NoDisk(errno: errno)
        }
    }

    deinit {
        umount2(path, Int32(MNT_DETACH))
        rmdir(path)
    }

    private var ballast: String { path + "/ballast" }

    /// Takes all the space that is left.
    func fill() throws {
        let file = open(ballast, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        try #require(file >= 0)
        defer { close(file) }
        let block = [UInt8](repeating: 0xaa, count: 4096)
        while write(file, block, block.count) > 0 {}
        try #require(errno == ENOSPC)
    }

    /// Gives it back.
    func free() { unlink(ballast) }

    /// A child that another test is starting in this moment has our files open until it is another program.
    func makeReadOnly() async throws {
        try await eventually("nobody writes to it") {
            mount(nil, path, nil, UInt(MS_REMOUNT | MS_RDONLY), nil) == 0
        }
    }
}
