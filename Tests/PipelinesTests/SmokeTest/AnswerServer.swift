import Glibc

@testable import Pipelines

/// An HTTP server on loopback that answers each request as it is told, and closes the connection unless told otherwise.
final class AnswerServer: Sendable {
    struct Answer: Sendable {
        var status = 200
        var headers = ""
        var body = ""
        /// The connection is kept for another request.
        var staysOpen = false
    }

    let port: Int
    private let descriptor: Int32
    private let requests = Locked<[String]>([])

    /// - Parameter answer: gets the request's number, from 0, and its head; nil closes the connection without a word.
    init(_ answer: @escaping @Sendable (Int, String) -> Answer?) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = self.descriptor
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) | listen(descriptor, 64) | getsockname(descriptor, $0, &size)
            }
        }
        guard status == 0 else { throw StageError(.errored, "no-port", "errno \(errno)") }
        port = Int(UInt16(bigEndian: address.sin_port))
        let requests = requests
        // Ends when the socket is shut down.
        Task.detached {
            await OwnThread.run {
                while true {
                    let connection = accept(descriptor, nil, nil)
                    guard connection >= 0 else { break }
                    Task.detached {
                        await OwnThread.run {
                            while Self.serve(connection, requests, answer) {}
                            close(connection)
                        }
                    }
                }
                // Here and nowhere else: the number may be another server's at once.
                close(descriptor)
            }
        }
    }

    deinit { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// The heads of all requests, with what bodies they had.
    var heads: [String] { requests.withLock { $0 } }

    /// Whether the head is there, and as much body as it announces.
    private static func isWhole(_ request: String) -> Bool {
        guard let end = request.firstRange(of: "\r\n\r\n") else { return false }
        let length = request[..<end.lowerBound].split(separator: "\r\n")
            .first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst(15).filter(\.isNumber)) }
        return request[end.upperBound...].utf8.count >= length ?? 0
    }

    /// - Returns: whether there may be another request.
    private static func serve(
        _ connection: Int32,
        _ requests: Locked<[String]>,
        _ answer: @Sendable (Int, String) -> Answer?
    ) -> Bool {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !isWhole(String(decoding: bytes, as: UTF8.self)) {
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return false }
            bytes += buffer[..<count]
        }
        let head = String(decoding: bytes, as: UTF8.self)
        let number = requests.withLock {
            $0.append(head)
            return $0.count - 1
        }
        guard let answer = answer(number, head) else { return false }
        let text =
            "HTTP/1.1 \(answer.status) X\r\nConnection: \(answer.staysOpen ? "keep-alive" : "close")\r\n"
            + "Content-Length: \(answer.body.utf8.count)\r\n"
            + "\(answer.headers)\r\n\(answer.body)"
        let reply = Array(text.utf8)
        return send(connection, reply, reply.count, Int32(MSG_NOSIGNAL)) == reply.count && answer.staysOpen
    }
}
