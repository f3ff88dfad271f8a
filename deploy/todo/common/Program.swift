import FoundationEssentials
import Glibc
public import HTTPClient
import HTTPServer
public import Logging
public import Telemetry
import UnixSignals

/// What a program says of itself with `--describe`. Tests compare the manifests with it: every port has a listener,
/// every probe a path, every secret a reader.
public struct Description: Encodable, Sendable {
    struct Listener: Encodable, Sendable {
        let name: String
        let port: UInt16
    }

    let program: String
    let version: String
    let listens: [Listener]
    let paths: [String]
    /// With their methods.
    let routes: [String]
    let metrics: [String]
    let environment: [Setting]
}

/// What all our programs have in common: settings, metrics, traces, logs, a server and a clean end.
public struct Program: Sendable {
    public static let version = "0.1.0"

    public let name: String
    public let settings: Settings
    public let metrics: MetricRegistry
    public let logger: Logger
    public let client: HTTPClient
    /// Asked for with `--describe`: nothing is opened, listened on or written.
    public let isDescribing = CommandLine.arguments.contains("--describe")
    public let tracer: Tracer
    let requests: Family<Counter>
    let durations: Family<Histogram>
    private let exporter: OTLPExporter?
    private let port: UInt16
    private let declared: [Setting]

    /// - Parameters:
    ///   - port: which it listens on unless `LISTEN` says otherwise.
    ///   - own: its settings beside those of every program.
    public init(_ name: String, port: UInt16, settings own: [Setting]) throws {
        let declared = Setting.common(port: port, program: name) + own
        let settings = Settings(declared, environment: ProcessInfo.processInfo.environment)
        let metrics = MetricRegistry()
        metrics.addProcessMetrics()
        metrics.gauge("todo_build_info", "Which version of which program this is.", labels: ["version", "program"])[
            Self.version,
            name
        ].set(1)
        requests = metrics.counter(
            "http_requests_total",
            "Requests that were answered.",
            labels: ["method", "route", "status"]
        )
        durations = metrics.histogram(
            "http_request_duration_seconds",
            "How long requests took.",
            labels: ["method", "route"]
        )
        let client = HTTPClient(configuration: .init(userAgent: "todo-\(name)/\(Self.version)"))
        exporter = try settings.base("OTEL_EXPORTER_OTLP_ENDPOINT").map { endpoint in
            OTLPExporter(
                .init(
                    endpoint: endpoint,
                    resource: [
                        "service.name": .string(settings["OTEL_SERVICE_NAME"] ?? name),
                        "service.version": .string(Self.version),
                    ]
                ),
                client: client,
                registry: metrics
            )
        }
        tracer = Tracer(exporter: exporter)
        logger = Logger(label: name) { JSONLogHandler(label: $0) }
        self.name = name
        self.port = port
        self.declared = declared
        self.settings = settings
        self.metrics = metrics
        self.client = client
    }

    /// What a program does while it serves.
    public struct Service: Sendable {
        var router: Router
        /// Nil: ready. Otherwise why not, in a sentence.
        var readiness: @Sendable () async -> String?
        /// Nil: alive. Otherwise what is stuck.
        var liveness: @Sendable () async -> String?
        /// Runs beside the server until it is cancelled.
        var work: (@Sendable () async -> Void)?
        var maxBodyBytes: Int

        public init(
            router: Router,
            maxBodyBytes: Int = 64 * 1024,
            readiness: @escaping @Sendable () async -> String? = { nil },
            liveness: @escaping @Sendable () async -> String? = { nil },
            work: (@Sendable () async -> Void)? = nil
        ) {
            self.router = router
            self.maxBodyBytes = maxBodyBytes
            self.readiness = readiness
            self.liveness = liveness
            self.work = work
        }
    }

    /// What every program answers, beside its routes.
    static let ownPaths = ["/healthz", "/readyz", "/metrics"]

    /// What `--describe` prints.
    public func description(_ router: Router) -> Description {
        return Description(
            program: name,
            version: Self.version,
            listens: [.init(name: "http", port: port)],
            paths: Array(Set(router.patterns + Self.ownPaths)).sorted(),
            routes: (router.signatures + Self.ownPaths.map { "GET \($0)" }).sorted(),
            metrics: metrics.names.sorted(),
            environment: declared
        )
    }

    /// How long requests under way may take when the program is asked to end.
    private static let grace = Duration.seconds(15)

    /// Serves until SIGTERM or SIGINT.
    public func serve(_ service: Service) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let (host, port) = try settings.listenAddress()
        let stopping = Flag()
        let front = FrontDoor(program: self, service: service, stopping: stopping)
        var configuration = HTTPServerConfiguration()
        configuration.address = host
        configuration.port = port
        configuration.maxBodyBytes = service.maxBodyBytes
        configuration.maxBodyBytesInFlight = 16 * 1024 * 1024
        let server = try HTTPServer(
            configuration: configuration,
            handler: async { request in await front.answer(request) }
        )
        logger.notice("Listening", metadata: ["address": "\(host)", "port": "\(server.port)"])
        let work = Task { await service.work?() }
        for await _ in signals { break }
        logger.notice("Stopping")
        // Before the server refuses: a balancer that asks learns of it in time.
        stopping.set()
        await server.stop(grace: Self.grace)
        work.cancel()
        await work.value
        await exporter?.shutdown(within: .seconds(3))
        client.close()
        logger.notice("Stopped")
    }

    /// The whole of a `main`: describes the program or runs it, and ends the process.
    public static func main(_ body: () async throws -> (Program, Service)) async -> Never {
        do {
            let (program, service) = try await body()
            if program.isDescribing {
                print(String(decoding: try JSON.encode(program.description(service.router)), as: UTF8.self))
            } else {
                try await program.serve(service)
            }
        } catch {
            let words = Array("\(error)\n".utf8)
            _ = write(STDERR_FILENO, words, words.count)
            exit(1)
        }
        exit(0)
    }
}

/// Set once, from any thread.
final class Flag: Sendable {
    private let state = Guarded(false)
    var isSet: Bool { state.withLock { $0 } }
    func set() { state.withLock { $0 = true } }
}

/// State behind an `NSLock`-like mutex of pthread, which ThreadSanitizer understands.
/// Unchecked: the state is only touched with the mutex held.
public final class Guarded<State>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var state: State

    public init(_ state: State) {
        self.state = state
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    public func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }
}
