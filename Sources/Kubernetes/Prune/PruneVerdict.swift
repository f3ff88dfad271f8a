/// What pruning does with one live object that carries the set's label.
public enum PruneVerdict: Sendable, Hashable {
    case delete
    /// Stays, and why, in words that follow its name.
    case keep(String)
    /// Not to be spoken of: it belongs to the release.
    case belongs

    public static let annotation = "fairlead.dev/prune"

    /// - Parameters:
    ///   - object: live.
    ///   - set: whose members are pruned.
    ///   - applied: what the release has.
    public init(of object: JSON, in set: ApplySet, applied: Set<ObjectPlace>) {
        let wish = object.annotations[Self.annotation]
        if applied.contains(ObjectPlace(object.id)) {
            self = .belongs
        } else if object.isTerminating {
            self = .keep(object.deletion)
        } else if object.labels[ApplySet.memberLabel] != set.id {
            self = .keep("is not a member of \(set.parent.name)")
        } else if let namespace = object.namespace, !set.namespaces.contains(namespace) {
            self = .keep("is in namespace \(namespace), which the set does not name")
        } else if wish == "disabled" {
            self = .keep("has the annotation \(Self.annotation): disabled")
        } else if Self.isPrecious(object.groupKind), wish != "enabled" {
            self = .keep("would take data with it; the annotation \(Self.annotation): enabled lets it go")
        } else {
            self = .delete
        }
    }

    /// What other data hangs on.
    static func isPrecious(_ kind: GroupKind) -> Bool {
        [
            GroupKind("PersistentVolumeClaim"), GroupKind("PersistentVolume"), GroupKind("Namespace"),
            GroupKind("CustomResourceDefinition", "apiextensions.k8s.io"),
        ].contains(kind)
    }
}

/// An object whichever version of the API names it.
public struct ObjectPlace: Sendable, Hashable {
    public var kind: GroupKind
    public var namespace: String?
    public var name: String

    public init(_ id: ObjectID) {
        kind = id.groupKind
        namespace = id.namespace
        name = id.name
    }
}
