/// Applies the objects of a release, phase by phase.
struct Applier: Sendable {
    let cluster: Cluster
    let release: Release
    let options: RolloutOptions
    let deadline: ContinuousClock.Instant
    let journal: Journal
    let outcomes: JournalOutcomes
    let log: @Sendable (String) -> Void
    let open = OpenSteps()

    /// An object and its number in the journal.
    struct Step: Sendable {
        var seq: Int
        var manifest: Manifest
    }

    /// - Returns: what is written in the journal now, in the order of the numbers.
    func run() async throws -> [JournalEntry] {
        let entries: [JournalEntry]
        do {
            entries = try await applyAll()
        } catch {
            // Who undoes it reads the journal.
            try? await outcomes.finish()
            throw error
        }
        try await outcomes.finish()
        return entries
    }

    private func applyAll() async throws -> [JournalEntry] {
        try await inTime { try await checkKinds() }
        var steps = ApplyPhase.order(release.manifests).flatMap { phase in phase.manifests.map { (phase.phase, $0) } }
            .enumerated().map { (phase: $1.0, step: Step(seq: $0 + 2, manifest: $1.1)) }
        func take(_ phase: ApplyPhase) -> [Step] {
            defer { steps.removeAll { $0.phase == phase } }
            return steps.filter { $0.phase == phase }.map(\.step)
        }
        var entries = try await apply(take(.namespaces))
        if let parent = try await inTime({ try await announce() }) { entries.append(parent) }
        let definitions = try await apply(take(.definitions))
        try await establish(definitions)
        entries += definitions + (try await apply(take(.configuration)))
        // The numbers 0 and 1 are those of the set's parent and of the Job.
        if let before = release.before {
            entries.append(try await run(before: Step(seq: 1, manifest: before.named(for: release))))
        }
        entries += try await apply(take(.workloads))
        entries += try await apply(take(.rest))
        return entries.sorted { $0.seq < $1.seq }
    }

    private func apply(_ steps: [Step]) async throws -> [JournalEntry] {
        for step in steps { await open.note(step.manifest.id, "was not begun") }
        return try await inTime {
            let members = await members(among: steps)
            return try await inParallel(steps, atMost: options.width) { step in
                try await apply(step, seen: members[ObjectPlace(step.manifest.id)])
            }
        }
    }

    /// Ends the work at the deadline, with what was still to do. What waits for objects to become ready ends by itself, and
    /// knows better what they lack.
    func inTime<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        guard let value = try await withDeadline(deadline, work) else { throw await open.failure }
        return value
    }

    /// The objects of earlier releases that the steps are about to change: one question for a kind, where asking for each
    /// object is more. What cannot be listed is asked for one by one.
    private func members(among steps: [Step]) async -> [ObjectPlace: JSON] {
        guard let set = release.set else { return [:] }
        let queries = Dictionary(grouping: steps) { step in
            let id = step.manifest.id
            return ObjectQuery(
                apiVersion: id.apiVersion,
                kind: id.kind,
                namespace: id.namespace,
                labelSelector: set.selector(isMember: release.isPruned)
            )
        }.filter { $1.count > 2 }.map(\.key)
        let found = try? await inParallel(queries, atMost: options.width) { try? await cluster.list($0).items }
        return Dictionary(
            (found ?? []).flatMap { $0 ?? [] }.map { (ObjectPlace($0.id), $0) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// Whether the cluster knows every kind, before the first object is touched.
    private func checkKinds() async throws {
        let defined = ManifestRules.scopes(in: release.manifests)
        for manifest in release.manifests + (release.before.map { [$0] } ?? []) {
            let id = manifest.id
            do {
                _ = try await cluster.resource(apiVersion: id.apiVersion, kind: id.kind)
            } catch let error as KubernetesError {
                if error.code == .unknownKind, defined[id.groupKind] != nil { continue }
                throw RolloutFailure(error, source: manifest.source)
            }
        }
    }

    /// Before the first member is touched, the set says that it may have members of these kinds.
    ///
    /// - Returns: nil if it says so already.
    private func announce() async throws -> JournalEntry? {
        guard let set = release.set, release.isPruned else { return nil }
        let live = try await cluster.get(set.parent)
        if let tooling = live.flatMap(ApplySet.foreignTooling) {
            throw RolloutFailure(
                .conflict,
                "\(set.parent) is the parent of a set of objects that \(tooling) looks after; only that tool may change it"
            )
        }
        if let labels = live?.labels, labels[ApplySet.memberLabel] ?? labels[ApplySet.ownerLabel] != nil {
            throw RolloutFailure(
                .conflict,
                "\(set.parent) is needed for the list of this pipeline's objects, and another pipeline has deployed an object "
                    + "of that name; take it out of that one"
            )
        }
        let known = live.flatMap(ApplySet.init(parent:))
        let wanted = set.holding(release.ids).union(known ?? set)
        if let live, wanted.isDeclared(by: live) { return nil }
        return try await apply(
            Step(seq: 0, manifest: Manifest(wanted.manifest, source: "the pipeline")),
            isMember: false
        )
    }

    /// Waits until new kinds can be used.
    private func establish(_ definitions: [JournalEntry]) async throws {
        guard !definitions.isEmpty else { return }
        let watch = HealthWatch(cluster: cluster, entries: definitions, uses: [], options: options, log: log)
        _ = try await watch.run(until: deadline)
        try await inTime {
            var pauses = Pauses.looking(cluster.limits)
            while true {
                // Established is said a moment before the kind is served.
                try await cluster.refreshResources()
                let known = Set(try await cluster.resources().map { "\($0.apiVersion) \($0.kind)" })
                let waiting = definitions.filter { !Self.served($0.after ?? .null).allSatisfy(known.contains) }
                if waiting.isEmpty { return }
                for entry in waiting { await open.note(entry.id, "is established, but its kind is not served yet") }
                try await cluster.sleep(pauses.take(atLeast: nil))
            }
        }
        for entry in definitions { await open.end(entry.id) }
    }

    private static func served(_ definition: JSON) -> [String] {
        let group = definition[["spec", "group"]]?.string ?? ""
        let kind = definition[["spec", "names", "kind"]]?.string ?? ""
        return (definition[["spec", "versions"]]?.items ?? []).filter { $0["served"]?.bool == true }
            .map { "\(group)/\($0["name"]?.string ?? "") \(kind)" }
    }
}
