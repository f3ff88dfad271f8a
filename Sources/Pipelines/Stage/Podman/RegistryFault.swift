/// What podman's words about a registry mean.
enum RegistryFault {
    private static let kinds: [(code: String, words: [String])] = [
        (
            "registry-authentication",
            ["unauthorized", "authentication required", "invalid username/password", "no basic auth credentials"]
        ),
        (
            "registry-unreachable",
            [
                "connection refused", "no such host", "i/o timeout", "TLS handshake", "connection reset", "x509:",
                "no route to host", "network is unreachable", "unexpected EOF", ": EOF", "Client.Timeout",
                "server misbehaving", "server gave HTTP response to HTTPS client",
            ]
        ),
        ("registry-busy", ["toomanyrequests", "429", "500 Internal", "502 ", "503 ", "504 "]),
    ]

    /// The code of the technical fault that the message tells of; nil if it tells of none.
    static func code(of message: String) -> String? {
        kinds.first { kind in kind.words.contains { message.contains($0) } }?.code
    }
}
