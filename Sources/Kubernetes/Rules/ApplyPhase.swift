/// The order in which the objects of a release are applied. Objects of one phase do not need one another.
///
/// Services belong to the rest, after the workloads: a Service whose ports or selector change must not point to pods
/// that are not asked for yet, least of all for as long as the Job before the rollout runs. On a first deploy it is
/// there before the first image has been pulled.
public enum ApplyPhase: Int, Sendable, Hashable, Comparable, CaseIterable, Codable {
    case namespaces
    /// CustomResourceDefinitions: the kinds they define are known only once they are established.
    case definitions
    /// What pods refer to: accounts, rights, ConfigMaps, Secrets, volume claims, quotas, network policies, classes.
    case configuration
    case workloads
    case rest

    public static func < (first: Self, second: Self) -> Bool { first.rawValue < second.rawValue }

    public init(of kind: GroupKind) {
        self =
            switch (kind.group, kind.kind) {
            case ("", "Namespace"): .namespaces
            case ("apiextensions.k8s.io", "CustomResourceDefinition"): .definitions
            case ("", "ServiceAccount"), ("", "ConfigMap"), ("", "Secret"), ("", "PersistentVolume"),
                ("", "PersistentVolumeClaim"), ("", "LimitRange"), ("", "ResourceQuota"),
                ("rbac.authorization.k8s.io", _), ("storage.k8s.io", _), ("scheduling.k8s.io", _), ("node.k8s.io", _),
                ("networking.k8s.io", "NetworkPolicy"), ("networking.k8s.io", "IngressClass"),
                ("gateway.networking.k8s.io", "GatewayClass"):
                .configuration
            default: PodTemplate.specification(of: kind) == nil ? .rest : .workloads
            }
    }

    /// The phases that have objects, in their order; within a phase the order of the manifests.
    public static func order(_ manifests: [Manifest]) -> [(phase: ApplyPhase, manifests: [Manifest])] {
        let grouped = Dictionary(grouping: manifests) { ApplyPhase(of: $0.id.groupKind) }
        return grouped.sorted { $0.key < $1.key }.map { (phase: $0.key, manifests: $0.value) }
    }
}
