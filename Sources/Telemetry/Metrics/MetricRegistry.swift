/// The metrics of one program: made at start, counted anywhere, read by Prometheus.
///
/// Names, label names and buckets are fixed when a metric is made, and wrong ones end the program: they are mistakes in
/// its source, not in its input. Naming: https://prometheus.io/docs/practices/naming/
public final class MetricRegistry: Sendable {
    /// How many label sets a metric has room for if nothing else is said.
    public static let defaultLabelSetLimit = 1000

    private struct State {
        var families: [any Exposable] = []
        var hooks: [@Sendable () async -> Void] = []
    }

    private let state = Lock(State())
    private let folded: Family<Counter>

    public init() {
        folded = Family(
            FamilyDescription(
                name: "metrics_label_sets_folded_total",
                help: "Uses of a label set for which its metric had no room: they count as \"other\".",
                type: "counter",
                labelNames: ["metric"]
            ),
            limit: Self.defaultLabelSetLimit,
            folded: nil,
            make: { Counter() }
        )
        state.withLock { $0.families.append(folded) }
    }

    /// A count of what happened since the start; its name ends in `_total`.
    public func counter(_ name: String, _ help: String) -> Counter {
        counter(name, help, labels: [])[]
    }

    /// - Parameter limit: how many label sets there may be. What comes beyond counts under `other` in every label.
    public func counter(
        _ name: String,
        _ help: String,
        labels: [String],
        limit: Int = MetricRegistry.defaultLabelSetLimit
    ) -> Family<Counter> {
        precondition(name.hasSuffix("_total"), "the counter \(name) does not end in _total")
        return family(name, help, "counter", labels, limit) { Counter() }
    }

    /// A value that goes up and down, in base units: seconds, bytes.
    public func gauge(_ name: String, _ help: String) -> Gauge {
        gauge(name, help, labels: [])[]
    }

    public func gauge(
        _ name: String,
        _ help: String,
        labels: [String],
        limit: Int = MetricRegistry.defaultLabelSetLimit
    ) -> Family<Gauge> {
        family(name, help, "gauge", labels, limit) { Gauge() }
    }

    /// How often which sizes came.
    ///
    /// - Parameter buckets: upper bounds, ascending, without infinity.
    public func histogram(_ name: String, _ help: String, buckets: [Double] = Histogram.requestSeconds) -> Histogram {
        histogram(name, help, labels: [], buckets: buckets)[]
    }

    public func histogram(
        _ name: String,
        _ help: String,
        labels: [String],
        buckets: [Double] = Histogram.requestSeconds,
        limit: Int = MetricRegistry.defaultLabelSetLimit
    ) -> Family<Histogram> {
        precondition(!labels.contains("le"), "the label le belongs to the buckets of \(name)")
        precondition(
            !buckets.isEmpty && zip(buckets, buckets.dropFirst()).allSatisfy(<) && buckets.allSatisfy(\.isFinite),
            "the buckets of \(name) do not ascend"
        )
        return family(name, help, "histogram", labels, limit) { Histogram(bounds: buckets) }
    }

    /// Work to do before every scrape: it sets the gauges of what is asked for rather than counted. Scrapes may overlap.
    public func beforeScrape(_ hook: @escaping @Sendable () async -> Void) {
        state.withLock { $0.hooks.append(hook) }
    }

    /// Every metric's name, as it was made. Histograms show as NAME_bucket, NAME_sum and NAME_count.
    public var names: [String] {
        state.withLock { $0.families.map(\.name) }
    }

    /// The media type of ``exposition()``.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Everything in Prometheus' text format, 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
    public func exposition() async -> String {
        let (families, hooks) = state.withLock { ($0.families, $0.hooks) }
        for hook in hooks { await hook() }
        var text = ""
        for family in families { family.write(into: &text) }
        return text
    }

    /// A counter whose value somebody else keeps, set before each scrape.
    func countedElsewhere(_ name: String, _ help: String) -> Gauge {
        family(name, help, "counter", [], 1) { Gauge() }[]
    }

    private func family<Series>(
        _ name: String,
        _ help: String,
        _ type: String,
        _ labels: [String],
        _ limit: Int,
        _ make: @escaping @Sendable () -> Series
    ) -> Family<Series> {
        let description = FamilyDescription(name: name, help: help, type: type, labelNames: labels)
        description.check()
        let family = Family(description, limit: limit, folded: folded[name], make: make)
        state.withLock { state in
            precondition(!state.families.contains { $0.name == name }, "there are two metrics \(name)")
            state.families.append(family)
        }
        return family
    }
}
