extension Undo {
    /// A StatefulSet replaces a pod only when the one before it is ready. One that the release broke never is, and would
    /// keep the set from going back for ever (Kubernetes documentation, StatefulSets, "Forced rollback"): it is deleted.
    ///
    /// - Parameters:
    ///   - set: as it is now.
    ///   - failed: as it was before it was put back.
    func freeBrokenPods(of set: JSON, since failed: JSON) async {
        guard set.groupKind == GroupKind("StatefulSet", "apps"), let namespace = set.namespace,
            let broken = failed[["status", "updateRevision"]]?.string,
            broken != failed[["status", "currentRevision"]]?.string
        else { return }
        let query = ObjectQuery(
            apiVersion: "v1",
            kind: "Pod",
            namespace: namespace,
            labelSelector: "controller-revision-hash=\(broken)"
        )
        // The set is back already. If this does not succeed, it will not become ready, and that is told.
        for pod in (try? await cluster.list(query).items) ?? []
        where pod.isControlled(by: set.uid) && !pod.isReady && !pod.isTerminating {
            _ = try? await cluster.delete(pod.id, uid: pod.uid)
        }
    }
}
