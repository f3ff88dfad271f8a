public import GitHub
public import HTTPClient
public import Logging
public import Signing

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
        logger: Logger
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
        self.buildSlots = Slots(settings.limits.builds)
    }

    var limits: Limits { settings.limits }
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
        case let error as StageError: error.reason
        case is CancellationError: Reason("cancelled", "cancelled by an operator")
        case let error as any CustomStringConvertible & Error: Reason("internal", error.description)
        default: Reason("internal", "\(error)")
        }
    }
}

/// A counting semaphore for tasks: so many may hold a slot at a time, the rest wait in order.
actor Slots {
    private var free: Int
    private var waiting: [(id: Int, continuation: CheckedContinuation<Bool, Never>)] = []
    private var nextID = 0

    init(_ count: Int) { free = max(1, count) }

    func with<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        try await take()
        defer { give() }
        return try await body()
    }

    private func take() async throws {
        if free > 0 {
            free -= 1
            return
        }
        let id = nextID
        nextID += 1
        let granted = await withTaskCancellationHandler {
            await withCheckedContinuation { waiting.append((id, $0)) }
        } onCancel: {
            Task { await self.giveUp(id) }
        }
        guard granted else { throw CancellationError() }
        if Task.isCancelled {
            give()
            throw CancellationError()
        }
    }

    private func giveUp(_ id: Int) {
        guard let index = waiting.firstIndex(where: { $0.id == id }) else { return }
        waiting.remove(at: index).continuation.resume(returning: false)
    }

    private func give() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().continuation.resume(returning: true) }
    }
}
