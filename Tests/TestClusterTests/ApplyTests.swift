import Kubernetes
import TestCluster
import Testing

/// Server-side apply, by the rules of Kubernetes' documentation and KEP-555.
@Suite struct ApplyTests {
    @Test func `An apply creates, and applying the same again changes nothing`() async throws {
        let api = try API()
        let first = try await api.apply(Sample.deployment(), as: "fairlead")
        #expect(first.status == 201)
        #expect(first.json.generation == 1)
        let second = try await api.apply(Sample.deployment(), as: "fairlead")
        #expect(second.status == 200)
        #expect(second.json.uid == first.json.uid)
        #expect(second.json.generation == 1)
    }

    @Test func `Two managers: equal values are shared, others conflict, force takes over`() async throws {
        let api = try API()
        #expect(try await api.apply(Sample.deployment(replicas: 2), as: "a").status == 201)
        #expect(try await api.apply(Sample.deployment(replicas: 2), as: "b").status == 200)
        let refused = try await api.apply(Sample.deployment(replicas: 3), as: "b")
        #expect(refused.status == 409)
        #expect(refused.message == #"Apply failed with 1 conflict: conflict with "a": .spec.replicas"#)
        let cause = refused.json[["details", "causes"]]?.items.first
        #expect(cause?["reason"] == "FieldManagerConflict")
        #expect(cause?["message"] == #"conflict with "a""#)
        #expect(cause?["field"] == ".spec.replicas")
        let forced = try await api.apply(Sample.deployment(replicas: 3), as: "b", "&force=true")
        #expect(forced.status == 200)
        #expect(forced.json[["spec", "replicas"]] == 3)
        #expect(forced.json.generation == 2)
        #expect(!owns(forced.json, "a", ["f:spec", "f:replicas"]))
        #expect(owns(forced.json, "b", ["f:spec", "f:replicas"]))
        #expect(owns(forced.json, "a", ["f:spec", "f:selector"]))
    }

    @Test func `A field that its only owner no longer applies goes, a shared one stays`() async throws {
        let api = try API()
        _ = try await api.apply(Sample.configMap(data: ["a": "1", "b": "2", "c": "3"]), as: "x")
        _ = try await api.apply(Sample.configMap(data: ["b": "2"]), as: "y")
        let after = try await api.apply(Sample.configMap(data: ["a": "1"]), as: "x")
        #expect(after.json["data"] == ["a": "1", "b": "2"])
        #expect(!owns(after.json, "x", ["f:data", "f:b"]))
    }

    @Test func `Replicas that an autoscaler owns stay when the applier leaves them out`() async throws {
        let api = try API()
        _ = try await api.apply(Sample.deployment(replicas: 1), as: "fairlead")
        let scale: JSON = ["spec": ["replicas": 5]]
        let scaled = try await api.merge("/apis/apps/v1/namespaces/default/deployments/web/scale", scale, as: "hpa")
        #expect(scaled.status == 200)
        let refused = try await api.apply(Sample.deployment(replicas: 1), as: "fairlead")
        #expect(
            refused.message.hasSuffix(#"conflict with "hpa" with subresource "scale" using apps/v1: .spec.replicas"#)
        )
        let without = try await api.apply(Sample.deployment(replicas: nil), as: "fairlead")
        #expect(without.status == 200)
        #expect(without.json[["spec", "replicas"]] == 5)
    }

    @Test func `Replicas that nobody owns any more go back to the default`() async throws {
        let api = try API()
        _ = try await api.apply(Sample.deployment(replicas: 4), as: "fairlead")
        let after = try await api.apply(Sample.deployment(replicas: nil), as: "fairlead")
        #expect(after.json[["spec", "replicas"]] == 1)
    }

    @Test func `Items of associative lists are owned one by one`() async throws {
        let api = try API()
        _ = try await api.apply(Sample.deployment(), as: "fairlead")
        var sidecar = Sample.deployment()
        sidecar.set(
            ["spec", "template", "spec", "containers"],
            [["name": "proxy", "image": "registry.test/proxy:1", "ports": [["containerPort": 15001]]]]
        )
        sidecar.set(["spec", "replicas"], nil)
        let injected = try await api.apply(sidecar, as: "mesh")
        #expect(injected.status == 200)
        #expect(names(injected.json) == ["web", "proxy"])
        let path = ["f:spec", "f:template", "f:spec", "f:containers", #"k:{"name":"proxy"}"#, "f:ports"]
        #expect(owns(injected.json, "mesh", path + [#"k:{"containerPort":15001,"protocol":"TCP"}"#]))
        let again = try await api.apply(Sample.deployment(image: "registry.test/web:2"), as: "fairlead")
        #expect(names(again.json) == ["web", "proxy"])
        sidecar.set(["spec", "template", "spec", "containers"], nil)
        #expect(names(try await api.apply(sidecar, as: "mesh").json) == ["web"])
    }

    @Test func `A label selector is one field`() async throws {
        let api = try API()
        let service: JSON = [
            "apiVersion": "v1", "kind": "Service", "metadata": ["name": "web"],
            "spec": ["selector": ["app": "web"], "ports": [["port": 80]]],
        ]
        _ = try await api.apply(service, as: "a")
        var other = service
        other.set(["spec", "selector"], ["app": "web", "tier": "front"])
        let refused = try await api.apply(other, as: "b")
        #expect(refused.json[["details", "causes"]]?.items.first?["field"] == ".spec.selector")
    }

    @Test func `A plain write takes the fields it changes, and a conflict names it with its version`() async throws {
        let api = try API()
        _ = try await api.apply(Sample.configMap(data: ["a": "1"]), as: "fairlead")
        let path = "/api/v1/namespaces/default/configmaps/settings"
        let edited = try await api.merge(path, ["data": ["a": "2"]], as: "kubectl-edit")
        #expect(!owns(edited.json, "fairlead", ["f:data", "f:a"]))
        #expect(owns(edited.json, "kubectl-edit", ["f:data", "f:a"]))
        let refused = try await api.apply(Sample.configMap(data: ["a": "1"]), as: "fairlead")
        let cause = refused.json[["details", "causes"]]?.items.first
        #expect(cause?["message"] == #"conflict with "kubectl-edit" using v1"#)
        #expect(cause?["field"] == ".data.a")
    }

    @Test func `Several conflicts are listed by their managers`() async throws {
        let api = try API()
        _ = try await api.apply(Sample.configMap(data: ["a": "1", "b": "1"]), as: "x")
        let refused = try await api.apply(Sample.configMap(data: ["a": "2", "b": "2"]), as: "y")
        #expect(refused.message == "Apply failed with 2 conflicts: conflicts with \"x\":\n- .data.a\n- .data.b")
    }

    @Test func `A dry run answers what would be and keeps nothing`() async throws {
        let api = try API()
        let dry = try await api.apply(Sample.configMap(data: ["a": "1"]), as: "x", "&dryRun=All")
        #expect(dry.status == 201)
        #expect(dry.json["data"] == ["a": "1"])
        #expect(api.cluster.object("v1", "ConfigMap", "default", "settings") == nil)
        let conflict = try await api.send("PATCH", "/api/v1/namespaces/default/configmaps/settings?dryRun=Some", [:])
        #expect(conflict.status == 422)
    }

    @Test func `An apply without a manager is refused`() async throws {
        let api = try API()
        let path = "/api/v1/namespaces/default/configmaps/settings"
        let answer = try await api.send(
            "PATCH",
            path,
            Sample.configMap(data: [:]),
            type: "application/apply-patch+yaml"
        )
        #expect(answer.status == 422)
        #expect(answer.message.contains("fieldManager"))
    }

    private func names(_ object: JSON) -> [String] {
        (object[["spec", "template", "spec", "containers"]]?.items ?? []).compactMap { $0["name"]?.string }
    }

    private func owns(_ object: JSON, _ manager: String, _ path: [String]) -> Bool {
        (object[["metadata", "managedFields"]]?.items ?? []).contains {
            $0["manager"]?.string == manager && $0["fieldsV1"]?[path] != nil
        }
    }
}
