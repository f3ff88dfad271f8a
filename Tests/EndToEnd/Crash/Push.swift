import Foundation

/// Something pushed to a branch, and what the server said to it.
struct CrashPush {
    /// What its revision is to look like in the cluster.
    struct Content: Equatable {
        var state: String
        var hasExtra: Bool
    }

    let guid: String
    let branch: String
    let revision: String
    /// The runs that were promised with a 202; nil until there was one.
    var runs: [Int64]?
}

/// The same numbers for the same seed.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64, round: Int) { state = seed &+ UInt64(round) &* 0xD1B5_4A32_D192_ED03 }

    /// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// When the server is killed.
enum CrashMoment: CustomStringConvertible {
    /// Milliseconds after its start.
    case after(Int)
    /// The n-th time that it comes to one of its crash points.
    case point(String, Int)

    static func any(_ random: inout Seeded) -> CrashMoment {
        Bool.random(using: &random)
            ? .after(Int.random(in: 0...1500, using: &random))
            : .point(
                Bool.random(using: &random) ? "before-commit" : "after-commit",
                Int.random(in: 1...80, using: &random)
            )
    }

    /// What the server is started with.
    var prefix: [String] {
        if case .point(let name, let count) = self {
            ["/usr/bin/env", "FAIRLEAD_CRASH_AT=\(name):\(count)"]
        } else {
            []
        }
    }

    var description: String {
        switch self {
        case .after(let time): "after \(time) ms"
        case .point(let name, let count): "\(name):\(count)"
        }
    }
}
