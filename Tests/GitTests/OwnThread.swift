import Dispatch
import Testing

/// Runs each test case on a thread of its own, a few at a time.
///
/// The tests wait for child processes, which blocks. On the concurrency pool, which has as many threads as there are
/// cores, that would hold up all other tests, and their times would tell nothing.
struct OwnThread: TestTrait, SuiteTrait, TestScoping {
    var isRecursive: Bool { true }

    @concurrent func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(SerialThread()) {
            await Self.enter()
            defer { Self.turns.signal() }
            try await function()
        }
    }

    private static let turns = DispatchSemaphore(value: 6)

    /// Waits for a turn, on the test's own thread.
    @concurrent private static func enter() async {
        Self.block()
    }

    private static func block() { turns.wait() }
}

extension Trait where Self == OwnThread {
    static var ownThread: OwnThread { OwnThread() }
}

/// Runs its jobs one after the other, away from the concurrency pool.
private final class SerialThread: TaskExecutor {
    private let queue = DispatchQueue(label: "test")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
