import Foundation
import Testing

/// Kills what it can of a stack, again and again, and brings it back.
struct Chaos {
    private let stack: Stack
    /// Replicas of each program that are to live on; the others are killed for good.
    let wanted: Locked<[Int]>
    /// Those that do.
    let living: Locked<[Int]>

    init(_ stack: Stack) {
        self.stack = stack
        wanted = Locked(Array(stack.backends.indices))
        living = Locked(wanted.value)
    }

    /// Until it is cancelled; then everything is up that is to live on.
    func run() async {
        var round = 0
        while !Task.isCancelled {
            round += 1
            try? await Task.sleep(for: .milliseconds(.random(in: 400...1000)))
            if Task.isCancelled { return }
            for doomed in living.value where !wanted.value.contains(doomed) {
                await stack.eventSidecars[doomed].die()
                await stack.eventServices[doomed].kill()
                await stack.backends[doomed].kill()
            }
            living.value = wanted.value
            guard let replica = living.value.randomElement() else { return }
            do {
                switch round % 6 {
                case 0: try await restart(stack.backends[replica])
                case 3: try await restart(stack.eventServices[replica])
                case 1, 4: try await outage(stack.backendSidecars[replica])
                default:
                    try await outage(stack.eventSidecars[replica])
                    stack.eventSidecars[replica].deliver(to: stack.eventServices[replica].port)
                }
            } catch { Issue.record(error, "what was killed does not come back") }
        }
    }

    private func restart(_ child: Child) async throws {
        await child.kill()
        try await child.start()
    }

    private func outage(_ sidecar: TestDapr) async throws {
        await sidecar.die()
        // Not cut short: it must come back.
        await Task { try? await Task.sleep(for: .milliseconds(.random(in: 20...200))) }.value
        try sidecar.revive()
    }
}
