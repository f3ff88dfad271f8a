/// Every deadline and every bound of the server in one place. Times are in seconds, sizes in bytes; each can be set
/// under `limits:` in fairlead.yaml.
public struct Limits: Sendable, Equatable {
    // MARK: The road of a push

    /// A request, from its first byte to its last.
    public var requestDeadline = 30.0
    /// A fetch from a repository, connecting included.
    public var fetchDeadline = 300.0
    /// A fetch during which no byte arrives.
    public var fetchIdle = 30.0
    /// How long a revision that is not there yet is asked for again.
    public var revisionWait = 30.0
    /// How long a fault of a git host or a registry that may pass is tried again.
    public var retryFor = 60.0
    public var cloneDeadline = 600.0
    public var buildDeadline = 1800.0
    public var pushDeadline = 600.0
    public var smokeTestDeadline = 600.0
    /// How long an undo may take.
    public var undoDeadline = 300.0
    /// Rendering manifests with kustomize or helm.
    public var renderDeadline = 60.0
    /// Fetching a chart's archive.
    public var chartDeadline = 60.0
    /// The longest archive of a chart.
    public var chartBytes = 16 * 1024 * 1024
    /// Objects of one release to a cluster.
    public var releaseObjects = 1000
    /// Runs that build at a time, over all lanes.
    public var builds = 2
    /// Log kept of one attempt of a stage; the cut is marked.
    public var logBytes = 16 * 1024 * 1024

    // MARK: HTTP

    /// The longest body of a webhook; GitHub sends at most 25 MB.
    public var webhookBodyBytes = 25 * 1024 * 1024
    /// All bodies that are being received together; beyond it the answer is 503.
    public var bodiesInFlightBytes = 64 * 1024 * 1024
    /// The longest body of any other request.
    public var apiBodyBytes = 64 * 1024
    /// Connections at a time.
    public var connections = 4096
    /// A connection on which nothing is asked for.
    public var connectionIdle = 60.0
    /// Between two signs of life of an event stream.
    public var heartbeat = 15.0
    /// How long a session of the status page lasts.
    public var sessionLifetime = 43_200.0

    // MARK: Services

    /// One request to a Kubernetes API server; a watch may last longer.
    public var kubernetesRequestDeadline = 30.0
    /// One request to GitHub's API.
    public var githubDeadline = 15.0
    /// One request to DigitalOcean's API.
    public var digitaloceanDeadline = 30.0

    // MARK: Taking leave

    /// How long connections to old containers may last once the new ones have taken over.
    public var drain = 10.0
    /// How long requests and runs under way may take to let go once the server stops.
    public var shutdown = 20.0

    public init() {}
}

extension Limits {
    /// One limit as fairlead.yaml names it.
    struct Named: Sendable {
        enum Field: Sendable {
            case seconds(any WritableKeyPath<Limits, Double> & Sendable)
            case count(any WritableKeyPath<Limits, Int> & Sendable, ClosedRange<Int>)
            case bytes(any WritableKeyPath<Limits, Int> & Sendable, ClosedRange<Int>)
        }

        var name: String
        var field: Field
        var about: String
    }
}

extension Limits {
    /// In the order of the documentation. Defaults come from `Limits()`, so that they are written down once.
    static let named: [Named] = [
        Named(
            name: "requestDeadline",
            field: .seconds(\.requestDeadline),
            about: "A request, from its first byte to its last."
        ),
        Named(
            name: "fetchDeadline",
            field: .seconds(\.fetchDeadline),
            about: "A fetch from a repository, connecting included."
        ),
        Named(name: "fetchIdle", field: .seconds(\.fetchIdle), about: "A fetch during which no byte arrives."),
        Named(
            name: "revisionWait",
            field: .seconds(\.revisionWait),
            about: "How long a revision that the repository does not have yet is asked for again."
        ),
        Named(
            name: "retryFor",
            field: .seconds(\.retryFor),
            about: "How long a git host or a registry that does not answer, or has too much to do, is asked again."
        ),
        Named(name: "cloneDeadline", field: .seconds(\.cloneDeadline), about: "The clone stage."),
        Named(name: "buildDeadline", field: .seconds(\.buildDeadline), about: "The build stage."),
        Named(name: "pushDeadline", field: .seconds(\.pushDeadline), about: "The push stage."),
        Named(name: "smokeTestDeadline", field: .seconds(\.smokeTestDeadline), about: "The smoke-test stage."),
        Named(name: "undoDeadline", field: .seconds(\.undoDeadline), about: "The undo of a deploy."),
        Named(
            name: "renderDeadline",
            field: .seconds(\.renderDeadline),
            about: "Rendering manifests with kustomize or helm."
        ),
        Named(
            name: "chartDeadline",
            field: .seconds(\.chartDeadline),
            about: "Fetching the archive of a chart that a pipeline names by its address."
        ),
        Named(
            name: "chartBytes",
            field: .bytes(\.chartBytes, 64 * kibi...256 * mebi),
            about: "The longest archive of a chart."
        ),
        Named(
            name: "releaseObjects",
            field: .count(\.releaseObjects, 1...20_000),
            about: "Objects of one release to a cluster; one with more is refused before anything is applied."
        ),
        Named(
            name: "builds",
            field: .count(\.builds, 1...64),
            about: "Runs that build at a time, over all environments."
        ),
        Named(
            name: "logBytes",
            field: .bytes(\.logBytes, 64 * kibi...1024 * mebi),
            about: "Log that is kept of one attempt of a stage; where it is cut, it says so."
        ),
        Named(
            name: "webhookBodyBytes",
            field: .bytes(\.webhookBodyBytes, kibi...256 * mebi),
            about: "The longest body of a webhook. GitHub sends at most 25 MB."
        ),
        Named(
            name: "bodiesInFlightBytes",
            field: .bytes(\.bodiesInFlightBytes, kibi...4096 * mebi),
            about: "All bodies that are received at one time; beyond it the answer is 503."
        ),
        Named(
            name: "apiBodyBytes",
            field: .bytes(\.apiBodyBytes, kibi...16 * mebi),
            about: "The longest body of a request that is not a webhook."
        ),
        Named(name: "connections", field: .count(\.connections, 8...65_536), about: "Connections at a time."),
        Named(
            name: "connectionIdle",
            field: .seconds(\.connectionIdle),
            about: "How long a connection on which nothing is asked for is kept."
        ),
        Named(name: "heartbeat", field: .seconds(\.heartbeat), about: "Between two signs of life of an event stream."),
        Named(
            name: "sessionLifetime",
            field: .seconds(\.sessionLifetime),
            about: "How long a session of the status page lasts."
        ),
        Named(
            name: "kubernetesRequestDeadline",
            field: .seconds(\.kubernetesRequestDeadline),
            about: "One request to a Kubernetes API server; a watch may last longer."
        ),
        Named(name: "githubDeadline", field: .seconds(\.githubDeadline), about: "One request to GitHub's API."),
        Named(
            name: "digitaloceanDeadline",
            field: .seconds(\.digitaloceanDeadline),
            about: "One request to DigitalOcean's API."
        ),
        Named(
            name: "drain",
            field: .seconds(\.drain),
            about: "How long connections to old containers may last once the new ones have taken over."
        ),
        Named(
            name: "shutdown",
            field: .seconds(\.shutdown),
            about:
                "How long requests may take to end, and runs to let go, once the server stops; then the answer is 503."
        ),
    ]

    fileprivate static let kibi = 1024
    fileprivate static let mebi = 1024 * 1024

    /// The shape of `limits:`.
    static let shape = Shape.object(
        ObjectShape(
            keys: named.map { limit in
                let shape: Shape =
                    switch limit.field {
                    case .seconds: .duration
                    case .count(_, let range): .integer(range)
                    case .bytes(_, let range): .size(range)
                    }
                return .optional(limit.name, shape, "\(limit.about) Default: \(limit.standard).")
            }
        )
    )

    /// The limits of a value that was checked against `shape`.
    init(_ value: Value?) {
        self.init()
        for limit in Self.named {
            guard let found = value?[limit.name], case .scalar(let scalar) = found.content else { continue }
            switch limit.field {
            case .seconds(let path): if let seconds = seconds(of: scalar.text) { self[keyPath: path] = seconds }
            case .count(let path, _): if let count = found.integer { self[keyPath: path] = count }
            case .bytes(let path, _): if let size = bytes(of: scalar) { self[keyPath: path] = size }
            }
        }
    }
}

extension Limits.Named {
    /// The default, as it is written in fairlead.yaml.
    var standard: String {
        let defaults = Limits()
        switch field {
        case .seconds(let path):
            let seconds = Int(defaults[keyPath: path])
            if seconds % 3600 == 0 { return "\(seconds / 3600)h" }
            return seconds % 60 == 0 ? "\(seconds / 60)m" : "\(seconds)s"
        case .count(let path, _): return "\(defaults[keyPath: path])"
        case .bytes(let path, _):
            let size = defaults[keyPath: path]
            return size % Limits.mebi == 0 ? "\(size / Limits.mebi)MiB" : "\(size / Limits.kibi)KiB"
        }
    }
}
