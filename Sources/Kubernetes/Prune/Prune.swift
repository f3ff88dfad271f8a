/// Removes what a pipeline has applied once and its release no longer has. To be done last, when the release has proven
/// itself: what is gone cannot be put back.
public struct Prune: Sendable {
    private let cluster: Cluster
    private let set: ApplySet
    private let ids: [ObjectID]
    private let options: RolloutOptions

    /// - Parameter ids: all objects of the release.
    public init(
        _ cluster: Cluster,
        _ set: ApplySet,
        keeping ids: [ObjectID],
        _ options: RolloutOptions = RolloutOptions()
    ) {
        self.cluster = cluster
        self.set = set
        self.ids = ids
        self.options = options
    }

    /// One member that the release does not have.
    public struct Finding: Sendable, Hashable {
        public var object: JSON
        public var verdict: PruneVerdict
        public var id: ObjectID { object.id }

        /// `- ConfigMap old`, or why it stays.
        public var line: String {
            switch verdict {
            case .delete: "- \(id)"
            case .keep(let reason): "= \(id) \(reason)"
            case .belongs: "= \(id)"
            }
        }
    }

    /// What would go and what would stay, in the order in which it would go.
    public func find() async throws -> [Finding] {
        guard let parent = try await cluster.get(set.parent) else { return [] }
        if let tooling = ApplySet.foreignTooling(of: parent) {
            throw KubernetesError(
                .conflict,
                "\(set.parent) is the parent of a set of objects that \(tooling) looks after"
            )
        }
        guard let known = ApplySet(parent: parent) else { return [] }
        let applied = Set(ids.map(ObjectPlace.init))
        var queries: [ObjectQuery] = []
        for kind in known.kinds.sorted() { queries += try await self.queries(kind, in: known) }
        let lists = try await inParallel(queries, atMost: options.width) { try await cluster.list($0).items }
        let findings = lists.flatMap(\.self).map {
            Finding(object: $0, verdict: PruneVerdict(of: $0, in: known, applied: applied))
        }
        return findings.filter { $0.verdict != .belongs }.sorted {
            let (one, two) = (ApplyPhase(of: $0.object.groupKind), ApplyPhase(of: $1.object.groupKind))
            return one == two ? $0.id.description < $1.id.description : one > two
        }
    }

    /// - Parameters:
    ///   - deadline: what is not done by then the next release does.
    ///   - log: takes one line for each object.
    /// - Returns: what is gone. What finalizers hold for longer than ``RolloutOptions/pruneWait`` is told, and goes when they
    ///   let it.
    @discardableResult
    public func run(until deadline: ContinuousClock.Instant, log: @escaping @Sendable (String) -> Void) async throws
        -> [ObjectID]
    {
        let done = try await withDeadline(deadline) { try await run(log, until: deadline) }
        guard let done else {
            throw KubernetesError(.timeout, "pruning was not done in time; the next release does the rest")
        }
        return done
    }

    private func run(_ log: @Sendable (String) -> Void, until deadline: ContinuousClock.Instant) async throws
        -> [ObjectID]
    {
        var deleted: [JSON] = []
        var kept: [ObjectID] = []
        for finding in try await find() {
            guard finding.verdict == .delete else {
                log("\(finding.id) stays: it \(finding.reason)")
                kept.append(finding.id)
                continue
            }
            do {
                // Somebody may have decided otherwise since it was looked at.
                try await cluster.delete(
                    finding.id,
                    uid: finding.object.uid,
                    resourceVersion: finding.object.resourceVersion
                )
                deleted.append(finding.object)
            } catch let error as KubernetesError where error.code == .conflict || error.code == .forbidden {
                log("\(finding.id) stays: \(error)")
                kept.append(finding.id)
            }
        }
        // The set must be written down after that.
        let wait = min(options.pruneWait, (deadline - .now) / 2)
        let held = try await awaitDeletion(deleted, for: wait, log)
        for object in held { log("\(object.id) \(object.deletion); the release no longer has it") }
        kept += held.map(\.id)
        // Members that stay keep their kinds in the set, or nobody would find them again.
        let manifest = set.holding(ids + kept).manifest
        _ = try await cluster.apply(manifest, ApplyOptions(manager: options.manager))
        return deleted.map(\.id).filter { !kept.contains($0) }
    }

    /// - Returns: what is there yet when the wait is over.
    private func awaitDeletion(_ deleted: [JSON], for wait: Duration, _ log: @Sendable (String) -> Void) async throws
        -> [JSON]
    {
        let end = ContinuousClock.now + wait
        var pauses = Pauses.looking(cluster.limits)
        var held = deleted
        while !held.isEmpty {
            held = try await inParallel(held, atMost: options.width) { object in
                // What cannot be asked for now can be at the next look.
                do { return try await cluster.remains(of: object) } catch { return object }
            }.compactMap(\.self)
            guard ContinuousClock.now < end else { break }
            if !held.isEmpty { try await cluster.sleep(min(pauses.take(atLeast: nil), end - .now)) }
        }
        let names = Set(held.map(\.id))
        for object in deleted where !names.contains(object.id) {
            log("\(object.id) deleted: the release no longer has it")
        }
        return held
    }

    /// For a pipeline that prunes no more: takes every object that its release does not have out of the set, and deletes
    /// the set's parent. So nothing that was dropped meanwhile is deleted if pruning is switched on again.
    ///
    /// - Parameters:
    ///   - deadline: what is not done by then the next release does.
    ///   - log: takes one line for each object, and what went wrong.
    public func dissolve(until deadline: ContinuousClock.Instant, log: @escaping @Sendable (String) -> Void) async {
        do {
            let done: Void? = try await withDeadline(deadline) { try await dissolve(log) }
            if done == nil { log("the list of objects was not given up in time; the next release does it") }
        } catch {
            log("the list of objects is still there: \(error)")
        }
    }

    private func dissolve(_ log: @Sendable (String) -> Void) async throws {
        guard let parent = try await cluster.get(set.parent), ApplySet(parent: parent) != nil else { return }
        for finding in try await find() {
            let labels: JSON = .object([ApplySet.memberLabel: .null])
            let how = ApplyOptions(manager: options.manager)
            try await cluster.patch(finding.id, .merge(["metadata": ["labels": labels]]), how)
            log("\(finding.id) is not pruned any more")
        }
        try await cluster.delete(set.parent, uid: parent.uid, resourceVersion: parent.resourceVersion)
    }

    private func queries(_ kind: GroupKind, in set: ApplySet) async throws -> [ObjectQuery] {
        let resource: APIResource
        do {
            resource = try await cluster.resource(group: kind.group, kind: kind.kind)
        } catch let error as KubernetesError where error.code == .unknownKind {
            // With its definition all its objects have gone.
            return []
        }
        let namespaces: [String?] = resource.isNamespaced ? set.namespaces.sorted() : [nil]
        return namespaces.map { namespace in
            ObjectQuery(
                apiVersion: resource.apiVersion,
                kind: kind.kind,
                namespace: namespace,
                labelSelector: set.selector(isMember: true)
            )
        }
    }
}

extension Prune.Finding {
    fileprivate var reason: String { if case .keep(let reason) = verdict { reason } else { "" } }
}
