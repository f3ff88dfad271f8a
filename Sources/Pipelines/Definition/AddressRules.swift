extension TextRule {
    /// A host and perhaps a port, as a pattern. Ports are checked to be at most 65535 by the reader alone.
    static let hostAndPort = #"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)(:[1-9][0-9]{0,4})?"#

    /// The address of a registry, perhaps with the beginning of every repository's name.
    static let registryAddress = TextRule(
        pattern: "^" + hostAndPort + "(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$",
        length: 1...255,
        wanted: "a registry's address such as 127.0.0.1:5000 or registry.example.com/acme"
    ) { text in
        if text.holds("://") { return "leave out http:// or https://" }
        let parts = text.parts(at: "/")
        guard HostAndPort(parts[0]) != nil else { return "begin with host or host:port" }
        let fits = parts.dropFirst().allSatisfy { part in
            guard let first = part.utf8.first, let last = part.utf8.last else { return false }
            return first.isLowerOrDigit && last.isLowerOrDigit
                && part.utf8.allSatisfy { $0.isLowerOrDigit || "._-".utf8.contains($0) }
        }
        return fits ? nil : "after the host come lower-case letters, digits, ., _, - and single slashes"
    }

    /// A registry without a prefix.
    static let registryHost = TextRule(
        pattern: "^" + hostAndPort + "$",
        length: 1...255,
        wanted: "a registry's host:port such as 127.0.0.1:5000"
    ) { text in
        if text.holds("://") { return "leave out http:// or https://" }
        return HostAndPort(text[...]) == nil ? "write host or host:port" : nil
    }

    /// A host without a port.
    static let host = TextRule(
        pattern: #"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)$"#,
        length: 1...253,
        wanted: "a host such as deploy.example.com"
    ) { text in
        if text.holds("://") { return "write the host alone" }
        guard let host = HostAndPort(text[...]) else { return "write the host alone" }
        return host.port == nil ? nil : "leave out the port"
    }

    /// What a smoke check asks for.
    static let checkAddress = TextRule(
        pattern: #"^(service://[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?:[1-9][0-9]{0,4}/|https?://"# + hostAndPort
            + #"([/?]|$))[^\u0000-\u0020\u007F#]*$"#,
        length: 1...2048,
        wanted: "an address such as service://backend:8000/health or https://todo.example.com/health"
    ) { text in
        if text.hasControls || text.holds(" ") { return "no spaces or control characters may be in it" }
        if text.holds("#") { return "leave out the part from # on: it is never sent" }
        guard let url = PlainURL(text), ["service", "http", "https"].contains(url.scheme) else {
            return "begin with service://name:port/path, http:// or https://"
        }
        if url.user != nil { return "no user or password may be in it: send a header" }
        guard url.scheme == "service" else { return nil }
        guard isServiceName(url.host.name) else { return "the service's name is a name such as backend" }
        if url.host.port == nil { return "the service's port is missing: service://name:port/path" }
        return url.path.begins(with: "/") ? nil : "the path is missing: end with / at least"
    }

    /// Where people reach this server.
    static let publicURL = webAddress("https://deploy.example.com")

    /// Where the API of a service is.
    static let apiURL = webAddress("https://api.example.com")

    private static func webAddress(_ example: String) -> TextRule {
        TextRule(
            pattern: "^https?://" + hostAndPort + #"(/[^\u0000-\u0020\u007F#?]*)?$"#,
            length: 1...1024,
            wanted: "an address such as \(example)"
        ) { text in
            guard let url = PlainURL(text), ["http", "https"].contains(url.scheme), !text.hasControls,
                url.user == nil, !text.utf8.contains(where: { " #?".utf8.contains($0) })
            else { return "write https://host or https://host:port, with a path at most" }
            return nil
        }
    }

    /// Where this server listens.
    static let listen = TextRule(
        pattern: #"^(localhost|[0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:.]+\]):(0|[1-9][0-9]{0,4})$"#,
        length: 1...64,
        wanted: "an address and a port such as 127.0.0.1:8080 or [::1]:8080"
    ) { ListenAddress.fault(in: $0) }

    /// A block of addresses (RFC 4632, RFC 4291).
    static let addressBlock = TextRule(
        pattern: #"^[0-9]{1,3}(\.[0-9]{1,3}){3}/(3[0-2]|[12]?[0-9])$"#,
        length: 1...64,
        wanted: "a block of addresses such as 10.1.0.0/16"
    ) { text in
        let parts = text.parts(at: "/")
        guard parts.count == 2, let bits = plainNumber(parts[1]) else { return "write address/bits" }
        guard isIPv4(parts[0]) else { return "begin with an IPv4 address: builds have no other" }
        return bits <= 32 ? nil : "at most 32 bits"
    }

    private static func isServiceName(_ name: Substring) -> Bool {
        guard (1...63).contains(name.utf8.count), let first = name.utf8.first, let last = name.utf8.last else {
            return false
        }
        return first.isLowerOrDigit && last.isLowerOrDigit
            && name.utf8.allSatisfy { $0.isLowerOrDigit || $0 == UInt8(ascii: "-") }
    }
}

/// `host`, `host:port`, `[::1]` or `[::1]:port`.
struct HostAndPort {
    /// Without brackets.
    var name: Substring
    var port: Int?

    /// It leads to this machine alone.
    var isLoopback: Bool { name == "localhost" || name == "::1" || (isIPv4(name) && name.begins(with: "127.")) }

    init?(_ text: Substring) {
        guard text.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
        var rest: Substring
        if text.begins(with: "[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            name = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
            guard isIPv6(name) else { return nil }
        } else {
            name = text.prefix { $0 != ":" }
            rest = text[name.endIndex...]
            guard let first = name.utf8.first, let last = name.utf8.last, first.isLetterOrDigit, last.isLetterOrDigit,
                name.utf8.allSatisfy({ $0.isLetterOrDigit || "-_.".utf8.contains($0) })
            else { return nil }
        }
        guard rest.begins(with: ":") else {
            if rest.isEmpty { return } else { return nil }
        }
        rest = rest.dropFirst()
        guard let number = plainNumber(rest), (1...65_535).contains(number) else { return nil }
        port = number
    }
}

/// The parts of `scheme://user@host:port/path` that our rules look at.
struct PlainURL {
    var scheme: Substring
    var user: Substring?
    var host: HostAndPort
    /// Everything after the host, with its slash.
    var path: Substring

    init?(_ text: String) {
        let scalars = text.unicodeScalars
        guard let colon = scalars.firstIndex(of: ":"), text[colon...].begins(with: "://"), !text.hasControls,
            !text.holds(" ")
        else { return nil }
        scheme = text[..<colon]
        var authority = scalars[colon...].dropFirst(3).prefix { !["/", "?", "#"].contains($0) }
        path = text[authority.endIndex...]
        if let at = authority.lastIndex(of: "@") {
            user = text[authority.startIndex..<at]
            authority = authority[at...].dropFirst()
        }
        guard let host = HostAndPort(Substring(authority)) else { return nil }
        self.host = host
    }
}
