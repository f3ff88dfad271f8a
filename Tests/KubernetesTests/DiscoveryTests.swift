import Testing

@testable import Kubernetes

@Suite(.timeLimit(.minutes(1))) struct DiscoveryTests {
    @Test func `Old clusters tell their kinds group by group`() async throws {
        let api = try ScriptedAPI { _, _ in .close }
        let cluster = try api.cluster()
        let deployment = try await cluster.resource(apiVersion: "apps/v1", kind: "Deployment")
        #expect(deployment.plural == "deployments" && deployment.isNamespaced && deployment.subresources == ["scale"])
        #expect(try await cluster.resource(apiVersion: "v1", kind: "Namespace").isNamespaced == false)
        #expect(try await cluster.resource(group: "apps", kind: "Deployment") == deployment)
        #expect(try await cluster.resources().count == 4)
        #expect(api.connectionCount <= 2)
    }

    @Test func `An unknown kind is looked for again, but not at once`() async throws {
        let api = try ScriptedAPI { _, _ in .close }
        let cluster = try api.cluster()
        let error = await expectFailure(.unknownKind) {
            try await cluster.resource(apiVersion: "apps/v1beta1", kind: "Deployment")
        }
        #expect(error?.message.contains("it has Deployment as apps/v1") == true)
        await expectFailure(.unknownKind) { try await cluster.resource(apiVersion: "x/v1", kind: "Deploiment") }
        #expect(api.asked("/apis") == 1)
        var impatient = cluster
        impatient.limits.discoveryInterval = .zero
        await expectFailure(.unknownKind) { [impatient] in try await impatient.resource(apiVersion: "x/v1", kind: "X") }
        #expect(api.asked("/apis") == 2)
        try await cluster.refreshResources()
        #expect(api.asked("/apis") == 3)
    }

    @Test func `Many who ask at once are one question`() async throws {
        let api = try ScriptedAPI { _, _ in .close }
        let cluster = try api.cluster()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 { group.addTask { _ = try await cluster.resource(apiVersion: "v1", kind: "Pod") } }
            try await group.waitForAll()
        }
        #expect(api.asked("/apis") == 1)
    }

    @Test func `New clusters tell all in two documents`() throws {
        let text = #"""
            {"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":[
            {"metadata":{"name":"autoscaling"},"versions":[
              {"version":"v2","freshness":"Current","resources":[
                {"resource":"horizontalpodautoscalers","scope":"Namespaced","verbs":["get","patch"],
                 "responseKind":{"group":"autoscaling","version":"v2","kind":"HorizontalPodAutoscaler"},
                 "subresources":[{"subresource":"status","verbs":["get"]}]},
                {"resource":"oddities","scope":"Cluster","verbs":[],"responseKind":null}]},
              {"version":"v1","resources":[
                {"resource":"horizontalpodautoscalers","scope":"Namespaced","verbs":["get"],
                 "responseKind":{"group":"autoscaling","version":"v1","kind":"HorizontalPodAutoscaler"}}]}]},
            {"metadata":{"name":"metrics.k8s.io"},"versions":[{"version":"v1beta1","freshness":"Stale"}]}]}
            """#
        var catalogue = Catalogue()
        catalogue.add(aggregated: try JSON(parsing: Array(text.utf8)))
        #expect(
            catalogue.preferred(group: "autoscaling", kind: "HorizontalPodAutoscaler")
                == APIResource(
                    group: "autoscaling",
                    version: "v2",
                    kind: "HorizontalPodAutoscaler",
                    plural: "horizontalpodautoscalers",
                    isNamespaced: true,
                    verbs: ["get", "patch"],
                    subresources: ["status"]
                )
        )
        #expect(catalogue["autoscaling/v1", "HorizontalPodAutoscaler"]?.verbs == ["get"])
        #expect(catalogue.resources.count == 2)
        #expect(catalogue.error(apiVersion: "metrics.k8s.io/v1beta1", kind: "PodMetrics").code == .serverError)
        #expect(catalogue.error(apiVersion: "metrics.k8s.io/v1", kind: "PodMetrics").code == .unknownKind)
    }

    @Test func `A group whose server is down does not hide the others`() async throws {
        let api = try ScriptedAPI(
            extraKinds: [
                "/apis": """
                {"kind":"APIGroupList","groups":[{"name":"metrics.k8s.io","versions":[{"version":"v1beta1"}]},
                {"name":"apps","versions":[{"version":"v1"}]}]}
                """
            ]
        ) { _, _ in .json(statusObject(503, "ServiceUnavailable"), status: "503 Service Unavailable") }
        // Longer than the deadline: no second try.
        let cluster = try api.cluster { $0.firstPause = .seconds(200) }
        #expect(try await cluster.resource(apiVersion: "apps/v1", kind: "Deployment").plural == "deployments")
        let error = await expectFailure(.serverError) {
            try await cluster.resource(apiVersion: "metrics.k8s.io/v1beta1", kind: "PodMetrics")
        }
        #expect(error?.message.contains("does not answer") == true)
    }
}
