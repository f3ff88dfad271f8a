/// How an object is written.
public struct ApplyOptions: Sendable, Hashable {
    /// Whom the fields belong to afterwards.
    public var manager: String
    /// Take fields from other managers instead of failing with ``KubernetesError/Code/conflict``. For apply only.
    public var force: Bool
    /// The server checks and answers as if, and stores nothing.
    public var dryRun: Bool

    public init(manager: String = "fairlead", force: Bool = false, dryRun: Bool = false) {
        self.manager = manager
        self.force = force
        self.dryRun = dryRun
    }
}

/// What becomes of the objects that belong to a deleted one.
public enum DeletePropagation: String, Sendable, Hashable {
    /// They are deleted later, by the garbage collector.
    case background = "Background"
    /// The object goes only after they have gone.
    case foreground = "Foreground"
    /// They stay.
    case orphan = "Orphan"
}

/// A change to an existing object, in one of the standard forms.
public enum ObjectPatch: Sendable, Hashable {
    /// RFC 7386.
    case merge(JSON)
    /// RFC 6902: an array of operations. Not repeated if the connection breaks.
    case json([JSON])
}
