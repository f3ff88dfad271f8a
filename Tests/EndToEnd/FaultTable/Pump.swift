import Foundation

/// One direction of an exchange.
struct Pump {
    private let source: Int32
    private let sink: Int32
    /// Bytes that may still pass.
    private var left: Int
    /// The source has said all.
    private(set) var isDone = false
    /// The sink takes no more.
    private(set) var isBroken = false

    init(from source: Int32, to sink: Int32, left: Int) { (self.source, self.sink, self.left) = (source, sink, left) }

    /// Passes on what is there; call it when there is something.
    ///
    /// - Returns: false once nothing more may pass.
    mutating func move() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(source, &chunk, min(chunk.count, left), 0)
        guard count > 0 else {
            isDone = true
            shutdown(sink, Int32(SHUT_WR))
            return true
        }
        isBroken = !sendAll(sink, Array(chunk[..<count]))
        left -= count
        return left > 0
    }
}

/// The first line and the headers of a request, with what came behind them.
struct RequestHead {
    /// `GET /v2/ HTTP/1.1`.
    let line: String
    private let headers: [String]
    private let rest: [UInt8]

    /// Nil if the client goes before it has asked.
    init?(readingFrom client: Int32) {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let end = Array("\r\n\r\n".utf8)
        while true {
            let count = recv(client, &chunk, chunk.count, 0)
            guard count > 0, bytes.count < 1 << 20 else { return nil }
            bytes += chunk[..<count]
            guard let border = bytes.firstRange(of: end) else { continue }
            var lines = String(decoding: bytes[..<border.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
            line = lines.removeFirst()
            headers = lines.filter { !$0.lowercased().hasPrefix("connection:") }
            rest = Array(bytes[border.upperBound...])
            return
        }
    }

    /// The request as far as it has come, which asks for the end of the connection.
    var closing: [UInt8] {
        Array(([line] + headers + ["Connection: close", "", ""]).joined(separator: "\r\n").utf8) + rest
    }
}

/// - Returns: false if the other side does not take it.
func sendAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
        let count = bytes[sent...].withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count > 0 else { return false }
        sent += count
    }
    return true
}
