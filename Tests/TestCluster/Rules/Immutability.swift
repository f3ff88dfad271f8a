import Kubernetes

/// Fields that cannot change once an object is made.
enum Immutability {
    private static let paths: [String: [[String]]] = [
        "deployments.apps": [["spec", "selector"]],
        "replicasets.apps": [["spec", "selector"]],
        "daemonsets.apps": [["spec", "selector"]],
        "jobs.batch": [
            ["spec", "completions"], ["spec", "selector"], ["spec", "template"], ["spec", "completionMode"],
        ],
        "persistentvolumeclaims": [["spec", "accessModes"], ["spec", "storageClassName"], ["spec", "volumeMode"]],
        "secrets": [["type"]],
        "services": [],
        "rolebindings.rbac.authorization.k8s.io": [["roleRef"]],
        "clusterrolebindings.rbac.authorization.k8s.io": [["roleRef"]],
        "customresourcedefinitions.apiextensions.k8s.io": [["spec", "names", "plural"], ["spec", "scope"]],
    ]

    static func causes(_ live: JSON, _ object: JSON, _ resource: Resource) -> [Cause] {
        var causes: [Cause] = []
        for path in paths[resource.key] ?? [] where live[path] != object[path] {
            let verb = path == ["roleRef"] ? "cannot change roleRef" : "field is immutable"
            causes.append(.invalid(path.joined(separator: "."), object[path] ?? .null, verb))
        }
        switch resource.key {
        case "statefulsets.apps": causes += statefulSet(live, object)
        case "pods": causes += pod(live, object)
        case "services": causes += service(live, object)
        case "secrets", "configmaps": causes += sealed(live, object)
        default: break
        }
        return causes
    }

    private static func statefulSet(_ live: JSON, _ object: JSON) -> [Cause] {
        var (before, after) = (live["spec"] ?? [:], object["spec"] ?? [:])
        let mutable = [
            "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
        ]
        for name in mutable {
            before.set([name], nil)
            after.set([name], nil)
        }
        guard before != after else { return [] }
        let rule =
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
            + "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
        return [.forbidden("spec", rule)]
    }

    private static func pod(_ live: JSON, _ object: JSON) -> [Cause] {
        var (before, after) = (live["spec"] ?? [:], object["spec"] ?? [:])
        for name in ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"] {
            before.set([name], nil)
            after.set([name], nil)
        }
        for list in ["containers", "initContainers"] {
            before.update([list]) { $0.set(["image"], nil) }
            after.update([list]) { $0.set(["image"], nil) }
        }
        // Bound once by the scheduler.
        if before["nodeName"] == nil { after.set(["nodeName"], nil) }
        guard before != after else { return [] }
        let rule =
            "pod updates may not change fields other than `spec.containers[*].image`,"
            + "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
            + "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "
            + "negative)"
        return [.forbidden("spec", rule)]
    }

    private static func service(_ live: JSON, _ object: JSON) -> [Cause] {
        let path = ["spec", "clusterIP"]
        guard let before = live[path], object[path] != before, object[["spec", "type"]] != "ExternalName" else {
            return []
        }
        return [.invalid("spec.clusterIPs[0]", .array([object[path] ?? .null]), "may not change once set")]
    }

    private static func sealed(_ live: JSON, _ object: JSON) -> [Cause] {
        guard live["immutable"] == true else { return [] }
        var causes: [Cause] = []
        if object["immutable"] != true {
            causes.append(.forbidden("immutable", "field is immutable when `immutable` is set"))
        }
        for name in ["data", "binaryData"] where live[name] != object[name] {
            causes.append(.forbidden(name, "field is immutable when `immutable` is set"))
        }
        return causes
    }
}
