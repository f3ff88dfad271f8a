/// What a release would change, by the cluster's own word: every object is applied as a dry run.
public struct Plan: Sendable {
    public var diffs: [ObjectDiff]
    /// What the cluster would refuse; one sentence each, with the place.
    public var faults: [String]
    /// What the cluster cannot say before something else is there, such as the kind's definition or the namespace.
    public var unknown: [String]
    public var prune: [Prune.Finding]

    /// For the terminal.
    public var lines: [String] {
        let changes = diffs.filter { !$0.isEmpty }.flatMap(\.lines)
        let same = diffs.filter(\.isEmpty).count
        var lines = changes + unknown.map { "? \($0)" } + prune.map(\.line)
        if same > 0 { lines.append("= \(plural(same, "object")) unchanged") }
        return lines + faults.map { "! \($0)" }
    }

    /// - Parameter kept: what is not pruned though the release does not have it.
    /// - Throws: ``KubernetesError`` if the cluster cannot be asked; what it refuses is part of the plan.
    public init(
        _ cluster: Cluster,
        _ release: Release,
        _ options: RolloutOptions = RolloutOptions(),
        keeping kept: [ObjectID] = []
    ) async throws {
        let isNew = Set(release.manifests.map(\.object).filter { $0.kind == "Namespace" }.map(\.name))
        let defined = ManifestRules.scopes(in: release.manifests)
        let manifests = release.manifests + (release.before.map { [$0.named(for: release)] } ?? [])
        let answers = try await inParallel(manifests, atMost: options.width) { manifest -> Answer in
            let object = release.marked(manifest.object)
            let id = object.id
            do {
                let live = try await cluster.get(id)
                if !options.force { try await cluster.checkMembership(of: live, in: release.set) }
                let how = ApplyOptions(manager: options.manager, force: options.force, dryRun: true)
                return .diff(ObjectDiff(live: live, result: try await cluster.apply(object, how)))
            } catch let error as KubernetesError where error.isVerdict {
                if error.code == .unknownKind, defined[id.groupKind] != nil {
                    return .unknown("\(id): its kind is defined by this release")
                }
                if error.code == .notFound, let namespace = id.namespace, isNew.contains(namespace) {
                    return .unknown("\(id): its namespace comes with this release")
                }
                return .fault("\(manifest.source): \(error)")
            }
        }
        diffs = answers.compactMap { if case .diff(let diff) = $0 { diff } else { nil } }
        faults = answers.compactMap { if case .fault(let text) = $0 { text } else { nil } }
        unknown = answers.compactMap { if case .unknown(let text) = $0 { text } else { nil } }
        if let set = release.set, release.isPruned {
            prune = try await Prune(cluster, set, keeping: release.ids + kept, options).find()
        } else {
            prune = []
        }
    }

    private enum Answer: Sendable {
        case diff(ObjectDiff)
        case fault(String)
        case unknown(String)
    }
}
