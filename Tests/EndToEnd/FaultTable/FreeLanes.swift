import Pipelines

/// The lanes that no cell uses now.
final class FreeLanes: Sendable {
    private let slots: Slots
    private let free: Locked<[FaultLane]>

    init(_ lanes: [FaultLane]) {
        slots = Slots(lanes.count)
        free = Locked(lanes)
    }

    func with(_ body: (FaultLane) async throws -> Void) async throws {
        try await slots.with {
            let lane = free.withLock { $0.removeLast() }
            defer { free.withLock { $0.append(lane) } }
            try await body(lane)
        }
    }
}
