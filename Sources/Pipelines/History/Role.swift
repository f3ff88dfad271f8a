/// What the owner of a token may do. Each role may also do what the ones before it may.
public enum Role: String, Codable, Sendable, CaseIterable, Comparable {
    /// Looks.
    case viewer
    /// Starts and cancels runs.
    case deployer
    /// Everything.
    case admin

    public static func < (left: Role, right: Role) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .viewer: 0
        case .deployer: 1
        case .admin: 2
        }
    }
}
