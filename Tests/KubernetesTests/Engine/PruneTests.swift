import Kubernetes
import Testing

@Suite(.timeLimit(.minutes(2))) struct PruneTests {
    func claim(_ name: String) -> JSON {
        [
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": ["name": .string(name)],
            "spec": ["accessModes": ["ReadWriteOnce"], "resources": ["requests": ["storage": "1Gi"]]],
        ]
    }

    @Test(arguments: Venue.available)
    func `what a release no longer has goes, data and what says so stays`(_ venue: Venue) async throws {
        let stage = try await venue.stage()
        let set = ApplySet(pipeline: "todo", namespace: stage.namespace)
        var disabled = stage.configMap("kept", [:])
        disabled.set(["metadata", "annotations", "fairlead.dev/prune"], "disabled")
        let account: JSON = ["apiVersion": "v1", "kind": "ServiceAccount", "metadata": ["name": "old"]]
        let all = [stage.configMap("a", [:]), stage.configMap("b", [:]), disabled, account]
        _ = try await stage.run(stage.release(all, set: set))
        // Not through the rollout, which would wait for its volume.
        var data = claim("data")
        data.set(["metadata", "namespace"], .string(stage.namespace))
        try await stage.cluster.apply(set.mark(data, isMember: true))
        try await stage.cluster.apply(
            set.holding(all.map(\.id) + [data.id]).manifest
        )
        try await stage.cluster.apply(stage.configMap("somebody-elses", [:]), ApplyOptions(manager: "other"))

        let release = stage.release([stage.configMap("a", [:])], name: "2", set: set)
        let plan = try await Plan(stage.cluster, release)
        let expected = [
            "- ServiceAccount old", "- ConfigMap b", "= ConfigMap kept has the annotation fairlead.dev/prune: disabled",
            "= PersistentVolumeClaim data would take data with it; the annotation fairlead.dev/prune: enabled lets it go",
        ]
        #expect(Set(plan.prune.map(\.line)) == Set(expected))
        _ = try await stage.run(release)
        let gone = try await Prune(stage.cluster, set, keeping: release.ids).run(until: .now + .seconds(10)) { _ in }
        #expect(Set(gone.map(\.description)) == ["ServiceAccount old", "ConfigMap b"])
        for (kind, name, isThere) in [
            ("ConfigMap", "a", true), ("ConfigMap", "b", false), ("ConfigMap", "kept", true),
            ("ServiceAccount", "old", false),
            ("ConfigMap", "somebody-elses", true), ("PersistentVolumeClaim", "data", true),
        ] {
            #expect((try await stage.get(kind, name) != nil) == isThere, "\(kind) \(name)")
        }
        let parent = try #require(try await stage.cluster.get(set.parent))
        #expect(ApplySet(parent: parent)?.kinds == [GroupKind("ConfigMap"), GroupKind("PersistentVolumeClaim")])
        await stage.leave()
    }

    @Test(arguments: Venue.available)
    func `a set that another tool looks after is not touched`(_ venue: Venue) async throws {
        let stage = try await venue.stage()
        let set = ApplySet(pipeline: "todo", namespace: stage.namespace)
        var parent = set.manifest
        parent.set(["metadata", "annotations", "applyset.kubernetes.io/tooling"], "kubectl/v1.34.0")
        try await stage.cluster.apply(parent, ApplyOptions(manager: "kubectl-applyset"))
        let error = await #expect(throws: RolloutFailure.self) {
            _ = try await stage.run(stage.release([stage.configMap("a", [:])], set: set))
        }
        #expect(error?.message.contains("kubectl/v1.34.0 looks after") == true)
        #expect(try await stage.get("ConfigMap", "a") == nil)
        await stage.leave()
    }
}
