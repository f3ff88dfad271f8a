import Foundation

/// A server on a free loopback port that speaks only what the test tells it to, a thread for each connection.
///
/// Stops with its owner: connections are shut down, and every thread has ended when `deinit` returns.
final class SocketServer: Sendable {
    let port: UInt16
    private let inside: Inside

    /// - Parameter serve: talks to one client, on a thread that may block; the connection is closed when it returns.
    init(_ serve: @escaping @Sendable (Connection) -> Void) throws {
        _ = Self.uselessProxies
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 1_024) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard listener >= 0, isListening else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        port = UInt16(bigEndian: address.sin_port)
        inside = Inside(listener: listener)
        inside.start(serve)
    }

    deinit { inside.stop() }

    /// How many connections there have been.
    var connectionCount: Int { inside.connectionCount }

    func url(_ path: String = "/", host: String = "127.0.0.1", scheme: String = "http") -> String {
        "\(scheme)://\(host):\(port)\(path)"
    }

    /// Every test of this target runs in an environment that names a proxy which does not answer. Set once, before the
    /// first client exists.
    private static let uselessProxies: Void = {
        for name in ["http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"] { setenv(name, "http://127.0.0.1:1", 1) }
    }()
}

/// One client's connection, as the server sees it.
struct Connection: Sendable {
    fileprivate let descriptor: Int32

    /// Up to the empty line behind the headers, and as much body as they announce. Nil if the client went away.
    func readRequest() -> String? {
        var bytes: [UInt8] = []
        let end = Array("\r\n\r\n".utf8)
        while !(bytes.count >= 4 && Array(bytes.suffix(4)) == end) {
            guard let byte = read(1).first else { return nil }
            bytes.append(byte)
        }
        let head = String(decoding: bytes, as: UTF8.self)
        let length = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.drop { $0 != ":" }.dropFirst().trimmingCharacters(in: .whitespaces)) }
        while bytes.count < head.utf8.count + (length ?? 0) {
            let more = read(head.utf8.count + (length ?? 0) - bytes.count)
            guard !more.isEmpty else { return nil }
            bytes += more
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// False if the client went away.
    @discardableResult
    func write(_ text: String) -> Bool {
        write(Array(text.utf8))
    }

    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    func respond(status: String = "200 OK", headers: [String] = [], body: String = "") {
        let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + headers
        write(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    /// Returns when the client has closed its side, or the server stops.
    func waitForEnd() {
        while !read(4_096).isEmpty {}
    }

    private func read(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let received = recv(descriptor, &bytes, count, 0)
        return Array(bytes.prefix(max(received, 0)))
    }
}

private final class Inside: @unchecked Sendable {
    private let listener: Int32
    private let condition = NSCondition()
    private var open: Set<Int32> = []
    private var threads = 0
    private var isStopping = false
    private var accepted = 0

    init(listener: Int32) { self.listener = listener }

    var connectionCount: Int {
        condition.withLock { accepted }
    }

    func start(_ serve: @escaping @Sendable (Connection) -> Void) {
        spawn { [self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                let isWelcome = condition.withLock {
                    guard !isStopping else { return false }
                    open.insert(descriptor)
                    accepted += 1
                    return true
                }
                guard isWelcome else {
                    close(descriptor)
                    return
                }
                spawn { [self] in
                    serve(Connection(descriptor: descriptor))
                    condition.withLock {
                        open.remove(descriptor)
                        _ = close(descriptor)
                    }
                }
            }
        }
    }

    func stop() {
        condition.lock()
        isStopping = true
        // Wakes up who waits in accept, recv or send.
        shutdown(listener, Int32(SHUT_RDWR))
        for descriptor in open { shutdown(descriptor, Int32(SHUT_RDWR)) }
        while threads > 0 { condition.wait() }
        condition.unlock()
        close(listener)
    }

    private func spawn(_ body: @escaping @Sendable () -> Void) {
        condition.withLock { threads += 1 }
        let thread = Thread { [self] in
            body()
            condition.withLock {
                threads -= 1
                condition.broadcast()
            }
        }
        thread.stackSize = 256 << 10
        thread.start()
    }
}

/// A sign that one thread gives and a task waits for.
final class Sign: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func give() { continuation.finish() }

    func wait() async {
        for await _ in stream {}
    }
}
