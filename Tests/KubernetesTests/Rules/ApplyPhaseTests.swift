import Kubernetes
import Testing

@Suite struct ApplyPhaseTests {
    @Test
    func `namespaces, definitions, configuration, workloads, the rest; within a phase the order of the manifests`() {
        let kinds = [
            ("v1", "Service"), ("apps/v1", "Deployment"), ("v1", "Secret"), ("kafka.strimzi.io/v1", "Kafka"),
            ("v1", "Namespace"),
            ("batch/v1", "CronJob"), ("apiextensions.k8s.io/v1", "CustomResourceDefinition"), ("v1", "ConfigMap"),
            ("rbac.authorization.k8s.io/v1", "Role"), ("networking.k8s.io/v1", "NetworkPolicy"),
            ("networking.k8s.io/v1", "Ingress"), ("policy/v1", "PodDisruptionBudget"), ("v1", "PersistentVolumeClaim"),
        ]
        let manifests = kinds.map { version, kind in
            Manifest(["apiVersion": .string(version), "kind": .string(kind), "metadata": ["name": "x"]], source: "")
        }
        let order = ApplyPhase.order(manifests).map { ($0.phase, $0.manifests.map(\.object.kind)) }
        #expect(order.map(\.0) == ApplyPhase.allCases)
        #expect(
            order.map(\.1) == [
                ["Namespace"], ["CustomResourceDefinition"],
                ["Secret", "ConfigMap", "Role", "NetworkPolicy", "PersistentVolumeClaim"], ["Deployment", "CronJob"],
                ["Service", "Kafka", "Ingress", "PodDisruptionBudget"],
            ]
        )
    }
}
