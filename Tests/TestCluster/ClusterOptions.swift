import Kubernetes

/// What a test cluster is like. Every delay is real time; zero means as soon as a controller gets to it.
public struct ClusterOptions: Sendable {
    /// The port on loopback; 0 takes a free one.
    public var port: UInt16 = 0
    /// Bearer tokens and their users.
    public var tokens: [String: String] = ["test-token": "tester"]
    /// Whether requests without credentials come in, as `system:anonymous`: kubectl sends no token over plain HTTP.
    public var allowsAnonymous = false
    /// What users may do; also what SelfSubjectAccessReview answers. Everything else is forbidden.
    public var access: [AccessRule] = [.everything]
    public var nodes: [String] = ["node-1", "node-2"]
    /// The version that `/version` names.
    public var version = "v1.34.1"

    /// Changes that watches from an older revision can still get.
    public var historyLimit = 10_000
    /// Time between two bookmarks of a watch that asked for them.
    public var bookmarkInterval: Duration = .seconds(1)
    /// How long a watch lasts whose client names no limit.
    public var watchTimeout: Duration = .seconds(1_800)

    /// From a change to the controllers' look at it.
    public var controllerDelay: Duration = .milliseconds(1)
    /// From a pod's start to its readiness; an image's behaviour may say otherwise.
    public var readyDelay: Duration = .milliseconds(20)
    /// From a pod's deletion to its end.
    public var terminationDelay: Duration = .milliseconds(20)
    /// From the creation of a CustomResourceDefinition to its being served.
    public var establishDelay: Duration = .milliseconds(50)
    /// From a service of type LoadBalancer to its address; nil: it never gets one.
    public var loadBalancerDelay: Duration? = .milliseconds(20)
    /// From a claim to its volume; nil: it stays pending.
    public var bindDelay: Duration? = .milliseconds(10)
    /// How long a second of `progressDeadlineSeconds`, `minReadySeconds`, `activeDeadlineSeconds` and of the wait
    /// between two starts of a crashing container takes.
    public var second: Duration = .seconds(1)

    /// How images run, by their name as written in a pod template.
    public var images: [String: ImageBehaviour] = [:]

    public init() {}

    /// So many seconds of a manifest; a thousand years where somebody means for ever.
    func seconds(_ count: Int64) -> Duration { second * Int(min(max(count, 0), 31_536_000_000)) }
}

/// How the containers of an image behave.
public struct ImageBehaviour: Sendable {
    public enum Start: Sendable, Equatable {
        /// Runs, and is ready after ``ClusterOptions/readyDelay`` or the given delay.
        case ready(after: Duration? = nil)
        /// Runs, and its readiness probe never succeeds.
        case neverReady
        /// Ends by itself with this exit code; in a pod that restarts, again and again.
        case exits(Int64)
        /// Cannot be pulled: the registry has no such image.
        case cannotBePulled
        /// Cannot be pulled: the registry does not answer.
        case registryIsDown
        /// Its pods find no node.
        case unschedulable
    }

    public var start: Start
    /// `sha256:…`; made from the name where nil.
    public var digest: String?
    /// What `/log` shows.
    public var log: String
    /// What `/log?previous=true` shows; as ``log`` where nil.
    public var previousLog: String?

    public init(_ start: Start = .ready(), digest: String? = nil, log: String = "", previousLog: String? = nil) {
        self.start = start
        self.digest = digest
        self.log = log
        self.previousLog = previousLog
    }
}

/// What users may do; `*` stands for everything.
public struct AccessRule: Sendable, Equatable {
    public var verbs: [String]
    public var groups: [String]
    /// `deployments`, `pods/log`.
    public var resources: [String]
    /// `*` is also for objects of the cluster itself.
    public var namespaces: [String]
    public var users: [String]

    public init(
        verbs: [String],
        groups: [String] = ["*"],
        resources: [String],
        namespaces: [String] = ["*"],
        users: [String] = ["*"]
    ) {
        self.verbs = verbs
        self.groups = groups
        self.resources = resources
        self.namespaces = namespaces
        self.users = users
    }

    public static let everything = AccessRule(verbs: ["*"], resources: ["*"])
}
