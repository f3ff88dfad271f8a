/// A kind without its version: what an object is, whichever version of the API names it.
public struct GroupKind: Sendable, Hashable, Codable, Comparable {
    /// Empty for the core's kinds.
    public var group: String
    public var kind: String

    public init(_ kind: String, _ group: String = "") {
        self.group = group
        self.kind = kind
    }

    /// As kubectl and ApplySets write it: `Deployment.apps`, `ConfigMap`.
    public init?(_ text: Substring) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let kind = parts.first, !kind.isEmpty, parts.count == 1 || !parts[1].isEmpty else { return nil }
        self.init(String(kind), parts.count == 2 ? String(parts[1]) : "")
    }

    public static func < (first: Self, second: Self) -> Bool { first.description < second.description }
}

extension GroupKind: CustomStringConvertible {
    public var description: String { group.isEmpty ? kind : "\(kind).\(group)" }
}

extension ObjectID {
    public var groupKind: GroupKind { GroupKind(kind, group) }
}

extension JSON {
    public var groupKind: GroupKind { id.groupKind }
}
