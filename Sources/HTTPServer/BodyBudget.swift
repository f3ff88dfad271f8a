import Synchronization

/// Counts the bytes of all bodies in memory against one limit.
final class BodyBudget: Sendable {
    private let limit: Int
    private let used = Atomic<Int>(0)

    init(limit: Int) { self.limit = limit }

    /// Whether so many bytes more would fit now. Says no early, before they are read; only ``charge(_:)`` reserves.
    func hasRoom(for bytes: Int) -> Bool {
        used.load(ordering: .relaxed) <= limit - bytes
    }

    /// Takes bytes that have arrived.
    /// - Returns: false, with nothing taken, where the limit would be passed.
    func charge(_ bytes: Int) -> Bool {
        if used.add(bytes, ordering: .relaxed).newValue <= limit { return true }
        used.subtract(bytes, ordering: .relaxed)
        return false
    }

    func release(_ bytes: Int) {
        if bytes > 0 { used.subtract(bytes, ordering: .relaxed) }
    }

    /// Bytes held now.
    var inFlight: Int { used.load(ordering: .relaxed) }
}
