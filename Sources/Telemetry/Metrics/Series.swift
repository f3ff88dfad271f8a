import Glibc
import Synchronization

/// A counter, gauge or histogram with one label set. Counting from any thread is a matter of nanoseconds and allocates
/// nothing.
public protocol MetricSeries: Sendable {
    /// Appends the lines of this series in Prometheus' text format.
    ///
    /// - Parameter labels: `a="1",b="2"`, escaped, or empty.
    func write(_ name: String, _ labels: String, into text: inout String)
}

/// Goes up only.
public final class Counter: MetricSeries {
    private let count = Atomic<Int>(0)

    init() {}

    public func increment(by amount: Int = 1) {
        precondition(amount >= 0, "a counter does not go down")
        count.wrappingAdd(amount, ordering: .relaxed)
    }

    public var value: Int { count.load(ordering: .relaxed) }

    public func write(_ name: String, _ labels: String, into text: inout String) {
        text.append(sample: name, labels, String(value))
    }
}

/// Has the value that was set last.
public final class Gauge: MetricSeries {
    private let bits = Atomic<UInt64>(0)

    init() {}

    public func set(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
    }

    public func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (done, found) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if done { return }
            old = found
        }
    }

    public var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    public func write(_ name: String, _ labels: String, into text: inout String) {
        text.append(sample: name, labels, number(value))
    }
}

/// Counts values by size, and adds them up.
public final class Histogram: MetricSeries {
    /// For requests, in seconds: 1 ms to 10 s.
    public static let requestSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    private struct State {
        /// One for each bound, and one for what is above them.
        var counts: [Int]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Lock<State>

    init(bounds: [Double]) {
        self.bounds = bounds
        state = Lock(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    public func observe(_ value: Double) {
        // A dozen bounds: looking from the start is as fast as anything.
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    /// In seconds.
    public func observe(_ duration: Duration) {
        observe(duration.inSeconds)
    }

    public var count: Int { state.withLock { $0.counts.reduce(0, +) } }

    public func write(_ name: String, _ labels: String, into text: inout String) {
        let (counts, sum) = state.withLock { ($0.counts, $0.sum) }
        let separator = labels.isEmpty ? "" : ","
        var total = 0
        for (bound, count) in zip(bounds + [.infinity], counts) {
            total += count
            text.append(sample: name + "_bucket", labels + separator + "le=\"\(number(bound))\"", String(total))
        }
        text.append(sample: name + "_sum", labels, number(sum))
        text.append(sample: name + "_count", labels, String(total))
    }
}

extension Duration {
    var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
