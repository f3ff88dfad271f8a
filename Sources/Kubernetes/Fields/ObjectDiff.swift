/// What a change makes of one object, field by field.
public struct ObjectDiff: Sendable, Hashable {
    public struct Change: Sendable, Hashable {
        /// `spec.template.spec.containers[name=web].image`.
        public var path: String
        /// Nil if the field was not there; text of one line. The values of Secrets never appear.
        public var old: String?
        /// Nil if the field goes.
        public var new: String?

        /// One line: `+` what comes, `-` what goes, `~` what changes.
        public var line: String {
            switch (old, new) {
            case (nil, let new?): "+ \(path): \(new)"
            case (let old?, nil): "- \(path): \(old)"
            case (let old, let new): "~ \(path): \(old ?? "") → \(new ?? "")"
            }
        }
    }

    public var id: ObjectID
    public var isNew: Bool
    /// In the order of their paths.
    public var changes: [Change]

    /// - Parameters:
    ///   - live: what is there; nil if nothing is.
    ///   - result: what a dry run says would be there.
    public init(live: JSON?, result: JSON) {
        id = result.id
        isNew = live == nil
        let isSecret = result.groupKind == GroupKind("Secret")
        var comparison = Comparison(isSecret: isSecret)
        comparison.compare(Self.comparable(live ?? .object([:])), Self.comparable(result), at: [])
        // What names the object is in the heading already.
        changes = comparison.changes.filter { live != nil || !Self.names.contains($0.path) }.sorted {
            $0.path < $1.path
        }
    }

    public var isEmpty: Bool { !isNew && changes.isEmpty }

    /// A heading, and a line for each field.
    public var lines: [String] {
        if isEmpty { return ["= \(id)"] }
        return ["\(isNew ? "+" : "~") \(id)"] + changes.map { "    \($0.line)" }
    }

    private static let names: Set<String> = ["apiVersion", "kind", "metadata.name", "metadata.namespace"]

    /// Without what the server counts up by itself.
    private static func comparable(_ object: JSON) -> JSON {
        var object = object
        object.removeServerFields()
        // Holds the whole object once more, the values of a Secret too.
        object.set(["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"], nil)
        return object
    }
}

private struct Comparison {
    let isSecret: Bool
    var changes: [ObjectDiff.Change] = []

    mutating func compare(_ old: JSON?, _ new: JSON?, at path: [FieldStep]) {
        if old == new { return }
        switch (old, new) {
        case (.object?, .object?), (.object?, nil), (nil, .object?):
            let (before, after) = (old?.members ?? [:], new?.members ?? [:])
            if before.isEmpty && after.isEmpty { return add(old, new, path) }
            for name in Set(before.keys).union(after.keys).sorted() {
                compare(before[name], after[name], at: path + [.field(name)])
            }
        case (.array(let before)?, .array(let after)?):
            compareLists(before, after, path)
        case (.array(let before)?, nil) where before.allSatisfy(\.isObject):
            compareLists(before, [], path)
        case (nil, .array(let after)?) where after.allSatisfy(\.isObject):
            compareLists([], after, path)
        default: add(old, new, path)
        }
    }

    private mutating func compareLists(_ old: [JSON], _ new: [JSON], _ path: [FieldStep]) {
        guard !(old + new).isEmpty, (old + new).allSatisfy(\.isObject) else {
            return add(.array(old), .array(new), path)
        }
        guard let key = Self.keys.first(where: { Self.isKey($0, of: old) && Self.isKey($0, of: new) }) else {
            for index in 0..<max(old.count, new.count) {
                let (before, after) = (old.dropFirst(index).first, new.dropFirst(index).first)
                compare(before, after, at: path + [.index(index)])
            }
            return
        }
        for item in old {
            compare(item, new.first { $0[key] == item[key] }, at: path + [.key([key: item[key] ?? nil])])
        }
        for item in new where !old.contains(where: { $0[key] == item[key] }) {
            compare(nil, item, at: path + [.key([key: item[key] ?? nil])])
        }
        let kept = old.compactMap { $0[key] }.filter { name in new.contains { $0[key] == name } }
        let order = new.compactMap { $0[key] }.filter { name in old.contains { $0[key] == name } }
        if kept != order { add(.array(kept), .array(order), path) }
    }

    /// By which lists of the API are keyed, most of them.
    private static let keys = ["name", "containerPort", "port", "mountPath", "type", "ip", "key"]

    private static func isKey(_ key: String, of items: [JSON]) -> Bool {
        let values = items.map { $0[key] }
        return values.allSatisfy { $0 != nil } && Set(values).count == values.count
    }

    private mutating func add(_ old: JSON?, _ new: JSON?, _ path: [FieldStep]) {
        let name = FieldPath(path).description
        let isMasked = isSecret && [.field("data"), .field("stringData")].contains(path.first)
        func text(_ value: JSON?) -> String? {
            value.map { isMasked ? "(secret)" : oneLine($0.string ?? $0.text, limit: 200) }
        }
        changes.append(
            ObjectDiff.Change(
                path: name,
                old: text(old),
                new: text(new).map { isMasked && old != nil ? "(another secret)" : $0 }
            )
        )
    }
}

extension JSON {
    fileprivate var isObject: Bool { if case .object = self { true } else { false } }
}
