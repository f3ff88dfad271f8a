import FoundationEssentials
import Glibc
import HTTPClient
import Pipelines

/// Tells systemd how the server stands, if it was started by it (sd_notify(3)): one datagram each time to the socket that
/// NOTIFY_SOCKET names. Without one, nothing is told.
struct ServiceManager: Sendable {
    private let socket: String?
    /// How long systemd waits for a sign of life before it starts the server anew; nil: it does not look.
    let watchdog: Duration?

    init(environment: [String: String]) {
        let name = environment["NOTIFY_SOCKET"] ?? ""
        socket = name.hasPrefix("/") || name.hasPrefix("@") ? name : nil
        let isOurs = environment["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
        let limit = environment["WATCHDOG_USEC"].flatMap(Int.init) ?? 0
        watchdog = socket != nil && isOurs && limit > 0 ? .microseconds(limit) : nil
    }

    /// The server answers.
    func ready() { say("READY=1\nSTATUS=Serving") }

    /// The pipelines are read again; ``ready()`` follows.
    func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        say("RELOADING=1\nMONOTONIC_USEC=\(Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)")
    }

    func stopping() { say("STOPPING=1\nSTATUS=Handing over to the next server") }

    /// Gives signs of life for as long as the server answers its own question, until the task is cancelled.
    ///
    /// - Parameters:
    ///   - address: where it listens, e.g. `http://127.0.0.1:8080`.
    ///   - isStopping: then it takes no new connections, and only what is left of it gives the signs.
    func keepAlive(_ address: String, _ client: HTTPClient, isStopping: @Sendable () -> Bool) async {
        guard let watchdog else { return }
        let pause = watchdog / 3
        let question = HTTPRequest(
            method: "GET",
            url: "\(address)/healthz",
            deadline: pause,
            connectTimeout: pause
        )
        while !Task.isCancelled {
            if isStopping() {
                say("WATCHDOG=1")
            } else if let answer = try? await client.send(question), answer.status == 200 {
                say("WATCHDOG=1")
            }
            try? await Task.sleep(for: pause)
        }
    }

    private func say(_ state: String) {
        guard let socket else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(socket.utf8)
        // "@" stands for the zero byte that begins an abstract name.
        if path[0] == UInt8(ascii: "@") { path[0] = 0 }
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes = Array(state.utf8)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, length)
            }
        }
    }
}

extension ListenAddress {
    /// How a program on this machine reaches who listens here.
    func reached(port: Int) -> String {
        let nearest = host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host
        return "http://\(ListenAddress(host: nearest, port: port))"
    }
}
