import CGit2
import Glibc

/// The streams that libgit2 uses in place of its own, which know neither time-outs nor cancellation.
enum Stream {
    static func register() {
        var plain = git_stream_registration()
        plain.version = GIT_STREAM_VERSION
        plain.`init` = { Stream.make($0, host: $1, port: $2, isEncrypted: false) }
        git_stream_register(GIT_STREAM_STANDARD, &plain)
        var encrypted = git_stream_registration()
        encrypted.version = GIT_STREAM_VERSION
        encrypted.`init` = { Stream.make($0, host: $1, port: $2, isEncrypted: true) }
        git_stream_register(GIT_STREAM_TLS, &encrypted)
    }

    private typealias Raw = UnsafeMutablePointer<git_stream>

    private static func make(
        _ out: UnsafeMutablePointer<UnsafeMutablePointer<git_stream>?>?,
        host: UnsafePointer<CChar>?,
        port: UnsafePointer<CChar>?,
        isEncrypted: Bool
    ) -> Int32 {
        guard let out, let host, let port, let job = Job.current, let transfer = job.transfer else {
            return refuse("no transfer is going on in this thread")
        }
        let connection: Connection
        do {
            connection = try Connection(
                job: job,
                transfer: transfer,
                host: String(cString: host),
                port: String(cString: port),
                isEncrypted: isEncrypted
            )
        } catch {
            return report(error, to: job)
        }
        guard let memory = calloc(1, MemoryLayout<fairlead_git_stream>.size) else { return refuse("out of memory") }
        let stream = memory.bindMemory(to: fairlead_git_stream.self, capacity: 1)
        stream.pointee.parent.version = GIT_STREAM_VERSION
        stream.pointee.parent.encrypted = isEncrypted ? 1 : 0
        stream.pointee.parent.connect = { Stream.connect($0) }
        stream.pointee.parent.certificate = { _, _ in Stream.refuse("certificates are checked while connecting") }
        stream.pointee.parent.read = { Stream.read($0, $1, $2) }
        stream.pointee.parent.write = { stream, bytes, count, _ in Stream.write(stream, bytes, count) }
        stream.pointee.parent.close = { Stream.close($0) }
        stream.pointee.parent.free = { Stream.free($0) }
        stream.pointee.host = strdup(host)
        stream.pointee.port = strdup(port)
        stream.pointee.descriptor = -1
        stream.pointee.owner = Unmanaged.passRetained(connection).toOpaque()
        out.pointee = UnsafeMutableRawPointer(stream).assumingMemoryBound(to: git_stream.self)
        return 0
    }

    private static func ours(_ stream: Raw?) -> UnsafeMutablePointer<fairlead_git_stream>? {
        stream.map { UnsafeMutableRawPointer($0).assumingMemoryBound(to: fairlead_git_stream.self) }
    }

    private static func connection(_ stream: Raw?) -> Connection? {
        ours(stream)?.pointee.owner.map { Unmanaged<Connection>.fromOpaque($0).takeUnretainedValue() }
    }

    private static func connect(_ stream: Raw?) -> Int32 {
        guard let connection = connection(stream) else { return refuse("the stream is gone") }
        do {
            ours(stream)?.pointee.descriptor = try connection.open()
            return 0
        } catch {
            return report(error, to: connection.job)
        }
    }

    private static func read(_ stream: Raw?, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
        guard let connection = connection(stream), let buffer else { return Int(refuse("the stream is gone")) }
        do { return try connection.read(into: buffer, count: count) } catch {
            return Int(report(error, to: connection.job))
        }
    }

    private static func write(_ stream: Raw?, _ bytes: UnsafePointer<CChar>?, _ count: Int) -> Int {
        guard let connection = connection(stream), let bytes else { return Int(refuse("the stream is gone")) }
        do { return try connection.write(bytes, count: count) } catch {
            return Int(report(error, to: connection.job))
        }
    }

    private static func close(_ stream: Raw?) -> Int32 {
        connection(stream)?.close()
        return 0
    }

    private static func free(_ stream: Raw?) {
        guard let stream = ours(stream) else { return }
        if let owner = stream.pointee.owner { Unmanaged<Connection>.fromOpaque(owner).release() }
        Glibc.free(stream.pointee.host)
        Glibc.free(stream.pointee.port)
        Glibc.free(stream)
    }

    /// Hands an error to libgit2 as text. A reason that no second try mends is recorded with the job too; a lost
    /// connection is not, because libgit2 makes a new one when a kept connection turns out closed.
    private static func report(_ error: GitError, to job: Job) -> Int32 {
        if error.code != .network { job.fail(error) }
        return refuse(error.message)
    }

    private static func refuse(_ message: String) -> Int32 {
        git_error_set_str(Int32(GIT_ERROR_NET.rawValue), message)
        return GIT_ERROR.rawValue
    }
}
