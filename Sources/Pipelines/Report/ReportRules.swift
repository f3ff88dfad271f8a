/// Whether and how runs are reported.
public struct ReportRules: Sendable, Equatable {
    /// Where the repositories are GitHub's. Those of `source: { github: … }` always are.
    var hosts: Set<GitHubHost>
    /// Where people reach this server; nil: reports have no link.
    public var url: String?

    init(url: String?) {
        hosts = [GitHubHost(name: "github.com")]
        self.url = url
    }

    /// Nil if the settings say nothing of GitHub.
    public init?(_ settings: ServerSettings) {
        guard let github = settings.github else { return nil }
        self.init(url: settings.url)
        // GitHub Enterprise has its API beside its repositories: https://HOST:PORT/api/v3.
        if let host = PlainURL(github.api).map(GitHubHost.init), host.name != "api.github.com" { hosts.insert(host) }
    }

    /// `owner/name` of a repository at GitHub; nil for one elsewhere.
    public func repository(of source: Definition.Source) -> String? {
        if let name = source.github { return name }
        guard isAtGitHub(source.git ?? "") else { return nil }
        let path = RepositoryKey.of(source).split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        return path.count == 2 ? path.joined(separator: "/") : nil
    }

    private func isAtGitHub(_ url: String) -> Bool {
        guard let address = PlainURL(url) else {
            // git@HOST:owner/name
            let key = RepositoryKey.of(url: url)
            return hosts.contains { key.hasPrefix("\($0.name)/") }
        }
        let host = GitHubHost(address)
        // ssh has a port of its own.
        return address.scheme == "ssh" ? hosts.contains { $0.name == host.name } : hosts.contains(host)
    }
}

/// A host that serves GitHub.
struct GitHubHost: Hashable {
    /// In lower case.
    var name: String
    /// Nil for the one that the scheme has anyway.
    var port: Int?

    init(name: String, port: Int? = nil) {
        self.name = name
        self.port = port
    }

    init(_ url: PlainURL) {
        let usual = url.scheme == "http" ? 80 : 443
        self.init(name: url.host.name.lowercased(), port: url.host.port == usual ? nil : url.host.port)
    }
}
