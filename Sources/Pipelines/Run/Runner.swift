public import Logging

/// Claims what is queued and sends each run down the road. Start-up does the same as normal work.
///
/// The database is the only queue: a wake-up carries no information, and every claim is decided in SQL.
public final class Runner: Sendable {
    private let history: History
    private let epoch: Int64
    private let road: Road
    private let logger: Logger
    private let travelling = Travelling()

    /// Between two looks at the queue.
    private static let pause = Duration.milliseconds(25)
    /// After a claim that failed: the disk may be full, and have space again without anything new in the queue.
    private static let patience = Duration.seconds(1)

    public init(history: History, epoch: Int64, road: Road, logger: Logger) {
        self.history = history
        self.epoch = epoch
        self.road = road
        self.logger = logger
    }

    /// Works until the task is cancelled. Runs that are under way then are left claimed:
    /// the next server claims them again and finishes them.
    public func run() async {
        let changes = history.changes(queueOnly: true)
        await withDiscardingTaskGroup { group in
            await claim(into: &group)
            for await _ in changes {
                await claim(into: &group)
                // A burst of deliveries is one wake-up, not thousands.
                try? await Task.sleep(for: Self.pause)
            }
            road.needs.stopping.set()
            travelling.handOver()
        }
    }

    /// Ends a run. A queued run is cancelled at once, a running one as soon as its stage lets go.
    ///
    /// - Returns: whether the run exists, and whether it was already over.
    public func cancel(_ run: Int64) async throws -> CancelResult {
        let result = try await history.requestCancel(run: run)
        travelling.cancel(run)
        return result
    }

    private func claim(into group: inout DiscardingTaskGroup) async {
        var said: HistoryError?
        while !Task.isCancelled {
            do {
                return try await claimAll(into: &group)
            } catch {
                let fault = HistoryError(error)
                if fault != said { logger.error("Claiming failed", metadata: ["error": "\(fault)"]) }
                said = fault
                try? await Task.sleep(for: Self.patience)
            }
        }
    }

    private func claimAll(into group: inout DiscardingTaskGroup) async throws {
        for claimed in try await history.claimNext(epoch: epoch, excluding: []) {
            let task = Task { [road] in await road.travel(claimed) }
            travelling.add(claimed.run.id, task)
            group.addTask { [travelling] in
                await task.value
                travelling.remove(claimed.run.id)
            }
        }
    }
}

/// The runs under way in this process, so that one can be cancelled.
private final class Travelling: Sendable {
    private let tasks = Locked<[Int64: Task<Void, Never>]>([:])

    func add(_ run: Int64, _ task: Task<Void, Never>) { tasks.withLock { $0[run] = task } }
    func remove(_ run: Int64) { tasks.withLock { $0[run] = nil } }
    func cancel(_ run: Int64) { tasks.withLock { $0[run] }?.cancel() }
    func handOver() { for task in tasks.withLock({ $0 }).values { task.cancel() } }
}
