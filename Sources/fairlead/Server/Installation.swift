import FoundationEssentials
import Glibc
import HTTPClient
import Logging
import Pipelines
import Signing
import Telemetry

/// A data folder in use: the database with its lock, the keys, podman, the registry, the target.
///
/// Opening it clears up after a server that was killed: its children are ended before anything is claimed.
struct Installation: Sendable {
    let settings: ServerSettings
    let history: History
    let epoch: Int64
    let dependencies: RunDependencies
    let logger: Logger
    let registry: EmbeddedRegistry?
    let metrics: MetricRegistry
    let tracing: Tracing

    static func open(_ settings: ServerSettings, logger: Logger) async throws -> Installation {
        for warning in settings.warnings { logger.warning("Configuration", metadata: ["warning": "\(warning)"]) }
        try createFolder(settings.data)
        let history = try History.open(folder: settings.data)
        do {
            return try await open(settings, history: history, logger: logger)
        } catch {
            try? history.close()
            throw error
        }
    }

    private static func open(_ settings: ServerSettings, history: History, logger: Logger) async throws -> Installation
    {
        let epoch = try history.beginEpoch()
        await ChildProcess.endStale(try await history.staleChildren(epoch: epoch))
        let sealingKey = try SealingKey.load(path: "\(settings.data)/sealing.key", createIfMissing: true)
        let registry = try await embeddedRegistry(settings, history)
        let access = try Registries(settings: settings, embedded: registry)
        let (builder, target) = try podmans(settings, access, history)
        let client = HTTPClient()
        let metrics = MetricRegistry()
        let tracing = Tracing(settings, registry: metrics, client: client)
        let dependencies = RunDependencies(
            history: history,
            settings: settings,
            podman: builder,
            podmanTarget: target,
            registries: access,
            client: client,
            github: try settings.gitHubAPI(client: client),
            sealingKey: sealingKey,
            environment: ProcessInfo.processInfo.environment,
            logger: logger,
            metrics: RunMetrics(metrics),
            tracer: tracing.tracer
        )
        try await dependencies.sweep()
        history.report(by: ReportRules(settings))
        history.count(in: dependencies.metrics)
        return Installation(
            settings: settings,
            history: history,
            epoch: epoch,
            dependencies: dependencies,
            logger: logger,
            registry: registry,
            metrics: metrics,
            tracing: tracing
        )
    }

    /// The podman that builds, and the target of this machine. Containers here need root; a server that builds elsewhere
    /// can do without them.
    private static func podmans(
        _ settings: ServerSettings,
        _ access: Registries,
        _ history: History
    ) throws -> (builder: Podman, target: PodmanTarget?) {
        let insecure = access.insecureAddresses
        let remote = try settings.builder.map {
            try Podman(folder: "\(settings.data)/builder", remote: $0, insecureRegistries: insecure, ledger: history)
        }
        if let remote, geteuid() != 0 { return (remote, nil) }
        let here = try Podman(folder: "\(settings.data)/podman", insecureRegistries: insecure, ledger: history)
        let target = try PodmanTarget(
            podman: here,
            folder: "\(settings.data)/target",
            authFile: access.authFile,
            drain: .seconds(settings.limits.drain),
            allow: settings.podNetwork
        )
        return (remote ?? here, target)
    }

    /// Writes where the server listens, for programs that start it with port 0.
    func announce(port: UInt16) throws {
        try "http://\(ListenAddress(host: settings.listen.host, port: Int(port)))\n".write(
            toFile: "\(settings.data)/address",
            atomically: true,
            encoding: .utf8
        )
    }

    func close() async {
        try? FileManager.default.removeItem(atPath: "\(settings.data)/address")
        await registry?.stop()
        await tracing.end()
        dependencies.client.close()
        do {
            try history.close()
        } catch {
            logger.error("The database did not close well", metadata: ["error": "\(error)"])
        }
    }

    private static func embeddedRegistry(_ settings: ServerSettings, _ history: History) async throws
        -> EmbeddedRegistry?
    {
        guard settings.registry.embedded else { return nil }
        return try await EmbeddedRegistry.start(
            folder: "\(settings.data)/registry",
            port: settings.registry.port,
            ledger: history
        )
    }

    private static func createFolder(_ path: String) throws {
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
    }
}
