internal import GRDB

/// Records deliveries and queues their runs: many in one transaction, on the disk before anybody is answered.
///
/// One thread takes everything that waits, writes it in one transaction with `synchronous=FULL`, answers, and takes
/// what has come meanwhile. The busier it is, the more deliveries share one sync of the disk.
public final class DeliveryLog: Sendable {
    struct Entry: Sendable {
        var push: IncomingPush
        var decision: DeliveryDecision
        var completion: @Sendable (AcceptResult) -> Void
    }
    private struct State {
        var pending: [Entry] = []
        var sleeping = false
        var stopped = false
        var worker: WorkerThread?
        var transactions = 0
    }

    private let history: History
    private let commits: Bool
    private let state: Locked<State>

    /// - Parameter commits: false leaves out the transaction and nothing else, to measure what it costs. Nothing is
    ///   recorded then, and the ids mean nothing.
    public init(history: History, commits: Bool = true) {
        self.history = history
        self.commits = commits
        let state = Locked(State())
        self.state = state
        // The thread holds the state and not the log: an owner who forgets to stop still ends it in `deinit`.
        let worker = WorkerThread {
            DeliveryLog.work(history: history, commits: commits, state: state)
        }
        state.withLock { $0.worker = worker }
    }

    deinit { stop() }

    /// Records a delivery. `completion` is called once, on the log's own thread, when the delivery is on the disk or
    /// could not be recorded; it must be short, for the next transaction waits for it.
    public func accept(
        _ push: IncomingPush,
        outcome: DeliveryDecision,
        completion: @escaping @Sendable (AcceptResult) -> Void
    ) {
        let (taken, wakes) = state.withLock { state in
            guard !state.stopped else { return (false, false) }
            state.pending.append(Entry(push: push, decision: outcome, completion: completion))
            return (true, state.sleeping)
        }
        guard taken else { return completion(.failed(HistoryError(.closed, "The server is going down."))) }
        if wakes { state.wake() }
    }

    /// Takes no more deliveries, records and answers those that wait, and ends the thread. Not to be called from a
    /// completion.
    public func stop() {
        let worker = state.withLock { state in
            state.stopped = true
            defer { state.worker = nil }
            return state.worker
        }
        state.wake()
        worker?.join()
    }

    /// How many transactions were committed, for the tests: fewer than deliveries when these share.
    var transactionCount: Int { state.withLock { $0.transactions } }

    private static func work(history: History, commits: Bool, state: Locked<State>) {
        var batch: [Entry] = []
        var results: [AcceptResult] = []
        while true {
            batch.removeAll(keepingCapacity: true)
            results.removeAll(keepingCapacity: true)
            let goesOn = state.wait { state -> Bool? in
                guard state.pending.isEmpty else {
                    state.sleeping = false
                    // The two arrays change places, so that neither is allocated again.
                    swap(&state.pending, &batch)
                    return true
                }
                state.sleeping = true
                return state.stopped ? false : nil
            }
            guard goesOn else { return }
            if commits {
                history.record(batch, into: &results)
                state.withLock { $0.transactions += 1 }
            } else {
                for entry in batch { results.append(entry.unrecorded) }
            }
            for (entry, result) in zip(batch, results) { entry.completion(result) }
        }
    }
}

extension DeliveryLog.Entry {
    /// The answer when nothing is to be recorded.
    fileprivate var unrecorded: AcceptResult {
        guard case .accepted(let pipelines) = decision else { return .accepted(delivery: push.guid, runs: []) }
        return .accepted(delivery: push.guid, runs: pipelines.map { AcceptedRun(id: 0, pipeline: $0.name) })
    }
}
