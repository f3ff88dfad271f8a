/// Which pods are whose.
struct WorkloadPods {
    let pods: [JSON]
    let replicaSets: [JSON]

    /// All pods of a workload, by owners.
    func all(of workload: JSON) -> [JSON] {
        if workload.groupKind == GroupKind("Pod") { return pods.filter { $0.uid == workload.uid } }
        let sets = replicaSets.filter { $0.isControlled(by: workload.uid) }.map(\.uid)
        return pods.filter { pod in ([workload.uid] + sets).contains { pod.isControlled(by: $0) } }
    }

    /// Those that were made of its present template.
    func current(of workload: JSON) -> [JSON] {
        let all = all(of: workload)
        switch (workload.groupKind.group, workload.groupKind.kind) {
        case ("apps", "Deployment"):
            guard let newest = newest(of: workload) else { return [] }
            return all.filter { $0.isControlled(by: newest.uid) }
        case ("apps", "StatefulSet"):
            let revision = workload[["status", "updateRevision"]]?.string
            return all.filter {
                $0.labels["controller-revision-hash"] == nil || $0.labels["controller-revision-hash"] == revision
            }
        case ("apps", "DaemonSet"):
            let generation = workload.annotations["deprecated.daemonset.template.generation"]
            return all.filter {
                let own = $0.labels["pod-template-generation"]
                return own == nil || generation == nil || own == generation
            }
        default: return all
        }
    }

    /// The ReplicaSet of a Deployment's present template: the oldest of equals, as the controller takes it.
    func newest(of deployment: JSON) -> JSON? {
        let template = Self.unhashed(deployment[["spec", "template"]])
        return replicaSets.filter { set in
            set.isControlled(by: deployment.uid) && !set.isTerminating
                && Self.unhashed(set[["spec", "template"]]) == template
        }.min { ($0.created, $0.name) < ($1.created, $1.name) }
    }

    private static func unhashed(_ template: JSON?) -> JSON {
        var template = template ?? nil
        template.set(["metadata", "labels", "pod-template-hash"], nil)
        if template[["metadata", "labels"]]?.members.isEmpty ?? false { template.set(["metadata", "labels"], nil) }
        template.set(["metadata", "creationTimestamp"], nil)
        if template["metadata"]?.members.isEmpty ?? false { template.set(["metadata"], nil) }
        return template
    }
}
