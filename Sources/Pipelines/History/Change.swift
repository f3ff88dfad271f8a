/// What a commit changed. Announced after the commit, in the order of the commits.
public enum Change: Sendable, Hashable {
    /// The run with this id, its attempts or its release.
    case run(Int64)
    /// The attempt's log has grown to `bytes`.
    case log(run: Int64, stage: StageName, attempt: Int, bytes: Int64)
    /// A run of this pipeline has ended so. It is counted (``RunMetrics``); subscribers are told of the run itself.
    case end(pipeline: String, RunStatus)
    /// Something was queued, or a lane may have become free.
    case queue
    /// The hold or the pause of this environment has begun, changed or ended.
    case hold(String)
    /// The subscriber was too slow and changes were dropped: read everything anew.
    case reset
}

/// Hands every change to every subscriber, each with a bounded buffer of its own.
final class Announcer: Sendable {
    private struct Weak {
        weak var feed: Feed?
        let queueOnly: Bool
    }
    private let feeds = Locked<[Weak]>([])

    func subscribe(queueOnly: Bool = false) -> AsyncStream<Change> {
        let feed = Feed()
        feeds.withLock { feeds in
            feeds.removeAll { $0.feed == nil }
            feeds.append(Weak(feed: feed, queueOnly: queueOnly))
        }
        return AsyncStream(unfolding: { await feed.next() }, onCancel: { feed.end() })
    }

    /// False while nobody wants to know which runs change: then `.queue` is all that need be announced.
    var hearsRuns: Bool { feeds.withLock { $0.contains { $0.feed != nil && !$0.queueOnly } } }

    func announce(_ changes: [Change]) {
        guard !changes.isEmpty else { return }
        let wakesQueue = changes.contains(.queue)
        for listener in feeds.withLock({ $0 }) {
            if !listener.queueOnly {
                listener.feed?.add(changes)
            } else if wakesQueue {
                listener.feed?.add([.queue])
            }
        }
    }

    /// Ends every subscription, once what is buffered has been read.
    func end() {
        for feed in feeds.withLock({ $0.compactMap(\.feed) }) { feed.end() }
    }
}

/// One subscriber's buffer. When it overflows, everything in it gives way to one `.reset`.
private final class Feed: Sendable {
    private static let capacity = 1024

    private struct State {
        var buffer: [Change] = []
        /// What is in the buffer: a change that waits there already is not added again.
        var waiting: Set<Change> = []
        var reader: CheckedContinuation<Change?, Never>?
        var ended = false
    }
    private let state = Locked(State())

    func add(_ changes: [Change]) {
        let delivery = state.withLock { state -> (CheckedContinuation<Change?, Never>, Change)? in
            guard !state.ended else { return nil }
            for change in changes where state.waiting.insert(change).inserted {
                if state.buffer.count == Feed.capacity {
                    state.buffer = [.reset]
                    state.waiting = [.reset, change]
                }
                state.buffer.append(change)
            }
            guard let reader = state.reader, let first = Feed.take(&state) else { return nil }
            state.reader = nil
            return (reader, first)
        }
        if let (reader, change) = delivery { reader.resume(returning: change) }
    }

    func next() async -> Change? {
        await withCheckedContinuation { continuation in
            let (ready, change) = state.withLock { state -> (Bool, Change?) in
                if let change = Feed.take(&state) { return (true, change) }
                if state.ended || state.reader != nil { return (true, nil) }
                state.reader = continuation
                return (false, nil)
            }
            if ready { continuation.resume(returning: change) }
        }
    }

    func end() {
        let reader = state.withLock { state in
            state.ended = true
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: nil)
    }

    /// Takes the oldest change. The array is shifted: it is short, and almost always all but empty.
    private static func take(_ state: inout State) -> Change? {
        guard !state.buffer.isEmpty else { return nil }
        let change = state.buffer.removeFirst()
        state.waiting.remove(change)
        return change
    }
}
