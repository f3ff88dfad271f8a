/// One metric with its label sets: `requests["GET", "/api/tasks", "200"].increment()`.
///
/// Looking a label set up hashes its values. Where that is too dear, keep the series that comes back: it stays the same
/// one for good. Looking it up makes it: a series that must be there before anything happened is asked for at start.
public final class Family<Series: MetricSeries>: Sendable {
    let description: FamilyDescription
    private let limit: Int
    private let folded: Counter?
    private let make: @Sendable () -> Series
    private let series = Lock<[[String]: Series]>([:])

    init(_ description: FamilyDescription, limit: Int, folded: Counter?, make: @escaping @Sendable () -> Series) {
        self.description = description
        self.limit = limit
        self.folded = folded
        self.make = make
    }

    /// The series of these values, in the order of the label names. With no room for another, the one of `other`.
    public subscript(_ values: String...) -> Series { self[values] }

    public subscript(_ values: [String]) -> Series {
        precondition(values.count == description.labelNames.count, "\(name) has labels \(description.labelNames)")
        let (found, isFolded) = series.withLock { series in
            if let known = series[values] { return (known, false) }
            // The place of `other` is one of them.
            let fits = series.count < limit - 1 || values.isEmpty
            let key = fits ? values : values.map { _ in Self.other }
            if let known = series[key] { return (known, !fits) }
            let new = make()
            series[key] = new
            return (new, !fits)
        }
        if isFolded { folded?.increment() }
        return found
    }

    private static var other: String { "other" }
}

extension Family<Gauge> {
    /// Sets these label sets and forgets all others: for what is asked for at a scrape.
    public func replace(_ values: [[String]: Double]) {
        removeAll { values[$0] == nil }
        for (labels, value) in values { self[labels].set(value) }
    }
}

extension Family {
    private func removeAll(where isGone: ([String]) -> Bool) {
        series.withLock { series in
            for key in series.keys where isGone(key) { series[key] = nil }
        }
    }
}

extension Family: Exposable {
    public var name: String { description.name }

    func write(into text: inout String) {
        description.writeHead(into: &text)
        let all = series.withLock { Array($0) }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        for (values, series) in all {
            series.write(description.name, description.labels(values), into: &text)
        }
    }
}

/// What the registry keeps of every family.
protocol Exposable: Sendable {
    var name: String { get }
    func write(into text: inout String)
}
