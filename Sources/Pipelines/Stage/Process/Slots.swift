/// A counting semaphore for tasks: so many may hold a slot at a time, the rest wait in order.
package final class Slots: Sendable {
    private struct State {
        var free: Int
        var waiting: [(id: Int, continuation: CheckedContinuation<Bool, Never>)] = []
        var nextID = 0
    }
    private let state: Locked<State>

    package init(_ count: Int) { state = Locked(State(free: max(1, count))) }

    package func with<Result>(
        waiting: @Sendable () -> Void = {},
        _ body: () async throws -> Result
    ) async throws -> Result {
        let slot = try await take(waiting: waiting)
        defer { withExtendedLifetime(slot) {} }
        return try await body()
    }

    /// Waits for a slot. It is given back when nobody holds what is returned any more: also a slot that came a moment
    /// after its task had gone another way.
    ///
    /// - Parameter waiting: called if there is none at once.
    /// - Throws: `CancellationError`, as soon as the task is cancelled.
    func take(waiting: @Sendable () -> Void = {}) async throws -> Slot {
        try Task.checkCancellation()
        let id = state.withLock { state -> Int? in
            if state.free > 0 {
                state.free -= 1
                return nil
            }
            state.nextID += 1
            return state.nextID
        }
        guard let id else { return Slot(self) }
        waiting()
        let granted = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                enqueue(id, continuation)
                // The handler may have come too early to find anything.
                if Task.isCancelled { giveUp(id) }
            }
        } onCancel: {
            giveUp(id)
        }
        guard granted else { throw CancellationError() }
        return Slot(self)
    }

    private func enqueue(_ id: Int, _ continuation: CheckedContinuation<Bool, Never>) {
        let isFree = state.withLock { state in
            // One may have become free since.
            if state.free > 0 {
                state.free -= 1
                return true
            }
            state.waiting.append((id, continuation))
            return false
        }
        if isFree { continuation.resume(returning: true) }
    }

    private func giveUp(_ id: Int) {
        let continuation = state.withLock { state in
            state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0).continuation }
        }
        continuation?.resume(returning: false)
    }

    fileprivate func give() {
        let next = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst().continuation }
            state.free += 1
            return nil
        }
        next?.resume(returning: true)
    }
}

/// One of so many; held for as long as this lives.
final class Slot: Sendable {
    private let slots: Slots

    fileprivate init(_ slots: Slots) { self.slots = slots }

    deinit { slots.give() }
}
