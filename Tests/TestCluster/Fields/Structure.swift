import Kubernetes

/// Reading, joining and cutting values by the paths of their fields.
enum Structure {
    /// The paths of all fields of a value.
    static func fields(of value: JSON, _ shape: Shape) -> FieldSet {
        var set = FieldSet()
        collect(value, shape, at: [], into: &set)
        return set
    }

    private static func collect(_ value: JSON, _ shape: Shape, at path: FieldPath, into set: inout FieldSet) {
        switch value {
        case .object(let members) where !shape.isAtomic:
            for (name, member) in members {
                let place = path + [.field(name)]
                collect(member, shape.member(name), at: place, into: &set)
                if member == [:] || member == .null || shape.isOpen(name) { set.insert(place) }
            }
        case .array(let items) where shape.item != nil:
            for item in items {
                guard let element = shape.element(for: item) else { continue }
                collect(item, shape.item ?? .free, at: path + [element], into: &set)
                set.insert(path + [element])
            }
        default:
            set.insert(path)
        }
    }

    /// What results when `config` is laid over `live`: fields that only one has stay, in conflict `config` wins.
    static func merge(_ live: JSON?, _ config: JSON, _ shape: Shape) -> JSON {
        guard let live, !shape.isAtomic else { return config }
        switch (live, config) {
        case (.object(var members), .object(let changes)):
            for (name, change) in changes { members[name] = merge(members[name], change, shape.member(name)) }
            return .object(members)
        case (.array(let old), .array(let new)) where shape.item != nil:
            return .array(merge(old, new, shape))
        default:
            return config
        }
    }

    /// What only the live list has comes before what only the configuration has; the order of those that both have is the
    /// configuration's.
    private static func merge(_ old: [JSON], _ new: [JSON], _ shape: Shape) -> [JSON] {
        let oldElements = old.map(shape.element(for:))
        let newElements = new.map(shape.element(for:))
        var positions: [PathElement: Int] = [:]
        for (index, element) in oldElements.enumerated() { if let element { positions[element] = index } }
        let configured = Set(newElements.compactMap(\.self))
        var shared = newElements.compactMap(\.self).filter { positions[$0] != nil }[...]
        var merged: Set<PathElement> = []
        var result: [JSON] = []
        var (left, right) = (0, 0)
        while left < old.count || right < new.count {
            if left < old.count {
                let element = oldElements[left]
                let isShared = element.map(configured.contains) ?? false
                if !isShared { result.append(old[left]) }
                if !isShared || element.map(merged.contains) ?? false || right < new.count && shared.first != element {
                    left += 1
                    continue
                }
            }
            guard right < new.count else { break }
            let element = newElements[right]
            let live = element.flatMap { positions[$0] }
            result.append(merge(live.map { old[$0] }, new[right], shape.item ?? .free))
            if let element { merged.insert(element) }
            if element != nil, shared.first == element { shared.removeFirst() }
            right += 1
        }
        return result
    }

    /// The value without the fields of a set.
    static func removing(_ fields: FieldSet, from value: JSON, _ shape: Shape) -> JSON {
        guard !fields.isEmpty, !shape.isAtomic else { return value }
        switch value {
        case .object(let members):
            var result: [String: JSON] = [:]
            for (name, member) in members where !fields.members.contains(.field(name)) {
                let below = fields.children[.field(name)]
                result[name] = below.map { removing($0, from: member, shape.member(name)) } ?? member
            }
            return .object(result)
        case .array(let items) where shape.item != nil:
            return .array(
                items.compactMap { item in
                    guard let element = shape.element(for: item) else { return item }
                    if fields.members.contains(element) { return nil }
                    guard let below = fields.children[element] else { return item }
                    return removing(below, from: item, shape.item ?? .free)
                }
            )
        default:
            return value
        }
    }
}
