import Glibc
import HTTPClient

/// Asks containers whether they are ready.
struct ProbeClient: Sendable {
    let engine: PodEngine
    let http: HTTPClient

    /// Nil: yes. Otherwise what the answer was, in words that follow the name of the container.
    func ask(_ probe: ProbeSpec, address: String, container: String) async -> String? {
        let timeout = Duration.seconds(probe.timeout)
        switch probe.action {
        case .httpGet(let path, let port, let headers):
            return await get(path, address, port, headers, timeout)
        case .tcpSocket(let port):
            return await SocketProbe.connect(address, port, timeout: timeout)
                ? nil : "port \(port) takes no connection"
        case .exec(let command):
            // podman itself takes a moment, which is not the command's fault.
            guard let result = try? await engine.execute(command, in: container, deadline: timeout + .seconds(2)) else {
                return "its probe command cannot be run"
            }
            return result.succeeded ? nil : "its probe command ended with \(result.ending)"
        }
    }

    /// Kubernetes takes 200 to 399 for yes.
    private func get(
        _ path: String,
        _ address: String,
        _ port: Int,
        _ headers: [ProbeSpec.Header],
        _ timeout: Duration
    ) async -> String? {
        var request = HTTPRequest(
            url: "http://\(address):\(port)\(path)",
            headers: [("User-Agent", "fairlead-probe")] + headers.map { ($0.name, $0.value) },
            deadline: timeout,
            connectTimeout: timeout,
            maxResponseBytes: 1 << 20
        )
        if headers.contains(where: { $0.name.lowercased() == "user-agent" }) { request.headers.removeFirst() }
        do {
            let response = try await http.send(request)
            return (200..<400).contains(response.status)
                ? nil : "GET \(path) on port \(port) answered \(response.status)"
        } catch let error as HTTPClientError where error.code == .timeout {
            return "GET \(path) on port \(port) had no answer within \(timeout.words)"
        } catch {
            return "GET \(path) on port \(port) had no answer (\(error))"
        }
    }
}

/// Whether a TCP port takes a connection.
enum SocketProbe {
    static func connect(_ address: String, _ port: Int, timeout: Duration) async -> Bool {
        let milliseconds = Int32(clamping: timeout.components.seconds * 1000) &+ 1
        return await OwnThread.run { connects(address, port, milliseconds) }
    }

    /// Blocks for at most the time-out.
    private static func connects(_ address: String, _ port: Int, _ milliseconds: Int32) -> Bool {
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = in_port_t(port).bigEndian
        guard inet_pton(AF_INET, address, &target.sin_addr) == 1 else { return false }
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let started = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if started == 0 { return true }
        guard errno == EINPROGRESS else { return false }
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&waiting, 1, milliseconds) == 1 else { return false }
        var failure: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure == 0
    }
}
