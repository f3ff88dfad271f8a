/// Which kinds a pipeline may touch.
public struct KindList: Sendable, Hashable {
    /// `Deployment.apps`, `ConfigMap`; `*.kafka.strimzi.io` for every kind of a group, `*` for every kind there is.
    public let patterns: [String]

    /// - Returns: nil if a pattern is not of these forms.
    public init?(_ patterns: [String]) {
        guard patterns.allSatisfy({ $0 == "*" || GroupKind($0[...]) != nil }) else { return nil }
        self.patterns = patterns
    }

    private init(fixed patterns: [String]) { self.patterns = patterns }

    /// Kinds of a namespace that make up an application. Nothing that gives rights, nothing of the cluster's.
    public static let standard = KindList(fixed: [
        "ConfigMap", "Secret", "Service", "ServiceAccount", "PersistentVolumeClaim", "Pod",
        "Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "ReplicaSet.apps", "Job.batch", "CronJob.batch",
        "HorizontalPodAutoscaler.autoscaling", "PodDisruptionBudget.policy",
        "Ingress.networking.k8s.io", "NetworkPolicy.networking.k8s.io",
        "HTTPRoute.gateway.networking.k8s.io", "GRPCRoute.gateway.networking.k8s.io",
    ])

    public func contains(_ kind: GroupKind) -> Bool {
        patterns.contains { pattern in
            pattern == "*" || pattern == kind.description || pattern == "*.\(kind.group)"
        }
    }
}
