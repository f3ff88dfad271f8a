import Foundation
import Glibc

/// A port of 127.0.0.1 that stands before another one, and can go away as a killed process does: its connections are cut
/// wherever they are, and what was on its way behind it goes on.
final class CuttingRelay: @unchecked Sendable {
    // Unchecked: everything that changes is behind the lock.
    let port: UInt16
    private let target: UInt16
    private let lock = NSLock()
    private var listener: Int32 = -1
    private var sockets: Set<Int32> = []

    init(to target: UInt16) throws {
        self.target = target
        let (descriptor, port) = try listeningSocket(0)
        self.port = port
        open(descriptor)
    }

    deinit { cut() }

    /// Refuses new connections and ends all others.
    func cut() {
        lock.withLock {
            guard listener >= 0 else { return }
            // Its thread closes it, so that the number is not used again meanwhile.
            shutdown(listener, Int32(SHUT_RDWR))
            listener = -1
            for socket in sockets { shutdown(socket, Int32(SHUT_RDWR)) }
        }
    }

    /// Listens again on the same port.
    func restore() throws {
        guard lock.withLock({ listener < 0 }) else { return }
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
            do {
                return open(try listeningSocket(port).descriptor)
            } catch  where ContinuousClock.now < deadline { usleep(5_000) }
        }
    }

    private func open(_ descriptor: Int32) {
        lock.withLock { listener = descriptor }
        Thread.detachNewThread { [weak self] in
            while true {
                let client = accept(descriptor, nil, nil)
                guard client >= 0, let self, self.lock.withLock({ self.listener == descriptor }) else {
                    if client >= 0 { close(client) }
                    if client < 0, errno == EINTR || errno == ECONNABORTED { continue }
                    close(descriptor)
                    return
                }
                self.carry(client)
            }
        }
    }

    private func carry(_ client: Int32) {
        guard let server = try? connectedSocket(target) else {
            close(client)
            return
        }
        let isOpen = lock.withLock {
            guard listener >= 0 else { return false }
            sockets.formUnion([client, server])
            return true
        }
        guard isOpen else {
            close(client)
            close(server)
            return
        }
        Thread.detachNewThread { [weak self] in
            Self.pump(client, server)
            self?.lock.withLock { self?.sockets.subtract([client, server]) }
            close(client)
            close(server)
        }
    }

    private static func pump(_ left: Int32, _ right: Int32) {
        var polled = [
            pollfd(fd: left, events: Int16(POLLIN), revents: 0), pollfd(fd: right, events: Int16(POLLIN), revents: 0),
        ]
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            guard poll(&polled, 2, -1) > 0 else { return }
            for (from, to) in [(0, 1), (1, 0)] where polled[from].revents != 0 {
                let count = recv(polled[from].fd, &buffer, buffer.count, 0)
                guard count > 0 else { return }
                var sent = 0
                while sent < count {
                    let done = buffer[sent..<count].withUnsafeBytes {
                        send(polled[to].fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                    }
                    guard done > 0 else { return }
                    sent += done
                }
            }
        }
    }
}

/// A socket that listens on a port of 127.0.0.1; 0 takes any free one.
func listeningSocket(_ port: UInt16) throws -> (descriptor: Int32, port: UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = loopback(port)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
            bind(descriptor, pointer, length) == 0 && listen(descriptor, 512) == 0
                && getsockname(descriptor, pointer, &length) == 0
        }
    }
    guard status else {
        close(descriptor)
        throw Unexpected("port \(port) is not free")
    }
    return (descriptor, UInt16(bigEndian: address.sin_port))
}

/// A port of 127.0.0.1 that is free now, and stays so: the kernel gives none of these to who asks for any.
func freePort() throws -> UInt16 {
    while true {
        guard let (descriptor, port) = try? listeningSocket(.random(in: 16_000..<32_000)) else { continue }
        close(descriptor)
        return port
    }
}

func connectedSocket(_ port: UInt16) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = loopback(port)
    let status = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    guard status == 0 else {
        close(descriptor)
        throw Unexpected("cannot connect to \(port)")
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
