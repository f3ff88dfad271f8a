import FoundationEssentials
import HTTPServer
import Pipelines
import Telemetry

/// What is counted of the server itself, and what is asked for at each scrape.
final class ServerMetrics: Sendable {
    let registry: MetricRegistry
    private let deliveries: [DeliveryEnd: Counter]
    private let requests: Family<Histogram>
    /// Those of the accept path: looking one up costs nothing to speak of.
    private let webhooks: [Int: Histogram]

    /// What became of a delivery.
    enum DeliveryEnd: String, CaseIterable {
        case accepted, ignored, duplicate, unauthorized, invalid, unavailable
    }

    /// Label sets: methods, routes and statuses that there are.
    private static let requestLimit = 2000

    init(_ registry: MetricRegistry) {
        self.registry = registry
        let counters = registry.counter(
            "fairlead_deliveries_total",
            "Webhook deliveries, by what became of them.",
            labels: ["outcome"]
        )
        deliveries = Dictionary(uniqueKeysWithValues: DeliveryEnd.allCases.map { ($0, counters[$0.rawValue]) })
        let requests = registry.histogram(
            "fairlead_http_request_duration_seconds",
            "Time from a request's first line to its answer, by route.",
            labels: ["method", "route", "code"],
            limit: Self.requestLimit
        )
        self.requests = requests
        let statuses = [200, 202, 400, 401, 413, 415, 500, 503]
        webhooks = Dictionary(
            uniqueKeysWithValues: statuses.map { ($0, requests["POST", WebhookRoute.path, String($0)]) }
        )
        registry.gauge("fairlead_build_info", "1, with this program's version.", labels: ["version"])[Fairlead.version]
            .set(1)
        registry.addProcessMetrics()
    }

    func count(_ end: DeliveryEnd) { deliveries[end]?.increment() }

    /// Of every answer; also of those that no route gave, because the body was too long or too much was under way.
    func observe(_ answer: AnsweredRequest) {
        guard answer.path == WebhookRoute.path, answer.method == "POST" else {
            let route = RoutePattern.of(answer.path)
            return requests[RoutePattern.method(answer.method), route, String(answer.status)].observe(answer.seconds)
        }
        (webhooks[answer.status] ?? requests["POST", WebhookRoute.path, String(answer.status)]).observe(answer.seconds)
        switch answer.status {
        case 401: count(.unauthorized)
        case 400..<500: count(.invalid)
        case 500...: count(.unavailable)
        // What was taken, and what for, only the route knows.
        default: break
        }
    }

    /// Asks at each scrape how the pipelines stand.
    func ask(
        _ history: History,
        _ certificates: CertificateWatch,
        _ comparisons: HeadComparisons,
        _ pipelines: @escaping @Sendable () -> PipelineSet
    ) {
        let lanes = LaneGauges(registry)
        let children = registry.gauge("fairlead_child_processes", "Child processes under way, such as builds.")
        let size = registry.gauge("fairlead_database_size_bytes", "The database's file and its log on the disk.")
        let expiry = registry.gauge(
            "fairlead_certificate_expiry_timestamp_seconds",
            "When the certificate ends that a smoke test's host shows, in seconds since 1970.",
            labels: ["pipeline", "host"]
        )
        let compared = registry.gauge(
            "fairlead_reconcile_last_success_timestamp_seconds",
            "When the pipeline's refs were last compared with its repository, in seconds since 1970.",
            labels: ["pipeline"]
        )
        let failures = registry.counter(
            "fairlead_scrape_failures_total",
            "Scrapes for which the database did not answer: gauges show what was true before."
        )
        registry.beforeScrape {
            let environments = pipelines().environments
            do {
                lanes.set(try await history.figures(of: environments))
                children.set(Double(try await history.childCount()))
            } catch {
                failures.increment()
            }
            size.set(Double(history.size))
            expiry.replace(certificates.expiries)
            var times: [[String]: Double] = [:]
            for name in environments.keys {
                guard let last = comparisons[name], last.outcome != .failed else { continue }
                times[[name]] = Double(last.at) / 1000
            }
            compared.replace(times)
        }
    }
}

/// The gauges of every pipeline.
private struct LaneGauges: Sendable {
    private let queued: Family<Gauge>
    private let age: Family<Gauge>
    private let running: Family<Gauge>
    private let failing: Family<Gauge>
    private let paused: Family<Gauge>

    init(_ registry: MetricRegistry) {
        func gauge(_ name: String, _ help: String) -> Family<Gauge> {
            registry.gauge("fairlead_\(name)", help, labels: ["pipeline"])
        }
        queued = gauge("queued_runs", "Runs that wait.")
        age = gauge("queue_oldest_age_seconds", "How long the oldest of the runs that wait has waited; 0 if none does.")
        running = gauge("running_runs", "Runs under way.")
        failing = gauge("pipeline_failing", "1 if the newest run that ended with a verdict failed or errored.")
        paused = gauge("pipeline_paused", "1 if the pipeline's environment is paused.")
    }

    func set(_ figures: [String: PipelineFigures]) {
        let now = Date.now.timeIntervalSince1970
        func set(_ gauge: Family<Gauge>, _ value: (PipelineFigures) -> Double) {
            gauge.replace(Dictionary(uniqueKeysWithValues: figures.map { ([$0], value($1)) }))
        }
        set(queued) { Double($0.queued) }
        set(age) { $0.oldestQueuedAt.map { max(0, now - Double($0) / 1000) } ?? 0 }
        set(running) { Double($0.running) }
        set(failing) { $0.isFailing ? 1 : 0 }
        set(paused) { $0.isPaused ? 1 : 0 }
    }
}

extension PipelineSet {
    /// Name → environment.
    var environments: [String: String] {
        Dictionary(uniqueKeysWithValues: entries.map { ($0.definition.name, $0.definition.environment) })
    }
}
