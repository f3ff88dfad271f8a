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
