import Foundation

/// Sends exactly these bytes to a port of 127.0.0.1, as far as they are taken, and returns all that comes until the
/// other side closes. Blocking; what takes longer than 20 s is a failure.
///
/// - Parameter ending: says afterwards that nothing more will come.
func exchange(_ bytes: [UInt8], port: UInt16, ending: Bool = false) throws -> String {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = loopback(port)
    let status = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    guard status == 0 else { throw Unexpected("cannot connect: \(String(cString: strerror(errno)))") }
    var sent = 0
    while sent < bytes.count {
        let count = bytes[sent...].withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count > 0 else { break }
        sent += count
    }
    if ending { shutdown(descriptor, Int32(SHUT_WR)) }
    var answer: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count > 0 {
            answer += chunk[..<count]
        } else if count == 0 || errno == ECONNRESET {
            return String(decoding: answer, as: UTF8.self)
        } else {
            throw Unexpected("not closed within 20 s, after: \(String(decoding: answer, as: UTF8.self))")
        }
    }
}

/// A connection to a port of 127.0.0.1 that stays open. Blocking, 20 s at most.
final class RawConnection: Sendable {
    private let descriptor: Int32

    init(port: UInt16) throws {
        descriptor = try connected(to: port)
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) throws {
        guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw Unexpected("cannot send: \(String(cString: strerror(errno)))")
        }
    }

    /// The status of the next answer, whose body has to come with it.
    func status() throws -> Int {
        var text = ""
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while !text.contains("\r\n\r\n") {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { throw Unexpected("closed, or not answered within 20 s, after: \(text)") }
            text += String(decoding: chunk[..<count], as: UTF8.self)
        }
        return text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    }
}

/// A port of 127.0.0.1 that takes connections and never answers.
final class SilentServer: Sendable {
    let port: UInt16
    private let descriptor: Int32

    init() throws {
        (descriptor, port) = try boundSocket()
        guard listen(descriptor, 16) == 0 else { throw Unexpected("cannot listen") }
    }

    deinit { close(descriptor) }
}

/// A port on 127.0.0.1 that is free now, and stays so: the kernel gives none of these to who asks for any.
func freeLoopbackPort() throws -> UInt16 {
    while true {
        guard let (descriptor, port) = try? boundSocket(.random(in: 16_000..<32_000)) else { continue }
        close(descriptor)
        return port
    }
}

/// A socket that is bound to a port of 127.0.0.1; 0 is any free one.
///
/// - Parameter shared: others of ours may be bound to the port beside it.
func boundSocket(_ port: UInt16 = 0, shared: Bool = false) throws -> (descriptor: Int32, port: UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var yes: Int32 = 1
    if shared { setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &yes, socklen_t(MemoryLayout<Int32>.size)) }
    var address = loopback(port)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
            bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
        }
    }
    guard status == 0 else {
        close(descriptor)
        throw Unexpected("port \(port) is not free")
    }
    return (descriptor, UInt16(bigEndian: address.sin_port))
}

/// A socket that is connected to a port of 127.0.0.1.
func connected(to port: UInt16) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = loopback(port)
    let status = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    guard status == 0 else {
        let why = String(cString: strerror(errno))
        close(descriptor)
        throw Unexpected("cannot connect: \(why)")
    }
    return descriptor
}

private func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
}
