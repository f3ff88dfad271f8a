import Kubernetes
import TestCluster
import Testing

/// What is said when the time is over: which objects were waited for, and what they lacked.
@Suite(.timeLimit(.minutes(2))) struct DeadlineTests {
    private func sentence(
        _ stage: Stage,
        _ release: Release,
        within time: Duration = .seconds(4),
        _ record: Stage.Record = Stage.Record()
    ) async throws -> String {
        var options = RolloutOptions()
        options.writeGrace = .milliseconds(100)
        let error = await #expect(throws: RolloutFailure.self) {
            _ = try await stage.run(release, options, within: time, record)
        }
        #expect(error?.code == .deadline)
        return error?.message ?? ""
    }

    @Test func `every object that is not ready is named, a handful at most`() async throws {
        var options = ClusterOptions()
        options.images["registry.test/web"] = ImageBehaviour(.unschedulable)
        options.loadBalancerDelay = nil
        let stage = try await Venue.simulated.stage(options)
        let service: JSON = [
            "apiVersion": "v1", "kind": "Service", "metadata": ["name": "front"],
            "spec": ["type": "LoadBalancer", "selector": ["app": "web"], "ports": [["port": 80]]],
        ]
        let objects = (1...6).map { stage.deployment("web-\($0)", image: "registry.test/web", replicas: 1) }
        let said = try await sentence(stage, stage.release([service] + objects))
        #expect(said.hasPrefix("not ready when the time was over: "))
        #expect(said.contains("Deployment web-1: 0 of 1 updated replicas available; "), "\(said)")
        #expect(said.contains("Deployment web-2: 0 of 1 updated replicas available; "), "\(said)")
        #expect(said.hasSuffix("; and 2 more"))
        let few = try await sentence(stage, stage.release([service]), within: .seconds(3))
        #expect(few == "not ready when the time was over: Service front: waits for the load balancer's address")
        await stage.leave()
    }

    @Test func `the Job before the rollout is named, and what it wrote is shown`() async throws {
        var options = ClusterOptions()
        options.readyDelay = .seconds(600)
        options.images["registry.test/migrate"] = ImageBehaviour(.exits(0), log: "waiting for a lock\n")
        let stage = try await Venue.simulated.stage(options)
        let job: JSON = [
            "apiVersion": "batch/v1", "kind": "Job", "metadata": ["name": "migrate"],
            "spec": [
                "template": [
                    "spec": [
                        "restartPolicy": "Never",
                        "containers": [["name": "migrate", "image": "registry.test/migrate"]],
                    ]
                ]
            ],
        ]
        let release = stage.release([stage.deployment("web", image: "registry.test/web")], name: "7", before: job)
        let record = Stage.Record()
        let said = try await sentence(stage, release, record)
        let words = "not ready when the time was over: Job migrate-7: 0 of 1 completed, 1 running, 0 failed"
        #expect(said == words)
        #expect(record.lines.contains { $0.hasSuffix("| waiting for a lock") }, "\(record.lines)")
        #expect(try await stage.get("Deployment", "web", "apps/v1") == nil)
        await stage.leave()
    }

    @Test func `a definition that is never established is named`() async throws {
        var options = ClusterOptions()
        options.establishDelay = .seconds(600)
        let stage = try await Venue.simulated.stage(options)
        let definition: JSON = [
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": ["name": "widgets.example.org"],
            "spec": [
                "group": "example.org", "scope": "Namespaced", "names": ["kind": "Widget", "plural": "widgets"],
                "versions": [
                    [
                        "name": "v1", "served": true, "storage": true,
                        "schema": [
                            "openAPIV3Schema": ["type": "object", "x-kubernetes-preserve-unknown-fields": true]
                        ],
                    ]
                ],
            ],
        ]
        let said = try await sentence(stage, stage.release([definition]))
        let words = "CustomResourceDefinition widgets.example.org: waits to be established"
        #expect(said == "not ready when the time was over: \(words)")
        await stage.leave()
    }

    @Test(arguments: Venue.available)
    func `an object that is still being deleted is named with what holds it`(_ venue: Venue) async throws {
        let stage = try await venue.stage()
        var held = stage.configMap("held", ["a": "1"])
        held.set(["metadata", "finalizers"], ["example.org/hold"])
        try await stage.cluster.apply(held)
        try await stage.cluster.delete(held.id)
        let said = try await sentence(stage, stage.release([held, stage.configMap("free", [:])]))
        let begin =
            "not applied when the time was over: ConfigMap held is being deleted, held by finalizer example.org/hold:"
        #expect(said.hasPrefix(begin), "\(said)")
        try await stage.cluster.patch(held.id, .merge(["metadata": ["finalizers": nil]]))
        await stage.leave()
    }

    @Test func `an object of which the cluster says nothing is named`() async throws {
        let stage = try await Venue.simulated.stage()
        stage.server?.order(Fault(.silence, "PATCH", "/configmaps/c", times: 100))
        let said = try await sentence(stage, stage.release([stage.configMap("c", [:])]))
        #expect(said == "not applied when the time was over: ConfigMap c waits for the cluster's answer")
        stage.server?.clearFaults()
        await stage.leave()
    }
}
