extension Cluster {
    /// One object is one pipeline's (KEP-3659: in one set). Two servers apply as the same manager, so that the API server
    /// sees no conflict between them: whoever comes later would take the object away, and prune it one day.
    ///
    /// - Parameters:
    ///   - live: the object as it is; nil if there is none.
    ///   - set: of whoever wants to apply it, also if nothing of it is pruned.
    /// - Throws: ``KubernetesError`` with code `conflict` if it is the parent of a set, a member of another set whose
    ///   parent is there, or marked as another pipeline's that prunes nothing.
    func checkMembership(of live: JSON?, in set: ApplySet?) async throws {
        guard let live else { return }
        if live.labels[ApplySet.idLabel] != nil {
            throw KubernetesError(
                .conflict,
                "\(live.id): is what a pipeline keeps its list of objects in; give this one another name"
            )
        }
        guard let set else { return }
        if let other = live.labels[ApplySet.memberLabel], other != set.id {
            let parents = ObjectQuery(
                apiVersion: set.parent.apiVersion,
                kind: set.parent.kind,
                namespace: set.parent.namespace,
                labelSelector: "\(ApplySet.idLabel)=\(other)"
            )
            if let parent = try await list(parents).items.first {
                throw KubernetesError(.conflict, "\(live.id): belongs to \(owner(parent)); \(Self.ways)")
            }
        }
        if let other = live.labels[ApplySet.ownerLabel], other != set.pipeline {
            throw KubernetesError(
                .conflict,
                "\(live.id): belongs to pipeline \(other), as its label \(ApplySet.ownerLabel) says; \(Self.ways)"
            )
        }
    }

    private func owner(_ parent: JSON) -> String {
        if let tooling = ApplySet.foreignTooling(of: parent) {
            return "the set of objects \(parent.name), which \(tooling) looks after"
        }
        guard let pipeline = ApplySet(parent: parent)?.pipeline else { return "the set of objects \(parent.name)" }
        return "pipeline \(pipeline), which deploys to namespace \(parent.namespace ?? "") of this cluster too"
    }

    private static let ways =
        "give this one another name, take it out of the other's manifests, or take it over with force: true"
}
