import Glibc

@testable import Pipelines

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// HEAD requests over a plain socket, and sockets that never answer.
enum TestHTTP {
    static func basic(_ user: String, _ password: String) -> [(String, String)] {
        [("Authorization", "Basic \(Data("\(user):\(password)".utf8).base64EncodedString())")]
    }

    /// The answer's status; nil if nobody listens.
    static func head(_ url: String, _ headers: [(String, String)]) async -> Int? {
        let parts = url.dropFirst("http://127.0.0.1:".count).split(separator: "/", maxSplits: 1).map(String.init)
        guard let port = Int(parts[0]) else { return nil }
        let fields = headers.map { "\($0.0): \($0.1)\r\n" }.joined()
        let request =
            "HEAD /\(parts.count > 1 ? parts[1] : "") HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\(fields)\r\n"
        return await OwnThread.run {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            let connected = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            let bytes = Array(request.utf8)
            guard connected == 0, send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
                return nil
            }
            var answer = [UInt8](repeating: 0, count: 64)
            guard recv(descriptor, &answer, answer.count, 0) > 12 else { return nil }
            return Int(String(decoding: answer[9..<12], as: UTF8.self))
        }
    }
}

/// A port of 127.0.0.1 that takes connections and never answers.
final class FrozenServer: Sendable {
    let port: Int
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = self.descriptor
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) | listen(descriptor, 16) | getsockname(descriptor, $0, &size)
            }
        }
        guard status == 0 else { throw StageError(.errored, "no-port", "errno \(errno)") }
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }
}
