import Glibc

/// Free ports of 127.0.0.1 for Services, below the range out of which the kernel gives ports to connections (32768 and
/// up, ip_local_port_range): so one that is remembered stays free while the proxy is down.
enum LoopbackPort {
    private static let range = 20_000...29_999

    /// - Parameter taken: remembered for other Services.
    /// - Throws: `StageError` (errored, `no-free-port`).
    static func choose(except taken: Set<Int>) throws -> Int {
        let first = Int.random(in: range)
        for step in 0..<range.count {
            let port = range.lowerBound + (first - range.lowerBound + step) % range.count
            if !taken.contains(port), isFree(port) { return port }
        }
        throw StageError(.errored, "no-free-port", "Every port from \(range.lowerBound) to \(range.upperBound) is taken")
    }

    static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // Connections that were just closed do not count: HAProxy does the same.
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        } == 0
    }
}
