/// What the server is told by `fairlead.yaml`, with every default filled in and every secret looked up.
public struct ServerSettings: Sendable {
    /// Default: `127.0.0.1:8080`.
    public var listen = ListenAddress(host: "127.0.0.1", port: 8080)
    /// The data folder. Default: `data` beside the configuration file.
    public var data: String
    /// The folder of the pipelines' files. Default: `pipelines` beside the configuration file.
    public var pipelines: String
    /// The public address, without a slash at the end.
    public var url: String?
    /// Further names that the Host header may have.
    public var hosts: [String] = []
    /// What those may see who bring no token.
    public var `public` = Visibility.nothing
    public var webhookSecrets: [WebhookSecret] = []
    public var registry = EmbeddedRegistry()
    public var registries: [RegistryAccess] = []
    public var git = GitAccess()
    /// Builds run without isolation, for a host that offers none. Default: false.
    public var unsafeBuilds = false
    /// Blocks of private IPv4 addresses that builds may reach all the same, as `address/bits`.
    public var buildNetwork: [String] = []
    /// Blocks of this machine's own or of link-local IPv4 addresses that pods may reach all the same.
    public var podNetwork: [String] = []
    /// Nil: no pipeline can use DigitalOcean.
    public var digitalocean: DigitalOceanAccess?
    /// Nil: GitHub is told nothing.
    public var github: GitHubAccess?
    public var kubernetes = KubernetesRules()
    /// Nil: images are built on this machine.
    public var builder: RemoteBuilder?
    /// Between two looks at what is deployed, in seconds; nil: nobody looks. Default: 300.
    public var reconcile: Double? = 300
    public var telemetry = TelemetrySettings()
    /// How the server's own log is written. Default: text.
    public var log = LogFormat.text
    public var retention = Retention()
    public var limits = Limits()
    /// What works, but should not stay so.
    public var warnings: [Fault] = []

    /// The settings of an empty configuration file in `folder`.
    public init(folder: String) {
        data = FilePath.resolve("data", in: folder)
        pipelines = FilePath.resolve("pipelines", in: folder)
    }
}

extension ServerSettings {
    public enum Visibility: String, Sendable, CaseIterable {
        case nothing
        /// Runs and stages; no logs, excerpts or reasons.
        case status
        case everything
    }

    /// The docker-registry that `fairlead serve` runs on loopback.
    public struct EmbeddedRegistry: Sendable, Equatable {
        /// Default: false.
        public var embedded = false
        /// Nil: a free one, remembered in the data folder.
        public var port: Int?
    }

    /// How a registry is reached.
    public struct RegistryAccess: Sendable {
        /// `host` or `host:port`.
        public var address: String
        public var user: String?
        public var password: SecretValue?
        /// Plain HTTP, or a certificate that nobody checks.
        public var insecure: Bool
    }

    public struct GitAccess: Sendable {
        public var credentials: [GitCredential] = []
        /// Certificates (PEM) that are trusted besides the system's.
        public var caFile: String?

        /// The credential for a host, or nil: a key for ssh, a password for everything else.
        public func credential(for host: String, ssh: Bool) -> GitCredential? {
            let host = host.lowercased()
            return credentials.first { $0.host.lowercased() == host && $0.method.isKey == ssh }
        }
    }

    public struct GitCredential: Sendable {
        public enum Method: Sendable {
            case password(SecretValue)
            /// Paths of the private key and of the file that says which host keys are right.
            case sshKey(path: String, knownHosts: String, passphrase: SecretValue?)

            var isKey: Bool {
                if case .sshKey = self { true } else { false }
            }
        }

        public var host: String
        /// Default: `x-access-token` with a password, `git` with a key.
        public var user: String
        public var method: Method
    }

    /// A secret that webhooks are signed with.
    public struct WebhookSecret: Sendable {
        public var value: SecretValue
        /// Where the value comes from, e.g. `env FAIRLEAD_WEBHOOK_SECRET`: it names the secret in logs.
        public var origin: String
        /// The repositories that it speaks for; empty: any.
        public var sources: [WebhookSource]

        /// Whether the secret speaks for a repository.
        ///
        /// - Parameters:
        ///   - repository: `owner/name`, as the delivery says.
        ///   - id: The repository's number: it stays when a name is given up and taken by somebody else.
        ///   - urls: The repository's URLs, as the delivery says.
        public func covers(repository: String, id: Int64?, urls: [String]) -> Bool {
            sources.isEmpty || sources.contains { $0.covers(repository: repository, id: id, urls: urls) }
        }

        /// Whether the secret speaks for the repository that a pipeline deploys. A delivery names its repository in
        /// several ways, and whoever has a secret can let them disagree: the name that is covered, the URL of another.
        public func covers(_ source: Definition.Source) -> Bool {
            sources.isEmpty || sources.contains { $0.covers(source) }
        }
    }

    public enum WebhookSource: Sendable, Equatable {
        /// `owner/name`, perhaps bound to the repository's number.
        case repository(String, id: Int64?)
        /// Every repository of an owner: `owner/*`.
        case owner(String)
        case url(String)

        func covers(repository: String, id: Int64?, urls: [String]) -> Bool {
            switch self {
            case .repository(let name, let wanted):
                // GitHub's names differ by more than case or not at all.
                name.lowercased() == repository.lowercased() && (wanted == nil || wanted == id)
            case .owner(let owner):
                repository.lowercased().begins(with: owner.lowercased() + "/")
            case .url(let url):
                urls.contains { Self.comparable($0) == Self.comparable(url) }
            }
        }

        /// A URL's repository has the name that its path ends with.
        func covers(_ source: Definition.Source) -> Bool {
            let key = RepositoryKey.of(source)
            let name = key.parts(at: "/").suffix(2).joined(separator: "/")
            return switch self {
            case .repository(let wanted, _): name == wanted.lowercased()
            case .owner(let owner): name.begins(with: owner.lowercased() + "/")
            case .url(let url): key == RepositoryKey.of(url: url)
            }
        }

        /// With or without `.git` at the end, it is the same repository.
        private static func comparable(_ url: String) -> Substring {
            let url = url.ends(with: "/") ? url.dropLast() : url[...]
            return url.ends(with: ".git") ? url.dropLast(4) : url
        }
    }
}

extension ServerSettings {
    /// Whether a Host header names this server: the listen address, localhost, the host of `url`, and `hosts`.
    /// The port does not matter: behind a proxy it is another one.
    public func accepts(host header: String) -> Bool {
        guard let host = HostAndPort(header[...])?.name.lowercased() else { return false }
        if host == "localhost" || host == listen.host { return true }
        if listen.isLoopback, host == "127.0.0.1" || host == "::1" { return true }
        if let url = url.flatMap(PlainURL.init), url.host.name.lowercased() == host { return true }
        return hosts.contains { HostAndPort($0[...])?.name.lowercased() == host }
    }
}
