/// One entry of `metadata.managedFields`: what one manager has, by one way of writing.
public struct FieldManager: Sendable, Hashable {
    public enum Operation: String, Sendable {
        case apply = "Apply"
        case update = "Update"
    }

    public var name: String
    public var operation: Operation
    /// Of the fields' names.
    public var apiVersion: String
    /// `status`, `scale`, or nil.
    public var subresource: String?
    public var fields: FieldSet

    init?(_ entry: JSON) {
        guard let name = entry["manager"]?.string,
            let operation = entry["operation"]?.string.flatMap(Operation.init)
        else { return nil }
        self.name = name
        self.operation = operation
        apiVersion = entry["apiVersion"]?.string ?? ""
        subresource = entry["subresource"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        fields = FieldSet(fieldsV1: entry["fieldsV1"] ?? .object([:]))
    }

    /// Whether it is the same manager writing in the same way.
    func isSame(as other: FieldManager) -> Bool {
        name == other.name && operation == other.operation && subresource == other.subresource
    }
}

extension JSON {
    /// Who has which fields.
    public var managers: [FieldManager] {
        (self[["metadata", "managedFields"]]?.items ?? []).compactMap(FieldManager.init)
    }

    /// What a manager has by server-side apply.
    public func applied(by manager: String) -> FieldSet {
        managers.filter { $0.name == manager && $0.operation == .apply && $0.subresource == nil }
            .reduce(FieldSet()) { $0.union($1.fields) }
    }

    /// Who has a field.
    public func owners(of path: FieldPath) -> [FieldManager] {
        managers.filter { $0.fields.contains(path) }
    }
}
