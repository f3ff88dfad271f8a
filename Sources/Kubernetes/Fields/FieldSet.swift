/// A set of fields, as `metadata.managedFields[].fieldsV1` writes it (structured-merge-diff, `fieldpath.Set`).
public struct FieldSet: Sendable, Hashable {
    /// Whether the field itself is in the set: all of it where it has no children, else that it is there at all.
    public var isMember = false
    public var children: [FieldStep: FieldSet] = [:]

    public init() {}

    /// - Parameter fieldsV1: `{"f:spec": {"f:replicas": {}}}`. What cannot be read is left out.
    public init(fieldsV1 json: JSON) {
        for (name, child) in json.members where name != "." {
            guard let step = FieldStep(name) else { continue }
            var set = FieldSet(fieldsV1: child)
            set.isMember = child.members.isEmpty || child.members["."] != nil
            children[step] = set
        }
    }

    public var isEmpty: Bool { !isMember && children.isEmpty }

    /// Every path in the set, in the order of their text.
    public var paths: [FieldPath] {
        var found: [FieldPath] = []
        collect(FieldPath(), &found)
        return found.map { ($0.description, $0) }.sorted { $0.0 < $1.0 }.map(\.1)
    }

    private func collect(_ path: FieldPath, _ found: inout [FieldPath]) {
        if isMember { found.append(path) }
        for (step, child) in children { child.collect(path.appending(step), &found) }
    }

    public func contains(_ path: FieldPath) -> Bool { at(path)?.isMember ?? false }

    /// What of the set is at a path and below.
    func at(_ path: FieldPath) -> FieldSet? {
        path.steps.reduce(self as FieldSet?) { $0?.children[$1] }
    }
}

// MARK: - Algebra

extension FieldSet {
    public func union(_ other: FieldSet) -> FieldSet {
        var result = self
        result.isMember = isMember || other.isMember
        result.children.merge(other.children) { $0.union($1) }
        return result
    }

    public func subtracting(_ other: FieldSet) -> FieldSet {
        var result = FieldSet()
        result.isMember = isMember && !other.isMember
        for (step, child) in children {
            let rest = other.children[step].map(child.subtracting) ?? child
            if !rest.isEmpty { result.children[step] = rest }
        }
        return result
    }

    public func intersection(_ other: FieldSet) -> FieldSet {
        var result = FieldSet()
        result.isMember = isMember && other.isMember
        for (step, child) in children {
            guard let both = other.children[step].map(child.intersection), !both.isEmpty else { continue }
            result.children[step] = both
        }
        return result
    }

    /// Only those that have nothing of the set below them: where values are compared, not that something is there.
    public var leaves: FieldSet {
        var result = self
        if !children.isEmpty { result.isMember = false }
        result.children = children.mapValues(\.leaves)
        return result
    }
}

// MARK: - Values

extension FieldSet {
    /// The object with only the fields of the set, and what it takes to hold them: keys of list items among others.
    ///
    /// - Parameter others: what other managers have. A map or list that is in the set without anything below it, but of
    ///   which others have parts, was applied empty: what is in it is theirs.
    public func extract(from object: JSON, others: FieldSet = FieldSet()) -> JSON {
        part(of: object, others) ?? .object([:])
    }

    private func part(of value: JSON, _ others: FieldSet?) -> JSON? {
        if children.isEmpty {
            guard isMember else { return nil }
            if others?.children.isEmpty ?? true { return value }
        }
        switch value {
        case .object(let members):
            var kept: [String: JSON] = [:]
            for (step, child) in children {
                guard case .field(let name) = step, let member = members[name] else { continue }
                kept[name] = child.part(of: member, others?.children[step])
            }
            return .object(kept)
        case .array(let items):
            return .array(
                items.enumerated().compactMap { index, item in
                    guard let (step, child) = children.first(where: { $0.key.matches(item, at: index) }) else {
                        return nil
                    }
                    guard case .key(let keys) = step else { return child.part(of: item, nil) }
                    let kept = child.part(of: item, others?.children[step])?.members ?? [:]
                    // A key with a default may have been left out, and is not the manager's then.
                    let hasKey = keys.contains { kept[$0.key] != nil }
                    return .object(hasKey ? kept : kept.merging(keys) { own, _ in own })
                }
            )
        default: return isMember ? value : nil
        }
    }
}
