import HTTPServer
import TodoCommon

/// The program `todo-backend`: tasks over HTTP, and an event of every change.
@main
struct Backend {
    static let settings =
        Setting.state + [
            Setting("PUBSUB", "The name of the Dapr component that events go to.", standard: "pubsub"),
            Setting("EVENT_SERVICE_URL", "Where events go in one-machine mode; without it they wait."),
            Setting("APP_API_TOKEN", "What the event service expects in one-machine mode.", secret: true),
        ]

    static func main() async {
        await Program.main {
            let program = try Program("backend", port: 8000, settings: settings)
            return (program, try service(program))
        }
    }

    /// The relay may take so long for one turn before it counts as stuck.
    private static let patience = Duration.seconds(120)

    private static func service(_ program: Program) throws -> Program.Service {
        let metrics = BackendMetrics(program.metrics)
        let documents = Documents(try program.openState()) { _ in metrics.stateFailed() }
        let bell = RelayBell()
        let list = TaskList(documents, metrics: metrics) { bell.ring($0) }
        let relay = try publisher(program).map {
            Relay(list: list, publisher: $0, metrics: metrics, tracer: program.tracer, logger: program.logger)
        }
        let readiness = Readiness(documents)
        let health = Route("GET", "/api/health") { _, _ in await report(readiness, metrics) }
        return Program.Service(
            router: Router(TaskRoutes(list: list).routes + [health]),
            readiness: { await readiness.trouble() },
            liveness: {
                guard let relay else { return nil }
                return await .now - relay.lastTurn > patience ? "the relay of events is stuck" : nil
            },
            work: {
                guard let relay else { return }
                bell.connect { bucket in Task { await relay.notice(bucket) } }
                await relay.run()
            }
        )
    }

    /// Where events go: through the sidecar, or on this machine alone.
    private static func publisher(_ program: Program) throws -> (any Publisher)? {
        let settings = program.settings
        if let sidecar = try program.sidecar() {
            return DaprPublisher(sidecar: sidecar, name: try settings.required("PUBSUB"))
        }
        return try settings.base("EVENT_SERVICE_URL").map {
            DirectPublisher(base: $0, token: settings["APP_API_TOKEN"], client: program.client)
        }
    }

    /// For smoke tests and people: what works, and what waits.
    private static func report(_ readiness: Readiness, _ metrics: BackendMetrics) async -> Response {
        struct Report: Encodable {
            struct Outbox: Encodable {
                let waiting: Int
                let oldestSeconds: Double
            }
            let status: String
            let detail: String?
            let version: String
            let outbox: Outbox
        }
        let trouble = await readiness.trouble()
        let outbox = metrics.outbox.now
        return .encoded(
            Report(
                status: trouble == nil ? "ok" : "unavailable",
                detail: trouble,
                version: Program.version,
                outbox: .init(waiting: outbox.count, oldestSeconds: outbox.seconds)
            ),
            status: trouble == nil ? 200 : 503
        )
    }
}

/// Tells the relay of changes; who changes something does not wait for it.
final class RelayBell: Sendable {
    private let hammer = Guarded<(@Sendable (Int) -> Void)?>(nil)
    func connect(_ ring: @escaping @Sendable (Int) -> Void) { hammer.withLock { $0 = ring } }
    func ring(_ bucket: Int) { hammer.withLock { $0 }?(bucket) }
}
