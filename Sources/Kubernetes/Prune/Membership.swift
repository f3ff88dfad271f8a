extension Cluster {
    /// One object is in one set (KEP-3659). Two servers apply as the same manager, so that the API server sees no conflict
    /// between them: whoever comes later would take the object away, and its set would prune it one day.
    ///
    /// - Parameter live: the object as it is; nil if there is none.
    /// - Throws: ``KubernetesError`` with code `conflict` if it is the parent of a set, or a member of another set
    ///   whose parent is there.
    func checkMembership(of live: JSON?, in set: ApplySet?) async throws {
        if let live, live.labels[ApplySet.idLabel] != nil {
            throw KubernetesError(
                .conflict,
                "\(live.id): is what a pipeline keeps its list of objects in; give this one another name"
            )
        }
        guard let set, let live, let other = live.labels[ApplySet.memberLabel], other != set.id else { return }
        let parents = ObjectQuery(
            apiVersion: set.parent.apiVersion,
            kind: set.parent.kind,
            namespace: set.parent.namespace,
            labelSelector: "\(ApplySet.idLabel)=\(other)"
        )
        guard let parent = try await list(parents).items.first else { return }
        throw KubernetesError(
            .conflict,
            "\(live.id): belongs to another set of objects, that of \(parent.name); give this one another name, take it out "
                + "of the other pipeline, or take it over with force"
        )
    }
}
