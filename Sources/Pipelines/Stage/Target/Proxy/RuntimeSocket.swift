import Glibc

/// HAProxy's runtime API (management guide, 9.3): one command for each connection, the answer until its end.
struct RuntimeSocket: Sendable {
    /// The folder that has the socket.
    let folder: String

    private static let timeout = 5

    struct Failure: Error {
        var message: String
    }

    /// - Throws: `Failure` if nobody answers.
    func ask(_ command: String) async throws -> String {
        try await OwnThread.run { Result { try exchange(command) } }.get()
    }

    private func exchange(_ command: String) throws -> String {
        let place = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard place >= 0 else { throw failure("find") }
        defer { close(place) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure("open") }
        defer { close(descriptor) }
        var limit = timeval(tv_sec: Self.timeout, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        // By way of the open folder the path is short, however long the folder's own is.
        try connect(descriptor, "/proc/self/fd/\(place)/\(ProxyConfiguration.socket)")
        try send(Array((command + "\n").utf8), descriptor)
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while answer.count < 16 << 20 {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw failure("read") }
            if count == 0 { break }
            answer += buffer[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    private func connect(_ descriptor: Int32, _ path: String) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else { throw failure("reach") }
    }

    private func send(_ bytes: [UInt8], _ descriptor: Int32) throws {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + done, bytes.count - done, Int32(MSG_NOSIGNAL))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure("write") }
            done += count
        }
    }

    private func failure(_ verb: String) -> Failure {
        Failure(message: "cannot \(verb) the proxy's socket: \(String(cString: strerror(errno)))")
    }
}

/// What a running HAProxy serves, out of its runtime API.
struct RunningProxy: Sendable, Equatable {
    /// Section → names of its servers.
    var sections: [String: Set<String>]

    init(_ socket: RuntimeSocket) async throws {
        sections = [:]
        // "# name", then a backend a line.
        for line in try await socket.ask("show backend").split(separator: "\n") where !line.hasPrefix("#") {
            sections[String(line)] = []
        }
        // Columns 2 and 4 are the names of backend and server; a server in state maintenance is none.
        for line in try await socket.ask("show servers state").split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 6, !line.hasPrefix("#"), let admin = Int(fields[6]) else { continue }
            // Bit 0 of srv_admin_state: forced maintenance.
            if admin & 1 == 0 { sections[String(fields[1]), default: []].insert(String(fields[3])) }
        }
    }
}
