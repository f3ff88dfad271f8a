/// Where an API server is, whom to trust there, and who we are.
public struct ClusterAccess: Sendable {
    public enum Credential: Sendable {
        case none
        /// A bearer token. The source is asked before the first request, and again when the server has refused the last
        /// one (401); it must end by itself, for the deadlines of requests do not reach into it.
        case token(@Sendable () async throws -> String)
        /// A bearer token in a file, which is read again when it has changed.
        case tokenFile(String)
        /// Certificate, with what is between it and its authority, and key, both in PEM form.
        case certificate([UInt8], key: [UInt8])
    }

    /// `https://10.0.0.1:6443`, perhaps with a path; without a slash at the end.
    public let server: String
    /// Certificates in PEM form that are trusted instead of the system's. Nil for the system's.
    public var authorityPEM: [UInt8]?
    public var credential: Credential
    /// Where objects belong that name no namespace.
    public var namespace: String?
    /// `http://proxy.example:3128`: what all requests go through.
    public var proxy: String?

    /// - Throws: ``KubernetesError`` with code `badAccess` for an address that is not https; http is accepted on
    ///   loopback only, because tokens would be readable on the way.
    public init(
        server: String,
        authorityPEM: [UInt8]? = nil,
        credential: Credential = .none,
        namespace: String? = nil
    ) throws(KubernetesError) {
        self.server = try checked(server: server)
        self.authorityPEM = authorityPEM
        self.credential = credential
        self.namespace = namespace
        if let authorityPEM { try check(pem: authorityPEM, "certificate authority") }
        if case .certificate(let certificate, let key) = credential {
            try check(pem: certificate, "client certificate")
            try check(key: key)
        }
    }
}

private func checked(server: String) throws(KubernetesError) -> String {
    let isSecure = server.lowercased().hasPrefix("https://")
    let isPlain = server.lowercased().hasPrefix("http://")
    let rest = server.drop { $0 != "/" }.dropFirst(2)
    let authority = rest.prefix { $0 != "/" }
    let host = authority.hasPrefix("[") ? authority.prefix { $0 != "]" } + "]" : authority.prefix { $0 != ":" }
    let isLoopback =
        ["localhost", "[::1]"].contains(host)
        || host.hasPrefix("127.") && host.allSatisfy { "0123456789.".contains($0) }
    guard isSecure || isPlain, !authority.isEmpty, !server.contains(where: { "?#@ ".contains($0) }) else {
        throw KubernetesError(.badAccess, "the cluster's address \(server) is not of the form https://host:port")
    }
    guard isSecure || isLoopback else {
        throw KubernetesError(
            .badAccess,
            "the cluster's address \(server) is not https: credentials would be readable on the way"
        )
    }
    return server.hasSuffix("/") ? String(server.dropLast()) : server
}

private func check(pem: [UInt8], _ what: String) throws(KubernetesError) {
    guard String(decoding: pem, as: UTF8.self).contains("-----BEGIN CERTIFICATE-----") else {
        throw KubernetesError(.badAccess, "the \(what) is not a certificate in PEM form")
    }
}

private func check(key: [UInt8]) throws(KubernetesError) {
    let text = String(decoding: key, as: UTF8.self)
    guard text.contains("-----BEGIN"), text.contains("PRIVATE KEY-----") else {
        throw KubernetesError(.badAccess, "the client key is not a private key in PEM form")
    }
    // OpenSSL would ask for the passphrase on the terminal.
    guard !text.contains("ENCRYPTED") else {
        throw KubernetesError(
            .badAccess,
            "the client key has a passphrase, which nobody is there to type: store it without"
        )
    }
}
