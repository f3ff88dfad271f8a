import Signing

/// The set of objects that a pipeline has applied, kept in the cluster itself so that what a release no longer has can be
/// found and removed (KEP-3659; kubectl reads the same labels and annotations).
public struct ApplySet: Sendable, Hashable, Codable {
    /// A ConfigMap in the pipeline's namespace.
    public var parent: ObjectID
    public var kinds: Set<GroupKind>
    /// Besides the parent's own.
    public var otherNamespaces: Set<String>

    public init(parent: ObjectID, kinds: Set<GroupKind> = [], otherNamespaces: Set<String> = []) {
        self.parent = parent
        self.kinds = kinds
        self.otherNamespaces = otherNamespaces.subtracting([parent.namespace ?? ""])
    }

    /// The set of a pipeline.
    public init(pipeline: String, namespace: String) {
        self.init(
            parent: ObjectID(
                apiVersion: "v1",
                kind: "ConfigMap",
                namespace: namespace,
                name: Self.parentPrefix + pipeline
            )
        )
    }

    /// Whose set it is; nil if it is not a pipeline's.
    public var pipeline: String? {
        parent.name.hasPrefix(Self.parentPrefix) ? String(parent.name.dropFirst(Self.parentPrefix.count)) : nil
    }

    /// As the cluster has it; nil if the object is not the parent of a set.
    public init?(parent object: JSON) {
        guard object.labels[Self.idLabel] != nil else { return nil }
        let annotations = object.annotations
        func list(_ name: String) -> [Substring] { annotations[name]?.split(separator: ",") ?? [] }
        func trimmed(_ text: Substring) -> Substring { text.trimming(while: { $0 == " " }) }
        self.init(
            parent: object.id,
            kinds: Set(list(Self.kindsAnnotation).compactMap { GroupKind(trimmed($0)) }),
            otherNamespaces: Set(list(Self.namespacesAnnotation).map { String(trimmed($0)) })
        )
    }

    /// `applyset-…-v1`: the value of the parent's label and of its members'.
    public var id: String {
        let text = [parent.name, parent.namespace ?? "", parent.kind, parent.group].joined(separator: ".")
        return "applyset-\(base64(SHA256Digest.bytes(Array(text.utf8)), isForURLs: true))-v1"
    }

    /// Where members may be.
    public var namespaces: Set<String> { otherNamespaces.union([parent.namespace ?? ""]) }

    /// The set that holds the members of both.
    public func union(_ other: ApplySet) -> ApplySet {
        ApplySet(
            parent: parent,
            kinds: kinds.union(other.kinds),
            otherNamespaces: otherNamespaces.union(other.otherNamespaces)
        )
    }

    /// The set with just the kinds and namespaces of these objects.
    public func holding(_ ids: [ObjectID]) -> ApplySet {
        ApplySet(parent: parent, kinds: Set(ids.map(\.groupKind)), otherNamespaces: Set(ids.compactMap(\.namespace)))
    }

    /// What to apply as the parent. Before a release the union of what was and what will be, after pruning what is:
    /// whoever reads it meanwhile finds every member.
    public var manifest: JSON {
        [
            "apiVersion": .string(parent.apiVersion), "kind": .string(parent.kind),
            "metadata": [
                "name": .string(parent.name), "namespace": parent.namespace.map(JSON.string) ?? nil,
                "labels": [Self.idLabel: .string(id)].json,
                "annotations": [
                    Self.toolingAnnotation: .string(Self.tooling),
                    Self.kindsAnnotation: .string(kinds.map(\.description).sorted().joined(separator: ",")),
                    Self.namespacesAnnotation: .string(otherNamespaces.sorted().joined(separator: ",")),
                ].json,
            ],
        ]
    }

    /// Whether the parent, as it is in the cluster, says all of this.
    func isDeclared(by parent: JSON) -> Bool {
        let (labels, annotations) = (manifest.labels, manifest.annotations)
        return parent.labels.merging(labels) { $1 } == parent.labels
            && parent.annotations.merging(annotations) { $1 } == parent.annotations
    }

    /// An object as it is to be applied: it says whose it is.
    ///
    /// - Parameter isMember: whether it becomes a member, which pruning finds. Otherwise it gets a label by which nothing
    ///   is ever deleted.
    public func mark(_ object: JSON, isMember: Bool) -> JSON {
        let (name, value) = mark(isMember: isMember)
        var object = object
        object.set(["metadata", "labels", name], .string(value))
        return object
    }

    /// Selects what was marked.
    func selector(isMember: Bool) -> String {
        let (name, value) = mark(isMember: isMember)
        return "\(name)=\(value)"
    }

    private func mark(isMember: Bool) -> (name: String, value: String) {
        isMember ? (Self.memberLabel, id) : (Self.ownerLabel, pipeline ?? parent.name)
    }

    /// Who else's set the parent is, if it is somebody else's: only the tool that made a set may change it.
    public static func foreignTooling(of parent: JSON) -> String? {
        let tooling = parent.annotations[toolingAnnotation] ?? ""
        return parent.labels[idLabel] == nil || tooling.hasPrefix("fairlead/") ? nil : tooling
    }

    static let tooling = "fairlead/1"
    static let idLabel = "applyset.kubernetes.io/id"
    private static let parentPrefix = "fairlead-"
    /// The name of the pipeline that has applied an object and prunes nothing.
    public static let ownerLabel = "fairlead.dev/pipeline"
    public static let memberLabel = "applyset.kubernetes.io/part-of"
    static let toolingAnnotation = "applyset.kubernetes.io/tooling"
    static let kindsAnnotation = "applyset.kubernetes.io/contains-group-kinds"
    static let namespacesAnnotation = "applyset.kubernetes.io/additional-namespaces"
}

extension [String: JSON] {
    fileprivate var json: JSON { .object(self) }
}

extension Substring {
    fileprivate func trimming(while isOut: (Character) -> Bool) -> Substring {
        var text = drop(while: isOut)
        while let last = text.last, isOut(last) { text.removeLast() }
        return text
    }
}
