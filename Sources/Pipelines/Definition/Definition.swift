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

    public enum OnPush: String, Codable, Sendable, CaseIterable { case latest, queue, cancel }
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
    }

    public enum SecretSource: Codable, Sendable, Equatable {
        case environment(String)
        case file(String)
    }

    public struct Deploy: Codable, Sendable, Equatable {
        public var target: Target
        /// Default: the pipeline's name.
        public var namespace: String
        /// Folders or files inside the repository.
        public var manifests: [String]
        /// A Job's manifest inside the repository; it must finish before the rollout begins.
        public var before: String?
        /// Deadline of the deploy stage, in seconds. Default 300.
        public var timeout: Double
        public var onFailure: OnFailure

        public enum OnFailure: String, Codable, Sendable, CaseIterable { case undo, keep }
    }

    /// Where a pipeline deploys to: one case and one file in `Stage/` for each kind.
    public enum Target: Codable, Sendable, Equatable {
        /// Containers on this machine.
        case podman
    }

    public struct SmokeCheck: Codable, Sendable, Equatable {
        public var name: String
        /// `service://name:port/path` through the target, or `http(s)://…` from outside.
        public var get: String
        public var headers: [String: String]
        public var expect: Expectation
        /// Try again for this many seconds. Default 60.
        public var retryFor: Double
        /// Seconds between tries. Default 2.
        public var retryEvery: Double
    }

    public struct Expectation: Codable, Sendable, Equatable {
        /// Default 200.
        public var status: Int
        /// Dotted path → scalar that the JSON body must have there.
        public var json: [String: JSONScalar]
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
