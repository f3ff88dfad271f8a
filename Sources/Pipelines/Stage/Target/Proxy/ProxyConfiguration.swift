import Glibc

/// HAProxy's configuration file (HAProxy 2.6 configuration manual). It always says what is served now, so that a
/// HAProxy that starts again serves the same.
struct ProxyConfiguration {
    let routes: [ProxyRoute]

    /// Relative to the folder that HAProxy runs in: a socket's path may have 107 characters.
    static let socket = "admin.sock"

    var text: String {
        ([Self.head] + routes.sorted { $0.section < $1.section }.map(section)).joined(separator: "\n")
    }

    /// `noreuseport`: a port that somebody else listens on is an error; otherwise both would get half of the clients.
    /// `expose-fd listeners`: after a reload the new process takes over the open ports, and no connection is refused.
    /// `idle-close-on-response`: nor is a kept connection closed under a client that is about to ask again.
    /// `http-server-close`: clients keep their connections, but none to a pod is used twice, because the pod may close
    /// it just then. A tunnel is a WebSocket, or anything in TCP mode.
    private static var head: String {
        """
        # Written by Fairlead. Changes are overwritten.
        global
            stats socket unix@\(socket) mode 600 level admin expose-fd listeners
            stats timeout 30s
            maxconn 4000
            nbthread 2
            noreuseport
            hard-stop-after 10m
        \(account)
        defaults
            timeout connect 2s
            timeout queue 10s
            timeout http-request 30s
            timeout http-keep-alive 15s
            timeout client 10m
            timeout server 10m
            timeout client-fin 30s
            timeout tunnel 4h
            retries 3
            option redispatch 1
            option dontlognull
            balance roundrobin

        """
    }

    /// Debian's package makes an account for it; only the master process stays root, to reload.
    private static var account: String {
        getpwnam("haproxy") != nil && geteuid() == 0 ? "    user haproxy\n    group haproxy\n" : ""
    }

    private func section(_ route: ProxyRoute) -> String {
        var lines = [
            "listen \(route.section)", "    mode \(route.mode.rawValue)", "    bind 127.0.0.1:\(route.loopback)",
        ]
        // Transparent: the address comes with the first pod, and goes with the last.
        if let gateway = route.gateway { lines.append("    bind \(gateway):\(route.loopback) transparent") }
        if route.mode == .http {
            lines += [
                "    retry-on conn-failure", "    option http-server-close", "    option idle-close-on-response",
            ]
        }
        lines += route.servers.map { "    server \($0) \($0)" }
        return lines.joined(separator: "\n") + "\n"
    }
}
