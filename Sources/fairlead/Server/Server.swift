import FoundationEssentials
import Glibc
import HTTPServer
import Logging
import Pipelines
import UnixSignals

/// The server: everything wired together, from its start to a clean end.
struct Server: Sendable {
    private let installation: Installation
    private let definitions: [String: Definition]

    private let commits: Bool

    /// - Parameter commits: false leaves the deliveries' transaction out; only a bench asks for that.
    init(_ installation: Installation, definitions: [String: Definition], commits: Bool = true) {
        self.installation = installation
        self.definitions = definitions
        self.commits = commits
    }

    /// Serves until SIGTERM or SIGINT.
    func run() async throws {
        // Before anybody knows where we listen: a SIGHUP that nobody takes ends a process.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let settings = installation.settings
        let history = installation.history
        let logger = installation.logger
        let pipelines = Locked(try await PipelineSet(definitions, history: history))
        let road = Road(installation.dependencies)
        let runner = Runner(history: history, epoch: installation.epoch, road: road, logger: logger)
        let feed = EventFeed(history: history, epoch: installation.epoch)
        let deliveries = DeliveryLog(history: history, commits: commits)
        let stopping = Locked(false)
        let comparisons = HeadComparisons()
        let certificates = CertificateWatch(client: installation.dependencies.client)
        let metrics = ServerMetrics(installation.metrics)
        metrics.ask(history, certificates, comparisons) { pipelines.value }
        installation.dependencies.metrics.expect(pipelines: definitions.keys)

        let router = try router(
            pipelines: pipelines,
            runner: runner,
            feed: feed,
            deliveries: deliveries,
            comparisons: comparisons,
            metrics: metrics,
            stopping: stopping
        )
        let server = try HTTPServer(configuration: configuration(settings, metrics)) { router.handle($0, $1) }
        let manager = ServiceManager(environment: ProcessInfo.processInfo.environment)
        logger.notice(
            "Listening",
            metadata: ["address": "http://\(ListenAddress(host: settings.listen.host, port: Int(server.port)))"]
        )
        try installation.announce(port: server.port)
        manager.ready()

        await withTaskGroup(of: Void.self) { group in
            group.addTask { await runner.run() }
            let signs = Task {
                let address = settings.listen.reached(port: Int(server.port))
                await manager.keepAlive(address, installation.dependencies.client) { stopping.value }
            }
            group.addTask { await feed.run() }
            group.addTask { await keepProxy() }
            group.addTask { await PullSecretKeeper(installation.dependencies).run() }
            group.addTask { await certificates.run { pipelines.value.definitions } }
            group.addTask { await RegistryGuard(installation.dependencies).run { pipelines.value.definitions } }
            let reconciler = Reconciler(installation.dependencies, comparisons: comparisons) { pipelines.value }
            if let reconciler { group.addTask { await reconciler.run() } }
            group.addTask {
                await RetentionKeeper(installation.dependencies, registry: installation.registry).run {
                    pipelines.value.definitions
                }
            }
            if let github = installation.dependencies.github {
                let tracer = installation.tracing.tracer
                let reporter = Reporter(history: history, api: github, logger: logger, tracer: tracer)
                group.addTask { await reporter.run() }
            }
            group.addTask {
                try? await Task.sleep(for: Self.settling)
                returnStartupMemory()
            }
            await waitForEnd(signals, pipelines, manager)
            logger.notice("Stopping")
            stopping.value = true
            manager.stopping()
            endInTime()
            group.cancelAll()
            await server.stop(grace: .seconds(settings.limits.shutdown))
            deliveries.stop()
            await group.waitForAll()
            signs.cancel()
        }
        logger.notice("Stopped")
    }

    private func router(
        pipelines: Locked<PipelineSet>,
        runner: Runner,
        feed: EventFeed,
        deliveries: DeliveryLog,
        comparisons: HeadComparisons,
        metrics: ServerMetrics,
        stopping: Locked<Bool>
    ) throws -> Router {
        let (settings, history, logger) = (installation.settings, installation.history, installation.logger)
        let access = Access(history: history, settings: settings)
        let api = APIRoutes(
            needs: installation.dependencies,
            access: access,
            runner: runner,
            comparisons: comparisons,
            pipelines: { pipelines.value }
        )
        return Router(
            webhook: WebhookRoute(
                guardian: try SourceGuard(settings: settings, history: history, logger: logger),
                pipelines: { pipelines.value },
                deliveries: deliveries,
                metrics: metrics,
                tracer: installation.tracing.tracer,
                logger: logger
            ),
            access: access,
            api: api,
            lanes: LaneRoutes(api: api),
            events: EventsRoute(access: access, feed: feed),
            sessions: SessionRoutes(access: access, history: history, settings: settings),
            health: HealthRoutes(readiness: { stopping.value ? "stopping" : nil }),
            metrics: MetricsRoute(access: access, registry: metrics.registry),
            page: try PageRoutes(share: Share.find()),
            tracer: installation.tracing.tracer,
            logger: logger
        )
    }

    private func configuration(_ settings: ServerSettings, _ metrics: ServerMetrics) -> HTTPServerConfiguration {
        let limits = settings.limits
        var configuration = HTTPServerConfiguration()
        configuration.address = settings.listen.host
        configuration.port = UInt16(settings.listen.port)
        configuration.connectionLimit = limits.connections
        configuration.idleTimeout = Int(limits.connectionIdle.rounded(.up))
        configuration.requestTimeout = Int(limits.requestDeadline.rounded(.up))
        configuration.maxBodyBytes = limits.webhookBodyBytes
        configuration.maxBodyBytesInFlight = limits.bodiesInFlightBytes
        configuration.observer = { metrics.observe($0) }
        configuration.heartbeat = .seconds(limits.heartbeat)
        configuration.bodyLimit = { _, path in
            path == WebhookRoute.path ? limits.webhookBodyBytes : limits.apiBodyBytes
        }
        return configuration
    }

    private func waitForEnd(
        _ signals: UnixSignalsSequence,
        _ pipelines: Locked<PipelineSet>,
        _ manager: ServiceManager
    ) async {
        for await signal in signals {
            guard signal == .sighup else { return }
            manager.reloading()
            await reload(pipelines)
            manager.ready()
        }
    }

    /// What does not let go in time, such as an undo that waits for a cluster, is left to the next server, which goes on
    /// with it as after a crash.
    private func endInTime() {
        let limit = Duration.seconds(installation.settings.limits.shutdown) + Self.reserve
        let logger = installation.logger
        Task.detached {
            try? await Task.sleep(for: limit)
            logger.warning("Ended with runs that had not let go; the next server goes on with them")
            _exit(0)
        }
    }

    /// The proxy outlives the server, and may die while the server lives: then it is started again.
    private func keepProxy() async {
        guard let target = installation.dependencies.podmanTarget else { return }
        while !Task.isCancelled {
            do {
                try await target.ensureProxy()
            } catch {
                installation.logger.error("The proxy cannot be started again", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: Self.proxyCheck)
        }
    }

    /// After this the start is over, and its memory can be given back.
    private static let settling = Duration.seconds(1)
    /// On top of `limits.shutdown`: what was asked to end is killed after two seconds.
    private static let reserve = Duration.seconds(3)
    /// Between two looks at whether the proxy lives.
    private static let proxyCheck = Duration.seconds(5)

    /// A file that does not validate leaves every definition as it was.
    private func reload(_ pipelines: Locked<PipelineSet>) async {
        let logger = installation.logger
        do {
            let definitions = try readPipelines(installation.settings)
            pipelines.value = try await PipelineSet(definitions, history: installation.history)
            installation.dependencies.metrics.expect(pipelines: definitions.keys)
            logger.notice("Pipelines read again", metadata: ["pipelines": "\(definitions.keys.sorted())"])
        } catch let error as DefinitionFaults {
            for fault in error.faults { logger.error("Pipelines not changed", metadata: ["fault": "\(fault)"]) }
        } catch {
            logger.error("Pipelines not changed", metadata: ["error": "\(error)"])
        }
    }
}
