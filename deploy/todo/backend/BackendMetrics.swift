import Telemetry
import TodoCommon

/// What the backend counts. Every series is there from the start.
struct BackendMetrics: Sendable {
    let outbox: OutboxGauge
    private let changes: Family<Counter>
    private let publishedEvents: Family<Counter>
    private let failures: Family<Counter>
    private let stateFailures: Counter

    init(_ registry: MetricRegistry) {
        outbox = OutboxGauge(registry)
        changes = registry.counter("todo_task_changes_total", "Changes of tasks.", labels: ["change"])
        publishedEvents = registry.counter(
            "todo_events_published_total",
            "Events that were published; after a crash one may be published twice.",
            labels: ["topic"]
        )
        failures = registry.counter(
            "todo_event_publish_failures_total",
            "Tries to publish an event that failed.",
            labels: ["topic"]
        )
        stateFailures = registry.counter("todo_state_failures_total", "Requests that the state store failed.")
        for change in TaskChange.allCases {
            _ = changes[change.rawValue]
            _ = publishedEvents[change.topic]
            _ = failures[change.topic]
        }
    }

    func changed(_ change: TaskChange) { changes[change.rawValue].increment() }
    func published(_ topic: String) { publishedEvents[topic].increment() }
    func publishFailed(_ topic: String) { failures[topic].increment() }
    func stateFailed() { stateFailures.increment() }
}

/// How many events wait, and for how long: as this replica last saw each bucket. All replicas see the same outbox, so
/// the largest value of theirs counts, not the sum.
final class OutboxGauge: Sendable {
    private let buckets = Guarded<[Int: (count: Int, oldest: Timestamp?)]>([:])

    init(_ registry: MetricRegistry) {
        let waiting = registry.gauge("todo_outbox_events", "Events that wait to be published.")
        let age = registry.gauge("todo_outbox_oldest_age_seconds", "How long the oldest of them has waited.")
        registry.beforeScrape { [weak self] in
            guard let (count, seconds) = self?.now else { return }
            waiting.set(Double(count))
            age.set(seconds)
        }
    }

    func note(_ bucket: Int, _ events: [WaitingEvent]) {
        buckets.withLock { $0[bucket] = (events.count, events.map(\.since).min()) }
    }

    /// Events that wait, and seconds since the oldest came.
    var now: (count: Int, seconds: Double) {
        let all = buckets.withLock { Array($0.values) }
        let oldest = all.compactMap(\.oldest).min()
        return (all.reduce(0) { $0 + $1.count }, oldest.map { max(0, Timestamp.now.seconds - $0.seconds) } ?? 0)
    }
}
