/// What podman's words about a registry mean.
struct RegistryFault {
    let code: String
    /// What to do about it.
    let advice: String
    private let words: [String]

    /// Nil if the message tells of no technical fault of a registry.
    init?(in message: String) {
        guard let known = Self.kinds.first(where: { $0.words.contains { message.contains($0) } }) else { return nil }
        self = known
    }

    private init(_ code: String, advice: String, words: [String]) {
        (self.code, self.advice, self.words) = (code, advice, words)
    }

    static let authentication = RegistryFault(
        "registry-authentication",
        advice: "mend its user and password under registries in fairlead.yaml",
        words: ["unauthorized", "authentication required", "invalid username/password", "no basic auth credentials"]
    )
    static let unreachable = RegistryFault(
        "registry-unreachable",
        advice: "see whether it runs and can be reached from here; if it speaks plain http, write insecure: true",
        words: [
            "connection refused", "no such host", "i/o timeout", "TLS handshake", "connection reset", "x509:",
            "no route to host", "network is unreachable", "unexpected EOF", ": EOF", "Client.Timeout",
            "server misbehaving", "server gave HTTP response to HTTPS client", "transport connection broken",
            "broken pipe", "server closed idle connection", "use of closed network connection", "connection timed out",
            "malformed HTTP",
        ]
    )
    static let busy = RegistryFault(
        "registry-busy",
        advice: "try again when it has less to do",
        words: [
            "toomanyrequests", "429", "500 Internal", "502 ", "503 ", "504 ", "500 (", "status code from registry 5",
        ]
    )

    /// podman's words without what stands behind the question mark of an address: of an upload, that is pages of state.
    static func short(_ message: String) -> String {
        var result = ""
        var isCut = false
        for character in message {
            if character == "?" { isCut = true }
            if character == "\"" || character == " " { isCut = false }
            if !isCut { result.append(character) }
        }
        return result
    }

    private static let kinds = [authentication, unreachable, busy]
}
