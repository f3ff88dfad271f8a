/// What discovery says about one kind.
public struct APIResource: Sendable, Hashable {
    /// Empty for the core's.
    public var group: String
    public var version: String
    public var kind: String
    /// As in addresses: `deployments`.
    public var plural: String
    public var isNamespaced: Bool
    /// `get`, `list`, `patch`.
    public var verbs: [String]
    /// `status`, `scale`.
    public var subresources: [String]

    public init(
        group: String,
        version: String,
        kind: String,
        plural: String,
        isNamespaced: Bool,
        verbs: [String],
        subresources: [String] = []
    ) {
        self.group = group
        self.version = version
        self.kind = kind
        self.plural = plural
        self.isNamespaced = isNamespaced
        self.verbs = verbs
        self.subresources = subresources
    }

    public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// The address of all objects of a namespace, or of all.
    func path(namespace: String?) throws(KubernetesError) -> String {
        var path = group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"
        if isNamespaced, let namespace { path += "/namespaces/\(try pathSegment(namespace))" }
        return path + "/" + plural
    }
}
