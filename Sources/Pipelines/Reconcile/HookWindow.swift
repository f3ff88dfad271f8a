import FoundationEssentials
import GitHub

/// The deliveries of a webhook since the last one that needs no more looking at.
struct HookWindow: Sendable {
    /// Redeliveries of one delivery.
    static let tries = 3
    /// Redeliveries that are asked for in one look.
    static let atOnce = 50
    /// As long as GitHub delivers again, less an hour for clocks.
    static let age = 71 * 3600.0

    /// The oldest first.
    let deliveries: [HookDelivery]
    /// Guids that have arrived.
    let arrived: Set<String>
    let now: Date

    /// Deliveries to ask for, the oldest first: those of pushes that nobody answered, or a server that had a fault or too
    /// much to do. A refusal is an answer.
    func wanted() -> [HookDelivery] {
        let byGuid = Dictionary(grouping: deliveries, by: \.guid)
        return deliveries.filter { isPending($0, byGuid[$0.guid] ?? []) }
    }

    /// The last delivery before which there is nothing to ask for; nil if there is none.
    func last() -> Int64? {
        guard let first = wanted().first else { return deliveries.last?.id }
        return deliveries.last { $0.id < first.id }?.id
    }

    /// - Parameter all: those with the same guid, the oldest first.
    private func isPending(_ delivery: HookDelivery, _ all: [HookDelivery]) -> Bool {
        guard delivery.id == all.first?.id, delivery.event == "push", !arrived.contains(delivery.guid),
            all.filter(\.isRedelivery).count < Self.tries,
            all.allSatisfy({ !(100..<500).contains($0.status) || [408, 429].contains($0.status) }),
            let time = try? Date(delivery.deliveredAt, strategy: .iso8601)
        else { return false }
        return now.timeIntervalSince(time) < Self.age
    }
}
