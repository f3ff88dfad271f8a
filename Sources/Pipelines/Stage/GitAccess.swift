public import Git

extension ServerSettings {
    /// The credential for a repository's URL; none where the configuration has none for its host.
    public func gitCredential(for url: String) throws -> Git.GitCredential {
        guard let host = RepositoryURL.host(of: url),
            let known = git.credential(for: host, ssh: RepositoryURL.isSSH(url))
        else { return .none }
        switch known.method {
        case .password(let password):
            return .password(user: known.user, password: String(decoding: password.bytes, as: UTF8.self))
        case .sshKey(let path, let knownHosts, let passphrase):
            return .sshKey(
                user: known.user,
                privateKeyPath: path,
                passphrase: passphrase?.text,
                knownHostsPath: knownHosts
            )
        }
    }
}

extension RunDependencies {
    /// How long a fetch, or a question to a git server, may take.
    var fetchLimits: FetchLimits {
        FetchLimits(deadline: .seconds(limits.fetchDeadline), idle: .seconds(limits.fetchIdle))
    }
}

/// The two spellings of a repository's address: `scheme://[user@]host[:port]/path` and `[user@]host:path`.
enum RepositoryURL {
    static func isSSH(_ url: String) -> Bool {
        url.hasPrefix("ssh://") || (!url.contains("://") && url.contains(":"))
    }

    /// The host in lower case; nil for a file.
    static func host(of url: String) -> String? {
        let key = RepositoryKey.of(url: url)
        guard !url.hasPrefix("file:"), !url.hasPrefix("/"), let end = key.firstIndex(of: "/") else { return nil }
        let authority = key[..<end]
        return String(authority.prefix { $0 != ":" })
    }
}
