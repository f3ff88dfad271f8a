/// What the controllers have to do, and when.
struct Agenda {
    enum Job {
        case look(Place)
        /// Garbage collection by owner references.
        case collect
        case run((inout Cluster) -> Void)
    }

    private enum Key: Hashable {
        case look(Place)
        case collect
    }

    private struct Timer {
        var due: ContinuousClock.Instant
        var order: Int
        var run: (inout Cluster) -> Void
    }

    var delay: Duration = .zero
    private var queue: [(due: ContinuousClock.Instant, key: Key)] = []
    private var queued: Set<Key> = []
    /// Soonest last.
    private var timers: [Timer] = []
    private var count = 0

    /// Adds work once, however often it is asked for before it is done.
    mutating func add(_ job: Job) {
        let key: Key
        switch job {
        case .look(let place): key = .look(place)
        case .collect: key = .collect
        case .run(let run): return after(.zero, run)
        }
        guard queued.insert(key).inserted else { return }
        queue.append((.now + delay, key))
    }

    mutating func after(_ time: Duration, _ run: @escaping (inout Cluster) -> Void) {
        count += 1
        let timer = Timer(due: .now + time, order: count, run: run)
        let position = timers.firstIndex { ($0.due, $0.order) < (timer.due, timer.order) } ?? timers.endIndex
        timers.insert(timer, at: position)
    }

    /// When there is something to do next.
    var due: ContinuousClock.Instant? {
        [queue.first?.due, timers.last?.due].compactMap(\.self).min()
    }

    mutating func next(at now: ContinuousClock.Instant) -> Job? {
        if let timer = timers.last, timer.due <= now {
            timers.removeLast()
            return .run(timer.run)
        }
        guard let first = queue.first, first.due <= now else { return nil }
        queue.removeFirst()
        queued.remove(first.key)
        switch first.key {
        case .look(let place): return .look(place)
        case .collect: return .collect
        }
    }
}
