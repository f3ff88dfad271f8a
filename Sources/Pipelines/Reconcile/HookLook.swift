import FoundationEssentials
import GitHub
import Logging

/// Asks GitHub to deliver again what did not arrive. What is deployed does not hang on it, for heads are compared with
/// the repository; but every push then has its delivery, and with `onPush: queue` its turn.
struct HookLook: Sendable {
    /// What is remembered from look to look. Losing it costs a question too many.
    struct Memory: Sendable {
        /// By repository.
        var hooks: [String: Found] = [:]
        /// Guid → when it was asked for last.
        var asked: [String: ContinuousClock.Instant] = [:]

        struct Found: Sendable {
            /// Nil if there is none, or none to be seen.
            var hook: Webhook?
            /// Then it is looked for again.
            var until: ContinuousClock.Instant
        }
    }

    let needs: RunDependencies
    let api: GitHubAPI
    /// `owner/name`
    let repository: String
    let memory: Locked<Memory>

    /// A redelivery shows in the list once it has been made.
    private static let pause = Duration.seconds(60)
    /// Pages of a hundred.
    private static let pages = 10

    /// - Throws: `GitHubError`, `HistoryError`.
    func askAgain() async throws {
        guard let hook = try await hook() else { return }
        guard let last = try await needs.history.lastDelivery(ofHook: hook.name) else {
            // What failed before anybody looked is nobody's push any more.
            let newest = try await api.deliveries(of: hook).deliveries.first?.id ?? 0
            return try await needs.history.setLastDelivery(newest, ofHook: hook.name)
        }
        let deliveries = try await deliveries(of: hook, after: last)
        let window = HookWindow(
            deliveries: deliveries,
            arrived: try await needs.history.arrived(Set(deliveries.map(\.guid))),
            now: Date()
        )
        for delivery in window.wanted().filter(isDue).prefix(HookWindow.atOnce) {
            memory.withLock { $0.asked[delivery.guid] = .now }
            try await api.redeliver(delivery.id, of: hook)
            needs.logger.notice(
                "GitHub was asked to deliver again",
                metadata: ["delivery.id": "\(delivery.guid)", "status": "\(delivery.status)"]
            )
        }
        if let done = window.last(), done > last {
            try await needs.history.setLastDelivery(done, ofHook: hook.name)
            memory.withLock { memory in
                let open = Set(window.wanted().map(\.guid))
                memory.asked = memory.asked.filter { open.contains($0.key) || $0.value + Self.pause > .now }
            }
        }
    }

    private func isDue(_ delivery: HookDelivery) -> Bool {
        memory.withLock { $0.asked[delivery.guid].map { $0 + Self.pause < .now } ?? true }
    }

    /// The webhook that leads here. Who may not see it is asked for an hour no more.
    private func hook() async throws -> Webhook? {
        guard let address = needs.settings.url.map({ $0 + "/webhooks/github" }) else { return nil }
        if let found = memory.withLock({ $0.hooks[repository] }), found.until > .now { return found.hook }
        let found = Memory.Found(hook: try await find(address), until: .now + .seconds(3600))
        memory.withLock { $0.hooks[repository] = found }
        return found.hook
    }

    private func find(_ address: String) async throws(GitHubError) -> Webhook? {
        do {
            return try await api.webhook(to: address, of: repository)
        } catch {
            guard error.code == .forbidden || error.code == .notFound else { throw error }
            needs.logger.info(
                "The credential may not see the repository's webhooks: failed deliveries are not asked for again",
                metadata: ["repository": "\(repository)"]
            )
            return nil
        }
    }

    /// The oldest first.
    private func deliveries(of hook: Webhook, after last: Int64) async throws -> [HookDelivery] {
        var all: [HookDelivery] = []
        var cursor: String?
        for _ in 0..<Self.pages {
            let (page, next) = try await api.deliveries(of: hook, from: cursor)
            all += page.prefix { $0.id > last }
            cursor = next
            if next == nil || page.contains(where: { $0.id <= last }) { break }
        }
        return all.reversed()
    }
}
