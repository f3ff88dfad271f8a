import CMicroHTTPD
import Glibc

/// Addresses of sockets, as text and back.
enum SocketAddress {
    /// The address without its port; an IPv4 client of an IPv6 socket appears as IPv4.
    static func text(_ address: UnsafePointer<sockaddr>?) -> String {
        guard let address else { return "" }
        let length =
            address.pointee.sa_family == AF_INET6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size
        var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let status = getnameinfo(
            address,
            socklen_t(length),
            &buffer,
            socklen_t(buffer.count),
            nil,
            0,
            NI_NUMERICHOST
        )
        guard status == 0 else { return "" }
        let text = buffer.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        let mapped = "::ffff:"
        return text.hasPrefix(mapped) && text.contains(".") ? String(text.dropFirst(mapped.count)) : text
    }

    /// The port that a bound socket got.
    static func port(of socket: Int32) -> UInt16 {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { storage in
            let address = UnsafeMutableRawPointer(storage).assumingMemoryBound(to: sockaddr.self)
            guard getsockname(socket, address, &length) == 0 else { return 0 }
            if address.pointee.sa_family == AF_INET6 {
                let address = UnsafeRawPointer(storage).assumingMemoryBound(to: sockaddr_in6.self)
                return UInt16(bigEndian: address.pointee.sin6_port)
            }
            return UInt16(
                bigEndian: UnsafeRawPointer(storage).assumingMemoryBound(to: sockaddr_in.self).pointee.sin_port
            )
        }
    }

    /// Opens a socket that listens on an address and port.
    static func listen(address: String, port: UInt16) throws -> Int32 {
        let place = address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(address, String(port), &hints, &list)
        guard status == 0, let found = list else {
            let reason = String(cString: gai_strerror(status))
            throw HTTPServerError(.addressInvalid, "cannot listen on \(place): \(reason)")
        }
        defer { freeaddrinfo(list) }
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let listener = socket(found.pointee.ai_family, kind, 0)
        guard listener >= 0 else { throw HTTPServerError.system("cannot listen on \(place)") }
        var on: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard bind(listener, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0,
            Glibc.listen(listener, SOMAXCONN) == 0
        else {
            let error = HTTPServerError.system("cannot listen on \(place)")
            close(listener)
            throw error
        }
        return listener
    }
}
