/// The address of a repository, taken apart.
struct RemoteURL: Sendable, Equatable {
    enum Scheme: String, Sendable { case https, http, ssh, file }

    var scheme: Scheme
    var user: String?
    var password: String?
    /// Lower case, an IPv6 address without its brackets; empty for files.
    var host: String
    var port: Int
    /// With its leading slash, except in an ssh address of the short form, where it counts from the home folder.
    var path: String

    /// Takes https, http, ssh and file URLs, `user@host:path` for ssh, and an absolute path for a file source.
    init(_ text: String) throws(GitError) {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }), !text.isEmpty, !text.hasPrefix("-") else {
            throw GitError(.other, "the repository's address is empty, begins with a dash or holds blanks")
        }
        if text.hasPrefix("/") {
            self.init(scheme: .file, user: nil, password: nil, host: "", port: 0, path: text)
        } else if let (name, rest) = text.splitOnce("://") {
            guard let scheme = Scheme(rawValue: name.lowercased()) else {
                throw GitError(.other, "the repository's address has an unknown scheme, “\(name)”")
            }
            try self.init(scheme: scheme, rest: rest)
        } else if let (authority, path) = text.splitOnce(":"), !authority.contains("/"), !path.hasPrefix(":") {
            try self.init(scheme: .ssh, rest: authority + "/" + path)
            self.path = path
        } else {
            throw GitError(.other, "the repository's address is neither a URL nor an absolute path")
        }
        try checkPath()
    }

    private init(scheme: Scheme, user: String?, password: String?, host: String, port: Int, path: String) {
        (self.scheme, self.user, self.password) = (scheme, user, password)
        (self.host, self.port, self.path) = (host, port, path)
    }

    private init(scheme: Scheme, rest: String) throws(GitError) {
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var authority = String(rest[..<slash])
        let path = String(rest[slash...])
        if scheme == .file {
            guard authority.isEmpty || authority == "localhost" else {
                throw GitError(.other, "a file address names no host: file:///path")
            }
            self.init(scheme: .file, user: nil, password: nil, host: "", port: 0, path: percentDecoded(path))
            return
        }
        var user: String?
        var password: String?
        if let at = authority.lastIndex(of: "@") {
            let info = String(authority[..<at])
            authority = String(authority[authority.index(after: at)...])
            let parts = info.splitOnce(":")
            user = percentDecoded(parts?.0 ?? info)
            password = parts.map { percentDecoded($0.1) }
        }
        let (host, port) = try Self.hostAndPort(authority, default: [.https: 443, .http: 80, .ssh: 22][scheme] ?? 0)
        self.init(scheme: scheme, user: user, password: password, host: host, port: port, path: path)
    }

    private static func hostAndPort(_ authority: String, default standard: Int) throws(GitError) -> (String, Int) {
        var host = authority
        var port = standard
        let bracket = authority.lastIndex(of: "]")
        if let colon = authority.lastIndex(of: ":"), bracket.map({ colon > $0 }) ?? true {
            host = String(authority[..<colon])
            let digits = authority[authority.index(after: colon)...]
            guard let number = Int(digits), (1...65535).contains(number) else {
                throw GitError(.other, "the repository's address has a port that is not a number from 1 to 65535")
            }
            port = number
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        let allowed = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: ":"): true
            case UInt8(ascii: "_"), UInt8(ascii: "%"): true
            default: false
            }
        }
        guard !host.isEmpty, allowed, !host.hasPrefix("-") else {
            throw GitError(.other, "the repository's address has no proper host")
        }
        return (host.lowercased(), port)
    }

    private func checkPath() throws(GitError) {
        guard !path.isEmpty, path != "/" else { throw GitError(.other, "the repository's address has no path") }
        // libgit2 puts the path between single quotes into the command for the far side's shell, without escaping.
        if scheme == .ssh, path.contains(where: { "'\\%!`$;&|<>".contains($0) }) || path.hasPrefix("-") {
            throw GitError(.other, "the path in an ssh address may not begin with a dash or hold quotes or % signs")
        }
    }

    /// Whether what is meant for the other may be sent here: same scheme, host and port.
    func hasSameOrigin(as other: RemoteURL) -> Bool {
        scheme == other.scheme && host == other.host && port == other.port
    }

    /// Whether this is on the machine itself, by its name.
    var isLocal: Bool {
        scheme == .file || host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    /// The address without user and password, for people.
    var display: String { text(user: nil) }

    /// The address for libgit2. Passwords are never part of it: they would show up in messages.
    func text(user: String?) -> String {
        if scheme == .file { return "file://" + path }
        let standard = [.https: 443, .http: 80, .ssh: 22][scheme]
        let shownHost = host.contains(":") ? "[\(host)]" : host
        let shownPort = port == standard ? "" : ":\(port)"
        let shownUser = user.map { $0 + "@" } ?? ""
        // A path that counts from the home folder has no form as a URL that every server understands.
        guard path.hasPrefix("/") else { return "\(shownUser)\(shownHost):\(path)" }
        return "\(scheme.rawValue)://\(shownUser)\(shownHost)\(shownPort)\(path)"
    }
}

extension RemoteURL {
    /// The address that a submodule's `url` stands for in a repository at this address. Only https, http and ssh, and
    /// what is relative to those, are ever followed.
    func submodule(_ text: String, path: String) throws(GitError) -> RemoteURL {
        func refused(_ why: String) -> GitError {
            GitError(.unsafeSubmodule, "the submodule at “\(path)” is refused: \(why)")
        }
        if text.hasPrefix("./") || text.hasPrefix("../") {
            guard scheme != .file else { throw refused("its address is relative to a file source") }
            return try relative(text, refused: refused)
        }
        let url: RemoteURL
        do { url = try RemoteURL(text) } catch { throw refused(error.message) }
        guard url.scheme != .file else { throw refused("its address is a path on this machine") }
        return url
    }

    private func relative(_ text: String, refused: (String) -> GitError) throws(GitError) -> RemoteURL {
        var base = path.split(separator: "/")
        var rest = text[...]
        while true {
            if rest.hasPrefix("./") {
                rest = rest.dropFirst(2)
            } else if rest.hasPrefix("../") {
                guard base.popLast() != nil else { throw refused("its relative address leaves the server's root") }
                rest = rest.dropFirst(3)
            } else {
                break
            }
        }
        let steps = rest.split(separator: "/")
        guard !steps.isEmpty, !steps.contains(where: { $0 == ".." || $0 == "." }) else {
            throw refused("its relative address is not of the form ../name")
        }
        var url = self
        url.path = (path.hasPrefix("/") ? "/" : "") + (base + steps).joined(separator: "/")
        guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else { throw refused("its address holds blanks") }
        do { try url.checkPath() } catch { throw refused(error.message) }
        return url
    }
}

extension String {
    func splitOnce(_ separator: String) -> (String, String)? {
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix(separator) {
                return (String(self[..<rest.startIndex]), String(rest.dropFirst(separator.count)))
            }
            rest = rest.dropFirst()
        }
        return nil
    }
}

/// Undoes %XX (RFC 3986, 2.1); what is not a pair of hexadecimal digits stays as it is.
func percentDecoded(_ text: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
        let digits = String(decoding: rest.prefix(2), as: UTF8.self)
        if byte == UInt8(ascii: "%"), digits.utf8.count == 2, let value = UInt8(digits, radix: 16) {
            bytes.append(value)
            rest = rest.dropFirst(2)
        } else {
            bytes.append(byte)
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}
