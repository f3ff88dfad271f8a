/// One step to a field as managed fields name it (structured-merge-diff, `fieldpath.PathElement`).
public enum FieldStep: Sendable, Hashable {
    /// `f:name`: a member.
    case field(String)
    /// `k:{"name":"web"}`: the item of a list with these keys.
    case key([String: JSON])
    /// `v:"finalizer"`: the item of a set.
    case value(JSON)
    /// `i:0`: an item by its place.
    case index(Int)

    init?(_ text: String) {
        let rest = String(text.dropFirst(2))
        switch text.prefix(2) {
        case "f:": self = .field(rest)
        case "k:":
            guard case .object(let keys)? = try? JSON(parsing: Array(rest.utf8)) else { return nil }
            self = .key(keys)
        case "v:":
            guard let value = try? JSON(parsing: Array(rest.utf8)) else { return nil }
            self = .value(value)
        case "i:":
            guard let index = Int(rest) else { return nil }
            self = .index(index)
        default: return nil
        }
    }

    /// Whether an item of a list is the one that is meant.
    func matches(_ item: JSON, at index: Int) -> Bool {
        switch self {
        case .field: false
        // Keys with defaults (a port's protocol) may be left out in what a person writes, never in what a server gives.
        case .key(let keys): keys.allSatisfy { item[$0.key] == $0.value }
        case .value(let value): item == value
        case .index(let wanted): wanted == index
        }
    }

    /// What it leads to; nil if there is nothing.
    func find(in value: JSON) -> JSON? {
        if case .field(let name) = self { return value[name] }
        return value.items.enumerated().first { matches($0.element, at: $0.offset) }?.element
    }
}

/// The way to a field.
public struct FieldPath: Sendable, Hashable {
    public var steps: [FieldStep]

    public init(_ steps: [FieldStep] = []) { self.steps = steps }

    func appending(_ step: FieldStep) -> FieldPath { FieldPath(steps + [step]) }

    /// The value there.
    public func value(in object: JSON) -> JSON? {
        steps.reduce(object as JSON?) { value, step in value.flatMap(step.find) }
    }
}

extension FieldPath: CustomStringConvertible {
    /// `spec.template.spec.containers[name="web"].image`.
    public var description: String {
        var text = ""
        for step in steps {
            switch step {
            case .field(let name):
                let isPlain = name.utf8.allSatisfy { $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "/") }
                text += isPlain ? (text.isEmpty ? name : ".\(name)") : "[\(name)]"
            case .key(let keys):
                let pairs = keys.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.text)" }
                text += "[\(pairs.joined(separator: ","))]"
            case .value(let value): text += "[\(value.text)]"
            case .index(let index): text += "[\(index)]"
            }
        }
        return text
    }
}

extension JSON {
    /// On one line.
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension FieldPath {
    /// Sets, or with nil removes, what is there. What is missing on the way is made, items of lists at their end.
    func set(_ value: JSON?, in object: inout JSON) {
        Self.set(value, at: steps[...], in: &object)
    }

    private static func set(_ value: JSON?, at steps: ArraySlice<FieldStep>, in object: inout JSON) {
        guard let step = steps.first else {
            object = value ?? .null
            return
        }
        let rest = steps.dropFirst()
        if case .field(let name) = step {
            var members = object.members
            if rest.isEmpty {
                members[name] = value
            } else if members[name] != nil || value != nil {
                set(value, at: rest, in: &members[name, default: .null])
            }
            object = .object(members)
            return
        }
        var items = object.items
        if let index = items.indices.first(where: { step.matches(items[$0], at: $0) }) {
            if rest.isEmpty, value == nil {
                items.remove(at: index)
            } else {
                set(value, at: rest, in: &items[index])
            }
        } else if value != nil {
            var item: JSON = if case .key(let keys) = step { .object(keys) } else { .null }
            set(value, at: rest, in: &item)
            items.append(item)
        }
        object = .array(items)
    }
}
