/// A counting semaphore for tasks: so many may hold a slot at a time, the rest wait in order.
package actor Slots {
    private var free: Int
    private var waiting: [(id: Int, continuation: CheckedContinuation<Bool, Never>)] = []
    private var nextID = 0

    package init(_ count: Int) { free = max(1, count) }

    package nonisolated func with<Result>(_ body: () async throws -> Result) async throws -> Result {
        try await take()
        do {
            let result = try await body()
            await give()
            return result
        } catch {
            await give()
            throw error
        }
    }

    private func take() async throws {
        if free > 0 {
            free -= 1
            return
        }
        let id = nextID
        nextID += 1
        let granted = await withTaskCancellationHandler {
            await withCheckedContinuation { waiting.append((id, $0)) }
        } onCancel: {
            Task { await self.giveUp(id) }
        }
        guard granted else { throw CancellationError() }
        if Task.isCancelled {
            give()
            throw CancellationError()
        }
    }

    private func giveUp(_ id: Int) {
        guard let index = waiting.firstIndex(where: { $0.id == id }) else { return }
        waiting.remove(at: index).continuation.resume(returning: false)
    }

    private func give() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().continuation.resume(returning: true) }
    }
}
