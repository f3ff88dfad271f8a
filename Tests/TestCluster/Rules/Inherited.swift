import Kubernetes

/// What a write cannot change and takes over from the object as it was.
enum Inherited {
    /// - Parameter managed: the object whose managed fields hold; those of `live` where nil.
    static func restored(
        _ sent: JSON,
        from live: JSON,
        _ resource: Resource,
        _ options: WriteOptions,
        managed: JSON? = nil
    ) -> JSON {
        var object = sent
        if options.subresource == "status" {
            object = live
            object.set(["status"], sent["status"])
            for name in ["annotations", "finalizers"] where resource.key == "pods" || resource.isCustom {
                object.set(["metadata", name], sent[["metadata", name]])
            }
        } else if resource.subresources.contains("status"), !options.keepsStatus {
            object.set(["status"], live["status"])
        }
        object.set(["apiVersion"], live["apiVersion"])
        object.set(["kind"], live["kind"])
        let kept = [
            "name", "namespace", "uid", "creationTimestamp", "generation", "deletionTimestamp",
            "deletionGracePeriodSeconds", "resourceVersion", "generateName",
        ]
        for name in kept { object.set(["metadata", name], live[["metadata", name]]) }
        object.set(["metadata", "managedFields"], (managed ?? live)[["metadata", "managedFields"]])
        if resource.key == "namespaces" { object.set(["spec", "finalizers"], live[["spec", "finalizers"]]) }
        return object
    }

    /// Only the specification counts: labels, annotations and the status do not change the generation.
    static func isNewGeneration(_ live: JSON, _ object: JSON, _ resource: Resource) -> Bool {
        guard resource.isCustom else { return live["spec"] != object["spec"] }
        var (before, after) = (live, object)
        for path in ["metadata"] + (resource.subresources.contains("status") ? ["status"] : []) {
            before.set([path], nil)
            after.set([path], nil)
        }
        return before != after
    }
}
