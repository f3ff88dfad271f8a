/// Objects of one kind.
public struct ObjectQuery: Sendable, Hashable {
    /// `apps/v1`.
    public var apiVersion: String
    public var kind: String
    /// Nil for all namespaces, and for kinds that have none.
    public var namespace: String?
    /// `app=web,tier!=cache`.
    public var labelSelector: String?
    /// `metadata.name=web`, `involvedObject.uid=…`.
    public var fieldSelector: String?

    public init(
        apiVersion: String,
        kind: String,
        namespace: String? = nil,
        labelSelector: String? = nil,
        fieldSelector: String? = nil
    ) {
        self.apiVersion = apiVersion
        self.kind = kind
        self.namespace = namespace
        self.labelSelector = labelSelector
        self.fieldSelector = fieldSelector
    }

    /// Only this object.
    public init(_ id: ObjectID) {
        self.init(
            apiVersion: id.apiVersion,
            kind: id.kind,
            namespace: id.namespace,
            fieldSelector: "metadata.name=\(id.name)"
        )
    }
}

/// What a list has found.
public struct ObjectList: Sendable {
    /// Whole objects, with `apiVersion` and `kind`, which the server leaves out in lists.
    public var items: [JSON]
    /// Where a watch can go on from.
    public var resourceVersion: String

    public init(items: [JSON], resourceVersion: String) {
        self.items = items
        self.resourceVersion = resourceVersion
    }
}

/// One event of a watch.
public enum WatchEvent: Sendable, Hashable {
    case added(JSON)
    case modified(JSON)
    /// The object as it was at last.
    case deleted(JSON)
    /// Nothing happened up to this resource version.
    case bookmark(String)
}

/// What happened to the objects of a query.
public enum ObjectChange: Sendable, Hashable {
    /// All objects that there are now: at the beginning, and whenever changes may have been missed. Whoever keeps
    /// objects replaces all of them.
    case listed([JSON])
    /// Made or changed.
    case changed(JSON)
    /// The object as it was at last.
    case removed(JSON)
}
