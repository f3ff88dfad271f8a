import Glibc

/// A client that writes exactly the bytes it is told to and reads what comes. Blocking; a read that gets nothing for
/// 20 seconds fails, so that a server that hangs fails its test.
final class RawClient {
    private(set) var descriptor: Int32
    private var buffer: [UInt8] = []

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    init(port: UInt16, receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
        }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            connect(
                descriptor,
                UnsafeRawPointer($0).assumingMemoryBound(to: sockaddr.self),
                socklen_t(MemoryLayout<sockaddr_in>.size)
            )
        }
        guard status == 0 else {
            let reason = String(cString: strerror(errno))
            close()
            throw Failure(description: "cannot connect: \(reason)")
        }
    }

    deinit { close() }

    func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    /// Ends the connection by a reset instead of a proper end.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure(description: "cannot send: \(String(cString: strerror(errno)))") }
            sent += count
        }
    }

    /// Sends what the server takes; it may close before it has all.
    func sendAsFarAsTaken(_ bytes: [UInt8]) {
        try? send(bytes)
    }

    /// - Returns: false at the end of the connection.
    private func receive() throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count < 0, errno != ECONNRESET {
            throw Failure(description: "nothing came: \(String(cString: strerror(errno)))")
        }
        if count <= 0 { return false }
        buffer += chunk[..<count]
        return true
    }

    /// Reads up to and including `end`.
    func read(until end: String) throws -> String {
        let end = Array(end.utf8)
        while true {
            if let found = RawClient.find(end, in: buffer) {
                defer { buffer.removeFirst(found + end.count) }
                return String(decoding: buffer[..<(found + end.count)], as: UTF8.self)
            }
            guard try receive() else {
                throw Failure(description: "closed after: \(String(decoding: buffer, as: UTF8.self))")
            }
        }
    }

    func read(count: Int) throws -> [UInt8] {
        while buffer.count < count {
            guard try receive() else { throw Failure(description: "closed after \(buffer.count) bytes") }
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    /// Everything up to the end of the connection.
    func readToEnd() throws -> [UInt8] {
        while try receive() {}
        defer { buffer = [] }
        return buffer
    }

    /// Whether the server closes the connection without sending anything more.
    func isEnded() throws -> Bool { try readToEnd().isEmpty }

    private static func find(_ needle: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= needle.count else { return nil }
        return (0...(bytes.count - needle.count)).first {
            bytes[$0] == needle[0] && bytes[$0..<($0 + needle.count)].elementsEqual(needle)
        }
    }
}

extension RawClient {
    /// Tells the server that nothing more comes, and still listens.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }
}
