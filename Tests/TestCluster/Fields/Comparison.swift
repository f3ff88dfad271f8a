import Kubernetes

/// Which fields two states of an object differ in.
struct Comparison {
    var added = FieldSet()
    var modified = FieldSet()
    var removed = FieldSet()

    init(from old: JSON, to new: JSON, _ shape: Shape) {
        compare(old, new, shape, at: [])
    }

    private mutating func compare(_ old: JSON?, _ new: JSON?, _ shape: Shape, at path: FieldPath) {
        if old == new { return }
        if shape.isAtomic || Comparison.isLeaf(old, new, shape) {
            note(old, new, at: path)
            return
        }
        if case .array = old ?? new {
            compareItems(old?.items ?? [], new?.items ?? [], shape, at: path)
        } else {
            let before = old?.members ?? [:]
            let after = new?.members ?? [:]
            for name in Set(before.keys).union(after.keys) {
                var previous = before[name]
                if case .builtIn = shape, old != nil, previous == nil, Shape.inherent.contains(name),
                    let value = after[name]
                {
                    previous = value.emptied
                }
                compare(previous, after[name], shape.member(name), at: path + [.field(name)])
            }
        }
        if !path.isEmpty, old == nil || new == nil { note(old, new, at: path) }
    }

    private mutating func compareItems(_ old: [JSON], _ new: [JSON], _ shape: Shape, at path: FieldPath) {
        var before: [PathElement: JSON] = [:]
        var after: [PathElement: JSON] = [:]
        for item in old { if let element = shape.element(for: item) { before[element] = item } }
        for item in new { if let element = shape.element(for: item) { after[element] = item } }
        for element in Set(before.keys).union(after.keys) {
            compare(before[element], after[element], shape.item ?? .free, at: path + [element])
        }
    }

    private mutating func note(_ old: JSON?, _ new: JSON?, at path: FieldPath) {
        if old == nil {
            added.insert(path)
        } else if new == nil {
            removed.insert(path)
        } else {
            modified.insert(path)
        }
    }

    /// Scalars, lists that are one field, values of different types, and what is empty on both sides.
    private static func isLeaf(_ old: JSON?, _ new: JSON?, _ shape: Shape) -> Bool {
        let values = [old, new].compactMap(\.self)
        if values.allSatisfy({ if case .object = $0 { true } else { false } }) {
            return values.allSatisfy { $0.members.isEmpty }
        }
        if values.allSatisfy({ if case .array = $0 { true } else { false } }) {
            return shape.item == nil || values.allSatisfy { $0.items.isEmpty }
        }
        return true
    }
}

extension JSON {
    /// An empty value of the same type.
    fileprivate var emptied: JSON? {
        switch self {
        case .object: [:]
        case .array: []
        default: nil
        }
    }
}
