/// What a deploy applies: manifests that were checked and whose images are pinned.
public struct Release: Sendable, Hashable, Codable {
    /// Tells releases apart in names: digits, lower case letters and hyphens, `42` or `42-2`.
    public var name: String
    public var manifests: [Manifest]
    /// Where the pipeline's images are used, those of ``before`` too.
    public var uses: [ImageUse]
    /// A Job that has to finish before the workloads are touched. It is made under a name of its own for each release.
    public var before: Manifest?
    /// Whose the objects are; nil for objects that are nobody's.
    public var set: ApplySet?
    /// Whether they become members of ``set``, so that what a later release does not have is found and removed.
    public var isPruned: Bool

    public init(
        name: String,
        manifests: [Manifest],
        uses: [ImageUse] = [],
        before: Manifest? = nil,
        set: ApplySet? = nil,
        isPruned: Bool = true
    ) {
        self.name = name
        self.manifests = manifests
        self.uses = uses
        self.before = before
        self.set = set
        self.isPruned = isPruned
    }

    /// An object as it is applied: it says whose it is.
    func marked(_ object: JSON) -> JSON { set?.mark(object, isMember: isPruned) ?? object }

    /// The objects that belong to it, by the names that they have in the cluster.
    public var ids: [ObjectID] {
        manifests.map(\.id) + (before.map { [$0.id(in: self)] } ?? [])
    }
}

extension Manifest {
    /// The Job's name for one release. What is too long loses its end, so that releases stay apart.
    fileprivate func id(in release: Release) -> ObjectID {
        var id = id
        // Pods carry the Job's name as a label: 63 characters.
        let room = max(1, 63 - release.name.utf8.count - 1)
        id.name = "\(id.name.prefix(room))-\(release.name)"
        return id
    }

    /// The Job under its name for one release.
    func named(for release: Release) -> Manifest {
        var manifest = self
        manifest.object.set(["metadata", "name"], .string(id(in: release).name))
        return manifest
    }
}

/// How a release is rolled out.
public struct RolloutOptions: Sendable {
    /// Whose the fields are.
    public var manager = "fairlead"
    /// Whether fields are taken from other managers, who are named otherwise.
    public var force = false
    /// Objects that are applied at one time.
    public var width = 25
    /// A container that was started again so often will not come up.
    public var restarts: Int64 = 3
    /// For so long a registry may refuse an image: the namespace's pull secret may be as new as the namespace.
    /// Default: 30 s.
    public var pullPatience = Duration.seconds(30)
    /// For so long an image may not be had for another reason, or one that nobody tells: the registry may be down for a
    /// moment. The kubelet tries after 10, 20, 40 and 80 s. Default: 150 s.
    public var registryPatience = Duration.seconds(150)
    /// For so long the answer to a change is waited for when the time is over or the run is cancelled: the server may make
    /// the change when nobody waits any more, and the undo would have seen the object before it. Default: 5 s.
    public var writeGrace = Duration.seconds(5)
    /// For so long it is watched whether what is pruned goes, too; what is held longer is told and left to its controllers.
    /// Default: 30 s.
    public var pruneWait = Duration.seconds(30)
    /// For collecting what went wrong, beyond the deadline. Default: 20 s.
    public var diagnosisTime = Duration.seconds(20)
    /// Lines of the log of the Job before the rollout that are shown. Default: 1,000.
    public var jobLogLines = 1000

    public init() {}
}
