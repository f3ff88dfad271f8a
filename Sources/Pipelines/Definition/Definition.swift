/// A pipeline as its file defines it, with every default filled in. A run keeps the definition it was accepted with.
public struct Definition: Codable, Sendable, Equatable {
    /// The pipeline's name: lower-case letters, digits and hyphens, at most 40 characters.
    public var name: String
    /// Where the pipeline deploys to, and the name of its lane. Default: the pipeline's name.
    public var environment: String
    public var source: Source
    /// In order of name.
    public var images: [Image]
    public var registry: Registry
    /// Environment-style name → where the value comes from. Becomes Secret `NAME-secrets` in the namespace.
    public var secrets: [String: SecretSource]
    public var deploy: Deploy
    public var smokeTest: [SmokeCheck]
    public var onPush: OnPush
    /// What ends the hold that a rollback leaves on the environment.
    public var hold = Hold.untilResumed

    public enum OnPush: String, Codable, Sendable, CaseIterable { case latest, queue, cancel }

    public enum Hold: String, Codable, Sendable, CaseIterable {
        /// An operator lets pushes through again.
        case untilResumed
        /// The next push that comes after the rollback is let through, as `onPush` says.
        case untilNextPush
    }
}

extension Definition {
    /// What was kept before a key existed is read with that key's default.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try container.decode(String.self, forKey: .name),
            environment: try container.decode(String.self, forKey: .environment),
            source: try container.decode(Source.self, forKey: .source),
            images: try container.decode([Image].self, forKey: .images),
            registry: try container.decode(Registry.self, forKey: .registry),
            secrets: try container.decode([String: SecretSource].self, forKey: .secrets),
            deploy: try container.decode(Deploy.self, forKey: .deploy),
            smokeTest: try container.decode([SmokeCheck].self, forKey: .smokeTest),
            onPush: try container.decode(OnPush.self, forKey: .onPush),
            hold: try container.decodeIfPresent(Hold.self, forKey: .hold) ?? .untilResumed
        )
    }
}

extension Definition {
    /// The repository and the refs of it that are deployed.
    public struct Source: Codable, Sendable, Equatable {
        /// `owner/name` on github.com; exclusive with `git`.
        public var github: String?
        /// A full https, http, ssh or file URL; exclusive with `github`.
        public var git: String?
        /// The deployed branch, without `refs/heads/`; exclusive with `tags`.
        public var branch: String?
        /// A glob over tag names, e.g. `v*`; exclusive with `branch`.
        public var tags: String?
        /// Globs over changed paths; empty: every change counts.
        public var paths: [String]

        /// The URL to fetch from.
        public var url: String { git ?? "https://github.com/\(github ?? "").git" }
        /// The repository as people name it: `owner/name`, or the URL.
        public var repository: String { github ?? git ?? "" }
    }

    public struct Image: Codable, Sendable, Equatable {
        public var name: String
        /// Folder inside the repository, relative; `.` is the root.
        public var context: String
        /// Path inside the repository. Default: `Dockerfile` (or `Containerfile`) in the context.
        public var dockerfile: String?
        public var target: String?
        public var args: [String: String]
    }

    public enum Registry: Codable, Sendable, Equatable {
        /// The registry that `fairlead serve` runs on loopback.
        case embedded
        /// `host:port` or `host:port/prefix`.
        case address(String)
        /// A registry of DigitalOcean, by its name. `keep` images of each repository outlive the registry's clean-up; nil:
        /// nothing is ever deleted.
        case digitalocean(String, keep: Int?)
    }

    public enum SecretSource: Codable, Sendable, Equatable {
        case environment(String)
        case file(String)
    }

    public struct SmokeCheck: Sendable, Equatable {
        public var name: String
        public var method = Method.get
        /// `service://name:port/path` through the target, or `http(s)://…` from outside.
        public var address: String
        public var headers: [String: String]
        /// What is sent; never with a `get`.
        public var body: Body?
        /// Name → dotted path in the answer's JSON: checks after this one know what is there as `{{name}}`.
        public var capture: [String: String] = [:]
        public var expect: Expectation
        /// Try again for this many seconds. Default 60.
        public var retryFor: Double
        /// Seconds between tries. Default 2.
        public var retryEvery: Double
        /// The certificate of an https address must be valid for at least so long, in seconds. Nil: any that is valid now.
        public var tls: TLS?

        public enum Method: String, Sendable, CaseIterable { case get, post, put, patch, delete }

        public enum Body: Sendable, Equatable {
            /// Sent as `application/json`.
            case json(JSONValue)
            case text(String)
        }

        public struct TLS: Codable, Sendable, Equatable {
            public var validFor: Double
        }
    }

    public struct Expectation: Codable, Sendable, Equatable {
        /// Default 200.
        public var status: Int
        /// Dotted path → scalar that the JSON body must have there.
        public var json: [String: JSONValue]
        /// Text that the body must contain.
        public var body: String?
        /// Header name → value that the answer must carry.
        public var headers: [String: String]
        /// Longest time the answer may take, in seconds.
        public var within: Double?
    }

    public enum JSONScalar: Codable, Sendable, Equatable {
        case string(String)
        case number(Double)
        case bool(Bool)
        case null
    }
}
