import Telemetry
import TodoCommon

/// What the event service counts. Every series is there from the start.
struct EventMetrics: Sendable {
    private let events: Family<Counter>
    private let durations: Family<Histogram>
    private let last: Family<Gauge>

    init(_ registry: MetricRegistry) {
        events = registry.counter(
            "todo_events_received_total",
            "Events that were delivered, by what came of them.",
            labels: ["topic", "result"]
        )
        durations = registry.histogram(
            "todo_event_processing_duration_seconds",
            "How long it took to process a delivered event.",
            labels: ["topic"]
        )
        last = registry.gauge(
            "todo_last_event_timestamp_seconds",
            "When the last event was processed, in seconds since 1970; 0 before the first.",
            labels: ["topic"]
        )
        for topic in TaskChange.allCases.map(\.topic) + [TaskChange.deadLetterTopic] {
            for result in ["success", "duplicate", "retry", "drop"] { _ = events[topic, result] }
            _ = durations[topic]
            _ = last[topic]
        }
    }

    func received(_ topic: String, result: String, duration: Duration) {
        events[topic, result].increment()
        durations[topic].observe(duration)
        if result == "success" { last[topic].set(Timestamp.now.seconds) }
    }
}
