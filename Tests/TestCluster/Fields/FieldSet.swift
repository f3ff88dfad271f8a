import Kubernetes

/// A set of paths to fields: what one manager owns.
struct FieldSet: Equatable {
    /// The fields at this level that are in the set themselves.
    var members: Set<PathElement> = []
    /// What is in the set below a field of this level; never an empty one.
    var children: [PathElement: FieldSet] = [:]

    init() {}

    init(_ paths: FieldPath...) {
        for path in paths { insert(path[...]) }
    }

    var isEmpty: Bool { members.isEmpty && children.isEmpty }

    mutating func insert(_ path: FieldPath) { insert(path[...]) }

    mutating func insert(_ path: ArraySlice<PathElement>) {
        guard let first = path.first else { return }
        if path.count == 1 {
            members.insert(first)
        } else {
            children[first, default: FieldSet()].insert(path.dropFirst())
        }
    }

    func below(_ element: PathElement) -> FieldSet { children[element] ?? FieldSet() }

    func contains(_ path: FieldPath) -> Bool {
        guard let last = path.last else { return false }
        var set = self
        for element in path.dropLast() {
            guard let next = set.children[element] else { return false }
            set = next
        }
        return set.members.contains(last)
    }

    func union(_ other: FieldSet) -> FieldSet {
        var result = self
        result.members.formUnion(other.members)
        for (element, set) in other.children {
            result.children[element] = result.children[element]?.union(set) ?? set
        }
        return result
    }

    func intersection(_ other: FieldSet) -> FieldSet {
        var result = FieldSet()
        result.members = members.intersection(other.members)
        for (element, set) in children {
            guard let others = other.children[element] else { continue }
            let common = set.intersection(others)
            if !common.isEmpty { result.children[element] = common }
        }
        return result
    }

    /// Without the paths of the other set; what lies below one of them stays.
    func difference(_ other: FieldSet) -> FieldSet {
        var result = FieldSet()
        result.members = members.subtracting(other.members)
        for (element, set) in children {
            let rest = other.children[element].map(set.difference) ?? set
            if !rest.isEmpty { result.children[element] = rest }
        }
        return result
    }

    /// Without the paths of the other set and everything below them.
    func recursiveDifference(_ other: FieldSet) -> FieldSet {
        var result = FieldSet()
        result.members = members.subtracting(other.members)
        for (element, set) in children where !other.members.contains(element) {
            let rest = other.children[element].map(set.recursiveDifference) ?? set
            if !rest.isEmpty { result.children[element] = rest }
        }
        return result
    }

    /// With every named field on the way to a path, but no items of lists.
    var withNamedFields: FieldSet {
        var result = self
        for (element, set) in children {
            if case .field = element { result.members.insert(element) }
            result.children[element] = set.withNamedFields
        }
        return result
    }

    /// Every path, in order of its text.
    var paths: [FieldPath] {
        var paths = members.map { [$0] }
        for (element, set) in children { paths += set.paths.map { [element] + $0 } }
        return paths.sorted { $0.text < $1.text }
    }
}

// MARK: - fieldsV1

extension FieldSet {
    var json: JSON {
        var result: [String: JSON] = [:]
        for element in members { result[element.encoded] = [:] }
        for (element, set) in children {
            var below = set.json
            if members.contains(element) { below.set(["."], [:]) }
            result[element.encoded] = below
        }
        return .object(result)
    }

    init(json: JSON) {
        for (name, value) in json.members where name != "." {
            guard let element = PathElement(encoded: name) else { continue }
            let below = FieldSet(json: value)
            if below.isEmpty || value.members["."] != nil { members.insert(element) }
            if !below.isEmpty { children[element] = below }
        }
    }
}
