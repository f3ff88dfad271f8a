/// Where the kinds that run pods keep what a pod is made of.
enum PodTemplate {
    /// The path of the pod specification in an object of this kind; nil if the kind has none.
    static func specification(of kind: GroupKind) -> [String]? {
        template(of: kind).map { $0 + ["spec"] }
    }

    /// The path of the template: what holds the pod's metadata and specification.
    static func template(of kind: GroupKind) -> [String]? {
        switch (kind.group, kind.kind) {
        case ("", "Pod"): []
        case ("", "PodTemplate"): ["template"]
        case ("", "ReplicationController"): ["spec", "template"]
        case ("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet"), ("apps", "ReplicaSet"):
            ["spec", "template"]
        case ("batch", "Job"): ["spec", "template"]
        case ("batch", "CronJob"): ["spec", "jobTemplate", "spec", "template"]
        default: nil
        }
    }

    /// The members of a pod specification that are lists of containers.
    static let containerLists = ["initContainers", "containers", "ephemeralContainers"]
}
