extension JSON {
    /// Whether somebody has deleted the object, and something holds it.
    var isTerminating: Bool { self[["metadata", "deletionTimestamp"]] != nil }

    /// What must be taken away before the object goes (Kubernetes documentation, "Finalizers").
    var finalizers: [String] { (self[["metadata", "finalizers"]]?.items ?? []).compactMap(\.string) }

    /// Of an object that is being deleted: why it is there yet and what lets it go, in words that follow its name.
    var deletion: String {
        // These two are the garbage collector's, which does what they stand for first.
        let own = finalizers.filter { $0 != "foregroundDeletion" && $0 != "orphan" }
        if !own.isEmpty {
            let names = "\(own.count == 1 ? "finalizer" : "finalizers") \(own.joined(separator: ", "))"
            return
                "is being deleted, held by \(names): it goes when the controller behind that is done, or when somebody "
                + "takes it out of metadata.finalizers"
        }
        if !finalizers.isEmpty { return "is being deleted, held by what belongs to it, which goes first" }
        switch groupKind {
        case GroupKind("Namespace"):
            return "is being deleted, held by what is in it, which goes first\(namespaceTrouble)"
        case GroupKind("Pod"): return "is being deleted: its containers have not ended yet"
        default: return "is being deleted"
        }
    }

    /// What a namespace says of what is left in it.
    private var namespaceTrouble: String {
        let telling = ["NamespaceFinalizersRemaining", "NamespaceContentRemaining"]
        let found = telling.compactMap { condition($0) }.first { $0.status == .isTrue }
        return found.map { " (\($0.text))" } ?? ""
    }
}

extension Cluster {
    /// Of an object that was deleted: as it is while something holds it; nil once it is gone.
    func remains(of object: JSON) async throws -> JSON? {
        do {
            let live = try await get(object.id)
            // Whoever made one anew meanwhile did not make this one.
            return live?.uid == object.uid ? live : nil
        } catch let error as KubernetesError where error.code == .unknownKind {
            // It has gone with its definition.
            return nil
        }
    }
}
