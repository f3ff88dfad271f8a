import Kubernetes

/// One resource that the API serves in one version.
struct Resource: Sendable {
    var group: String
    var version: String
    var kind: String
    var plural: String
    var isNamespaced = true
    var shortNames: [String] = []
    var categories: [String] = []
    /// `status`, `scale` and the like.
    var subresources: Set<String> = []
    /// Set for what a CustomResourceDefinition made.
    var custom: JSON?
    var shape = Shape.builtIn
    /// Whether objects count the changes of their specification.
    var hasGeneration = false

    var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }
    /// What all versions of it have in common: `deployments.apps`, `pods`.
    var key: String { group.isEmpty ? plural : "\(plural).\(group)" }
    var singular: String { kind.lowercased() }
    /// `Deployment.apps`, as messages name a kind.
    var groupKind: String { group.isEmpty ? kind : "\(kind).\(group)" }
    var isCustom: Bool { custom != nil }
}

/// What the API serves now.
struct ResourceTable {
    private(set) var all: [Resource] = ResourceTable.builtIn
    private var index: [String: Int] = [:]

    init() { reindex() }

    func find(_ group: String, _ version: String, _ plural: String) -> Resource? {
        index["\(group)/\(version)/\(plural)"].map { all[$0] }
    }

    func find(key: String) -> Resource? { all.first { $0.key == key } }

    /// Every resource once, whatever its versions.
    var keys: [String] {
        var seen: Set<String> = []
        return all.map(\.key).filter { seen.insert($0).inserted }
    }

    func find(kind: String, apiVersion: String) -> Resource? {
        all.first { $0.kind == kind && $0.apiVersion == apiVersion }
    }

    /// Groups in their order, the core's first, each with its versions.
    var groups: [(name: String, versions: [String])] {
        var result: [(name: String, versions: [String])] = []
        for resource in all {
            if let position = result.firstIndex(where: { $0.name == resource.group }) {
                if !result[position].versions.contains(resource.version) {
                    result[position].versions.append(resource.version)
                }
            } else {
                result.append((resource.group, [resource.version]))
            }
        }
        return result
    }

    mutating func replaceCustom(group: String, plural: String, with resources: [Resource]) {
        all.removeAll { $0.isCustom && $0.group == group && $0.plural == plural }
        all += resources
        reindex()
    }

    private mutating func reindex() {
        index = [:]
        for (position, resource) in all.enumerated() {
            index["\(resource.group)/\(resource.version)/\(resource.plural)"] = position
        }
    }
}

// MARK: - Built-in

extension ResourceTable {
    private static let builtIn: [Resource] =
        core + apps + batch + [
            make("autoscaling", "v2", "HorizontalPodAutoscaler", ["hpa"], subresources: ["status"]),
            make(
                "networking.k8s.io",
                "v1",
                "Ingress",
                "ingresses",
                ["ing"],
                subresources: ["status"],
                generation: true
            ),
            make("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", ["netpol"], generation: true),
            make("networking.k8s.io", "v1", "IngressClass", "ingressclasses", isNamespaced: false, generation: true),
            make("policy", "v1", "PodDisruptionBudget", ["pdb"], subresources: ["status"], generation: true),
            make("rbac.authorization.k8s.io", "v1", "Role"),
            make("rbac.authorization.k8s.io", "v1", "RoleBinding"),
            make("rbac.authorization.k8s.io", "v1", "ClusterRole", isNamespaced: false),
            make("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", isNamespaced: false),
            make("storage.k8s.io", "v1", "StorageClass", "storageclasses", ["sc"], isNamespaced: false),
            make("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", ["pc"], isNamespaced: false),
            make("coordination.k8s.io", "v1", "Lease"),
            make(
                "apiextensions.k8s.io",
                "v1",
                "CustomResourceDefinition",
                ["crd", "crds"],
                isNamespaced: false,
                subresources: ["status"],
                generation: true
            ),
            make(
                "apiregistration.k8s.io",
                "v1",
                "APIService",
                isNamespaced: false,
                subresources: ["status"]
            ),
        ]

    private static let core: [Resource] = [
        make("", "v1", "Namespace", ["ns"], isNamespaced: false, subresources: ["status", "finalize"]),
        make("", "v1", "ConfigMap", ["cm"]),
        make("", "v1", "Secret"),
        serviceAccount,
        make("", "v1", "Service", ["svc"], subresources: ["status"], inAll: true),
        make("", "v1", "Pod", ["po"], subresources: ["status", "log"], inAll: true, generation: true),
        make("", "v1", "PersistentVolumeClaim", ["pvc"], subresources: ["status"]),
        make("", "v1", "PersistentVolume", ["pv"], isNamespaced: false, subresources: ["status"]),
        make("", "v1", "ResourceQuota", ["quota"], subresources: ["status"]),
        make("", "v1", "LimitRange", ["limits"]),
        make("", "v1", "Node", ["no"], isNamespaced: false, subresources: ["status"]),
        make("", "v1", "Event", ["ev"]),
    ]

    /// Its list of pull secrets is one field, unlike a pod's.
    private static let serviceAccount: Resource = {
        var resource = make("", "v1", "ServiceAccount", ["sa"])
        let secrets = Shape.keyed(["name"], of: .atomic)
        resource.shape = .structure(["metadata": .builtIn, "secrets": secrets, "imagePullSecrets": .atomic])
        return resource
    }()

    private static let apps: [Resource] = [
        make("apps", "v1", "Deployment", ["deploy"], subresources: ["status", "scale"], inAll: true, generation: true),
        make("apps", "v1", "ReplicaSet", ["rs"], subresources: ["status", "scale"], inAll: true, generation: true),
        make("apps", "v1", "StatefulSet", ["sts"], subresources: ["status", "scale"], inAll: true, generation: true),
        make("apps", "v1", "DaemonSet", ["ds"], subresources: ["status"], inAll: true, generation: true),
        make("apps", "v1", "ControllerRevision"),
    ]

    private static let batch: [Resource] = [
        make("batch", "v1", "Job", subresources: ["status"], inAll: true, generation: true),
        make("batch", "v1", "CronJob", ["cj"], subresources: ["status"], inAll: true, generation: true),
    ]

    private static func make(
        _ group: String,
        _ version: String,
        _ kind: String,
        _ plural: String? = nil,
        _ shortNames: [String] = [],
        isNamespaced: Bool = true,
        subresources: Set<String> = [],
        inAll: Bool = false,
        generation: Bool = false
    ) -> Resource {
        Resource(
            group: group,
            version: version,
            kind: kind,
            plural: plural ?? kind.lowercased() + "s",
            isNamespaced: isNamespaced,
            shortNames: shortNames,
            categories: inAll ? ["all"] : [],
            subresources: subresources,
            hasGeneration: generation
        )
    }

    private static func make(
        _ group: String,
        _ version: String,
        _ kind: String,
        _ shortNames: [String],
        isNamespaced: Bool = true,
        subresources: Set<String> = [],
        inAll: Bool = false,
        generation: Bool = false
    ) -> Resource {
        make(
            group,
            version,
            kind,
            nil,
            shortNames,
            isNamespaced: isNamespaced,
            subresources: subresources,
            inAll: inAll,
            generation: generation
        )
    }
}
