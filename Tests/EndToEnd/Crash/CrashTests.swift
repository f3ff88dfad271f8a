import Foundation
import Kubernetes
import Testing

/// The real program, killed again and again while pushes come. `make crash ROUNDS=500` runs more of it.
extension EndToEnd {
    @Suite("Crashes") struct CrashTests {
        /// Four seconds each on two cores, most of it the pushes' own work.
        static let rounds = Int(ProcessInfo.processInfo.environment["FAIRLEAD_CRASH_ROUNDS"] ?? "") ?? 20
        /// The same seed gives the same pushes and the same moments, as far as the server lives to take them.
        static let seed = UInt64(ProcessInfo.processInfo.environment["FAIRLEAD_CRASH_SEED"] ?? "")

        @Test("killed at any moment: no push is lost or done twice, every head is served, nothing is left over")
        func rounds() async throws {
            let seed = Self.seed ?? UInt64.random(in: 1...UInt64.max)
            try await ClusterWorld.run(branches: CrashRound.branches) { world, cluster in
                let round = CrashRound(world, cluster, seed: seed)
                for number in 1...Self.rounds { try await round.run(number) }
                print("\(Self.rounds) rounds of crashes, seed \(seed)")
            }
        }
    }
}
