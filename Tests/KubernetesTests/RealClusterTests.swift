import Foundation
import Testing

@testable import Kubernetes

private let kubeconfig = ProcessInfo.processInfo.environment["FAIRLEAD_TEST_KUBECONFIG"]

/// Against a real API server, where there is one to write to: `FAIRLEAD_TEST_KUBECONFIG=… swift test --filter
/// RealCluster`. Everything happens in a namespace of its own.
@Suite(.enabled(if: kubeconfig != nil, "FAIRLEAD_TEST_KUBECONFIG is not set"), .timeLimit(.minutes(2)))
struct RealClusterTests {
    private let cluster: Cluster
    private let namespace = "fairlead-test-\(UInt32.random(in: 0...UInt32.max))"

    init() throws {
        cluster = Cluster(try ClusterAccess(kubeconfigFile: kubeconfig ?? ""))
    }

    @Test func `What it is and what it has`() async throws {
        #expect(try await cluster.version().major == 1)
        let deployment = try await cluster.resource(apiVersion: "apps/v1", kind: "Deployment")
        #expect(deployment.plural == "deployments" && deployment.subresources.contains("scale"))
        #expect(try await cluster.resource(group: "", kind: "Pod").apiVersion == "v1")
        #expect(try await cluster.resources().count > 30)
        let question = AccessQuestion("patch", group: "apps", resource: "deployments", namespace: namespace)
        #expect(try await cluster.may([question]) == [question: true])
    }

    @Test func `Apply, conflict, force, dry run, and what is not allowed`() async throws {
        try await inNamespace {
            var object = deployment("web")
            #expect(try await cluster.apply(object, ApplyOptions(dryRun: true)).name == "web")
            #expect(try await cluster.get(object.id) == nil)
            let made = try await cluster.apply(object)
            #expect(made.generation == 1)

            let other = ApplyOptions(manager: "somebody")
            object.set(["spec", "replicas"], 3)
            let conflict = await expectFailure(.conflict) { [object] in try await cluster.apply(object, other) }
            #expect(conflict?.conflicts == [.init(manager: "fairlead", field: ".spec.replicas")])
            let taken = try await cluster.apply(object, ApplyOptions(manager: "somebody", force: true))
            #expect(taken[["spec", "replicas"]]?.integer == 3)

            object.set(["spec", "selector", "matchLabels", "app"], "other")
            object.set(["spec", "template", "metadata", "labels", "app"], "other")
            let force = ApplyOptions(force: true)
            let immutable = await expectFailure(.invalid) { [object] in try await cluster.apply(object, force) }
            #expect(immutable?.isImmutableField == true)

            object.set(["spec", "replica"], 3)
            await expectFailure(.invalid) { [object] in try await cluster.apply(object, force) }
            await expectFailure(.alreadyExists) { try await cluster.create(deployment("web")) }
            await expectFailure(.unknownKind) {
                try await cluster.get(ObjectID(apiVersion: "apps/v1", kind: "Deploiment", namespace: "x", name: "y"))
            }
            await expectFailure(.conflict) { try await cluster.delete(made.id, uid: "another") }
            #expect(try await cluster.delete(made.id, uid: made.uid))
            #expect(try await cluster.delete(made.id) == false)
        }
    }

    @Test func `Changes are observed, from a list on`() async throws {
        try await inNamespace {
            try await cluster.apply(configMap("a", "1"))
            let query = ObjectQuery(
                apiVersion: "v1",
                kind: "ConfigMap",
                namespace: namespace,
                labelSelector: "observed=yes"
            )
            var seen: [String] = []
            for try await change in cluster.observe(query) {
                switch change {
                case .listed(let objects):
                    seen.append("=" + objects.map(\.name).joined(separator: " "))
                    try await cluster.apply(configMap("a", "2"))
                case .changed(let object):
                    seen.append("~\(object.kind) \(object.name) \(object[["data", "value"]]?.string ?? "")")
                    try await cluster.delete(object.id)
                case .removed(let object): seen.append("-\(object.name)")
                }
                if seen.count == 3 { break }
            }
            #expect(seen == ["=a", "~ConfigMap a 2", "-a"])
        }
    }

    @Test func `Many at once, pages, and one by its name`() async throws {
        try await inNamespace {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<25 { group.addTask { try await cluster.apply(configMap("c\(number)", "x")) } }
                try await group.waitForAll()
            }
            var small = cluster
            small.limits.pageSize = 10
            let query = ObjectQuery(
                apiVersion: "v1",
                kind: "ConfigMap",
                namespace: namespace,
                labelSelector: "observed"
            )
            let list = try await small.list(query)
            #expect(Set(list.items.map(\.name)).count == 25 && list.items.allSatisfy { $0.kind == "ConfigMap" })
            let one = try await cluster.list(ObjectQuery(configMap("c7", "x").id))
            #expect(one.items.map(\.name) == ["c7"])
        }
    }

    private func inNamespace(_ body: () async throws -> Void) async throws {
        let object: JSON = ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(namespace)]]
        try await cluster.apply(object)
        do {
            try await body()
        } catch {
            try await cluster.delete(object.id)
            throw error
        }
        try await cluster.delete(object.id)
    }

    private func configMap(_ name: String, _ value: String) -> JSON {
        [
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": ["name": .string(name), "namespace": .string(namespace), "labels": ["observed": "yes"]],
            "data": ["value": .string(value)],
        ]
    }

    private func deployment(_ name: String) -> JSON {
        [
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": ["name": .string(name), "namespace": .string(namespace)],
            "spec": [
                "replicas": 1, "selector": ["matchLabels": ["app": "web"]],
                "template": [
                    "metadata": ["labels": ["app": "web"]],
                    "spec": ["containers": [["name": "web", "image": "registry.example/web:1"]]],
                ],
            ],
        ]
    }
}
