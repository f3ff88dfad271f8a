/// Where a custom resource names images: `spec.template.spec.containers[*].image` of kind `Rollout.argoproj.io`.
public struct ImagePath: Sendable, Hashable {
    enum Step: Hashable {
        case member(String)
        /// `[*]`: every item of a list, every member of an object.
        case every
        case index(Int)
    }

    public let kind: GroupKind
    let steps: [Step]

    /// - Parameters:
    ///   - kind: `Rollout.argoproj.io`.
    ///   - path: members joined by dots, each with any number of `[*]` and `[0]` behind it.
    /// - Returns: nil if either is not of that form.
    public init?(kind: String, path: String) {
        guard let kind = GroupKind(kind[...]) else { return nil }
        self.kind = kind
        var steps: [Step] = []
        for part in path.split(separator: ".", omittingEmptySubsequences: false) {
            let pieces = part.split(separator: "[", omittingEmptySubsequences: false)
            guard let name = pieces.first, !name.isEmpty else { return nil }
            steps.append(.member(String(name)))
            for piece in pieces.dropFirst() {
                guard piece.last == "]" else { return nil }
                if piece == "*]" {
                    steps.append(.every)
                } else if let index = Int(piece.dropLast()), index >= 0 {
                    steps.append(.index(index))
                } else {
                    return nil
                }
            }
        }
        self.steps = steps
    }

    /// Changes every string that is found at the path.
    func change(_ value: inout JSON, with change: (String) -> String?) {
        Self.change(&value, steps[...], change)
    }

    private static func change(_ value: inout JSON, _ steps: ArraySlice<Step>, _ change: (String) -> String?) {
        guard let step = steps.first else {
            if case .string(let text) = value, let changed = change(text) { value = .string(changed) }
            return
        }
        let rest = steps.dropFirst()
        switch (step, value) {
        case (.member(let name), .object(var members)):
            guard var member = members[name] else { return }
            Self.change(&member, rest, change)
            members[name] = member
            value = .object(members)
        case (.every, .object(var members)):
            for name in members.keys.sorted() { Self.change(&members[name, default: .null], rest, change) }
            value = .object(members)
        case (.every, .array(var items)):
            for index in items.indices { Self.change(&items[index], rest, change) }
            value = .array(items)
        case (.index(let index), .array(var items)) where items.indices.contains(index):
            Self.change(&items[index], rest, change)
            value = .array(items)
        default: return
        }
    }
}
