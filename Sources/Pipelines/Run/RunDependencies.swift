public import GitHub
public import HTTPClient
public import Logging
public import Signing
public import Telemetry

/// What a run works with. Made once by the program.
public struct RunDependencies: Sendable {
    public var history: History
    public var settings: ServerSettings
    /// Builds and pushes.
    public var podman: Podman
    /// Of this machine; others are made for the definition that names them. Nil where this machine runs no containers.
    public var podmanTarget: PodmanTarget?
    public var registries: Registries
    public var client: HTTPClient
    /// Nil if the settings say nothing of GitHub.
    public var github: GitHubAPI?
    public var sealingKey: SealingKey
    /// The server's environment: pipeline secrets are read from it.
    public var environment: [String: String]
    public var logger: Logger
    public var metrics: RunMetrics
    public var tracer: Tracer
    let buildSlots: Slots
    let registryUse = RegistryUse()
    /// Set when the server goes down: what is cancelled then is handed over, not ended.
    let stopping = Latch()

    public init(
        history: History,
        settings: ServerSettings,
        podman: Podman,
        podmanTarget: PodmanTarget?,
        registries: Registries,
        client: HTTPClient,
        github: GitHubAPI?,
        sealingKey: SealingKey,
        environment: [String: String],
        logger: Logger,
        metrics: RunMetrics = RunMetrics(MetricRegistry()),
        tracer: Tracer = Tracer()
    ) {
        self.history = history
        self.settings = settings
        self.podman = podman
        self.podmanTarget = podmanTarget
        self.registries = registries
        self.client = client
        self.github = github
        self.sealingKey = sealingKey
        self.environment = environment
        self.logger = logger
        self.metrics = metrics
        self.tracer = tracer
        self.buildSlots = Slots(settings.limits.builds)
    }

    var limits: Limits { settings.limits }
    /// The podman of this machine, if it has one.
    var podmanHere: Podman? { podman.remote == nil ? podman : podmanTarget?.engine.podman }
    /// Working folders and mirrors live here; absolute.
    var dataFolder: String { settings.data }

    /// The server's own secrets, which are masked in every log.
    var serverSecrets: [SecretValue] {
        var secrets = settings.webhookSecrets.map(\.value) + registries.secrets
        for credential in settings.git.credentials {
            switch credential.method {
            case .password(let password): secrets.append(password)
            case .sshKey(_, _, let passphrase): if let passphrase { secrets.append(passphrase) }
            }
        }
        if let token = settings.digitalocean?.token { secrets.append(token) }
        if let secret = settings.github?.secret { secrets.append(secret) }
        return secrets
    }

    /// What is said of an error that no stage has put into words.
    public func reason(of error: any Error) -> Reason {
        switch error {
        case let error as StageError where error.outcome != .errored: error.reason
        case let error as StageError: error.reason.namingFullDisk(error)
        case let error as HistoryError: error.reason
        case is CancellationError: Reason("cancelled", "cancelled by an operator")
        case let error as any CustomStringConvertible & Error:
            Reason("internal", error.description).namingFullDisk(error)
        default: Reason("internal", "\(error)").namingFullDisk(error)
        }
    }
}
