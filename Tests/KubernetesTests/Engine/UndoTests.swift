import Kubernetes
import TestCluster
import Testing

@Suite(.timeLimit(.minutes(2))) struct UndoTests {
    /// Six objects: three that are there already, and three that are new.
    func objects(_ stage: Stage, isNew: Bool) -> [JSON] {
        let secret: JSON = [
            "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "s"],
            "data": isNew ? ["password": "bmV3", "key": "aw=="] : ["password": "b2xk"],
        ]
        let service: JSON = [
            "apiVersion": "v1", "kind": "Service", "metadata": ["name": "web", "labels": isNew ? ["tier": "b"] : [:]],
            "spec": ["selector": ["app": "web"], "ports": [["port": 80, "targetPort": isNew ? 8080 : 80]]],
        ]
        let old = [
            stage.configMap("c", isNew ? ["a": "2", "c": "3"] : ["a": "1", "b": "1"]), secret, service,
        ]
        let account: JSON = ["apiVersion": "v1", "kind": "ServiceAccount", "metadata": ["name": "n"]]
        let disruption: JSON = [
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": ["name": "n"],
            "spec": ["maxUnavailable": 1, "selector": ["matchLabels": ["app": "web"]]],
        ]
        return isNew ? old + [account, stage.configMap("n", ["x": "y"]), disruption] : old
    }

    /// One that a server refuses.
    static let broken: JSON = [
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "broken", "labels": ["x": "not valid!"]],
    ]

    @Test(arguments: Venue.available, 0...6)
    func `what was done before the failure at object k is taken back, for every k`(_ venue: Venue, _ k: Int)
        async throws
    {
        let stage = try await venue.stage()
        let set = ApplySet(pipeline: "todo", namespace: stage.namespace)
        _ = try await stage.run(stage.release(objects(stage, isNew: false), set: set))
        let ids =
            objects(stage, isNew: true).map { object in stage.id(object.kind, object.name, object.apiVersion) } + [
                set.parent
            ]
        var before: [JSON?] = []
        for id in ids { before.append(try await stage.cluster.get(id)) }

        // One object at a time, so that k objects have been touched.
        var failing = ApplyPhase.order(objects(stage, isNew: true).map { Manifest($0, source: "") }).flatMap(
            \.manifests
        ).map(\.object)
        var broken = Self.broken
        let kind = k < failing.count ? failing[k] : failing[failing.count - 1]
        broken.set(["apiVersion"], .string(kind.apiVersion))
        broken.set(["kind"], .string(kind.kind))
        failing.insert(broken, at: k)
        var options = RolloutOptions()
        options.width = 1
        let record = Stage.Record()
        let error = await #expect(throws: RolloutFailure.self) {
            _ = try await stage.run(stage.release(failing, name: "2", set: set), options, record)
        }
        #expect(error?.isVerdict == true)
        #expect(error?.message.hasPrefix("k8s/all.yaml:\(k + 1): \(kind.kind) broken: ") == true)
        #expect(record.entries.filter { $0.after != nil }.count == k + 1)

        let result = await stage.undo(record.entries)
        #expect(result.status == .undone, "\(result.sentence)")
        for (id, before) in zip(ids, before) {
            let after = try await stage.cluster.get(id)
            #expect(essence(after) == essence(before), "\(id)")
            #expect(owners(after) == owners(before), "\(id)")
        }
        await stage.leave()
    }

    @Test(arguments: Venue.available)
    func `what somebody else changed meanwhile is named and left`(_ venue: Venue) async throws {
        let stage = try await venue.stage()
        _ = try await stage.run(
            stage.release([
                stage.configMap("old", ["a": "1"]), stage.configMap("gone", ["a": "1"]),
                stage.configMap("other", ["a": "1"]),
            ])
        )
        let record = try await stage.run(
            stage.release([
                stage.configMap("old", ["a": "2"]), stage.configMap("gone", ["a": "2"]),
                stage.configMap("other", ["a": "2"]),
                stage.configMap("new", ["a": "2"]), stage.configMap("labelled", ["a": "2"]),
                stage.configMap("plain", ["a": "2"]),
            ])
        )
        let editor = ApplyOptions(manager: "kubectl-edit")
        for name in ["old", "new"] {
            try await stage.cluster.patch(stage.id("ConfigMap", name), .merge(["data": ["a": "mine"]]), editor)
        }
        try await stage.cluster.patch(stage.id("ConfigMap", "other"), .merge(["data": ["b": "mine"]]), editor)
        try await stage.cluster.patch(
            stage.id("ConfigMap", "labelled"),
            .merge(["metadata": ["labels": ["x": "y"]]]),
            editor
        )
        try await stage.cluster.delete(stage.id("ConfigMap", "gone"))

        let result = await stage.undo(record.entries)
        #expect(result.status == .incomplete)
        let left = result.left.map { "\($0.id) \($0.reason)" }.sorted()
        #expect(
            left == [
                "ConfigMap gone was deleted by somebody meanwhile",
                "ConfigMap labelled was changed meanwhile by kubectl-edit (metadata.labels.x)",
                "ConfigMap new was changed meanwhile by kubectl-edit (data.a)",
                "ConfigMap old was changed meanwhile by kubectl-edit (data.a)",
            ]
        )
        #expect(try await stage.get("ConfigMap", "old")?["data"] == ["a": "mine"])
        #expect(try await stage.get("ConfigMap", "new")?["data"] == ["a": "mine"])
        #expect(try await stage.get("ConfigMap", "gone") == nil)
        #expect(try await stage.get("ConfigMap", "plain") == nil)
        // Ours is put back, theirs stays.
        #expect(try await stage.get("ConfigMap", "other")?["data"] == ["a": "1", "b": "mine"])
        await stage.leave()
    }

    @Test(arguments: Venue.available)
    func `fields taken by force go back to whom they belonged, in the way that they had them`(_ venue: Venue)
        async throws
    {
        let stage = try await venue.stage()
        let id = stage.id("ConfigMap", "c")
        try await stage.cluster.create(
            stage.configMap("c", ["a": "1", "b": "1"]),
            ApplyOptions(manager: "kubectl-create")
        )
        try await stage.cluster.apply(stage.configMap("c", ["c": "1", "d": "1"]), ApplyOptions(manager: "helm"))
        try await stage.cluster.patch(id, .merge(["data": ["e": "1"]]), ApplyOptions(manager: "editor"))
        let before = try await stage.cluster.get(id)
        var options = RolloutOptions()
        options.force = true
        let record = try await stage.run(
            stage.release([stage.configMap("c", ["a": "2", "b": "1", "c": "2", "e": "2", "f": "2"])]),
            options
        )
        #expect(
            try await stage.cluster.get(id)?["data"] == ["a": "2", "b": "1", "c": "2", "d": "1", "e": "2", "f": "2"]
        )
        let result = await stage.undo(record.entries)
        #expect(result.status == .undone, "\(result.sentence)")
        let after = try await stage.cluster.get(id)
        #expect(essence(after) == essence(before))
        #expect(owners(after) == owners(before))
        await stage.leave()
    }

    @Test(arguments: Venue.available)
    func `a Deployment taken over by force is what it was, and its replicas are the autoscaler's`(_ venue: Venue)
        async throws
    {
        var scene = ClusterOptions()
        scene.images["registry.test/web:2"] = ImageBehaviour(.neverReady)
        let stage = try await venue.stage(scene)
        let id = stage.id("Deployment", "web", "apps/v1")
        try await stage.cluster.create(
            stage.deployment("web", image: "registry.test/web:1", replicas: 2, environment: ["A": "1", "B": "1"]),
            ApplyOptions(manager: "kubectl-client-side-apply")
        )
        try await stage.cluster.patch(
            id,
            .merge(["spec": ["replicas": 3]]),
            subresource: "scale",
            ApplyOptions(manager: "kube-controller-manager")
        )
        let before = try await stage.cluster.get(id)
        var options = RolloutOptions()
        options.force = true
        // Nobody makes the pods ready here: what counts is what is written down.
        let record = Stage.Record()
        let release = stage.release([
            stage.deployment("web", image: "registry.test/web:2", environment: ["A": "2", "C": "2"])
        ])
        let rollout = Task { [options] in try await stage.run(release, options, within: .seconds(60), record) }
        await record.wait(for: "Deployment web changed")
        rollout.cancel()
        await #expect(throws: RolloutFailure.self) { _ = try await rollout.value }
        #expect(record.entries.count == 1)
        let result = await stage.undo(record.entries, within: .seconds(10))
        #expect(result.putBack == [id], "\(result.sentence)")
        let after = try await stage.cluster.get(id)
        #expect(essence(after) == essence(before))
        #expect(owners(after) == owners(before))
        await stage.leave()
    }

    @Test(arguments: Venue.available)
    func `an object of which we were not told what became of it`(_ venue: Venue) async throws {
        let stage = try await venue.stage()
        _ = try await stage.run(
            stage.release([stage.configMap("old", ["a": "1"]), stage.configMap("same", ["a": "1"])])
        )
        let same = try #require(try await stage.get("ConfigMap", "same"))
        let record = try await stage.run(
            stage.release([stage.configMap("old", ["a": "2"]), stage.configMap("new", ["a": "2"])])
        )
        var entries = record.entries.map { JournalEntry(seq: $0.seq, id: $0.id, before: $0.before, sent: $0.sent) }
        entries.append(JournalEntry(seq: 8, id: same.id, before: same, sent: stage.configMap("same", ["a": "2"])))
        entries.append(
            JournalEntry(seq: 9, id: stage.id("ConfigMap", "never"), before: nil, sent: stage.configMap("never", [:]))
        )
        let result = await stage.undo(entries)
        #expect(result.sentence == "1 object put back, 1 new object deleted")
        #expect(try await stage.get("ConfigMap", "old")?["data"] == ["a": "1"])
        #expect(try await stage.get("ConfigMap", "new") == nil)
        #expect(try await stage.get("ConfigMap", "same")?.resourceVersion == same.resourceVersion)
        await stage.leave()
    }

    @Test(arguments: Venue.available)
    func `an undo that was cut off is gone through again, and what it has put back is no change of somebody else's`(
        _ venue: Venue
    ) async throws {
        let stage = try await venue.stage()
        _ = try await stage.run(stage.release([stage.configMap("old", ["a": "1"])]))
        let record = try await stage.run(
            stage.release([stage.configMap("old", ["a": "2", "b": "2"]), stage.configMap("new", ["a": "2"])])
        )
        #expect(await stage.undo(record.entries).status == .undone)
        let old = try await stage.get("ConfigMap", "old")
        let again = await stage.undo(record.entries)
        #expect(again.status == .undone, "\(again.sentence)")
        #expect(try await stage.get("ConfigMap", "old") == old)
        await stage.leave()
    }

    @Test func `a cluster that goes silent does not hold the undo beyond its deadline`() async throws {
        let stage = try await Venue.simulated.stage()
        let record = try await stage.run(
            stage.release([stage.configMap("a", ["a": "1"]), stage.configMap("b", ["a": "1"])])
        )
        stage.server?.order(Fault(.silence, times: 100))
        let begin = ContinuousClock.now
        let result = await stage.undo(record.entries, within: .milliseconds(300))
        #expect(.now - begin < .seconds(60))
        #expect(result.status == .timedOut)
        stage.server?.clearFaults()
        await stage.leave()
    }

    @Test func `a run that is cancelled is undone all the same`() async throws {
        let stage = try await Venue.simulated.stage()
        let record = try await stage.run(stage.release([stage.configMap("a", ["a": "1"])]))
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await stage.undo(record.entries)
        }
        #expect(await task.value.sentence == "1 new object deleted")
        #expect(try await stage.get("ConfigMap", "a") == nil)
        await stage.leave()
    }

    @Test(arguments: 0..<4, [Fault.Action.cut, .status(504, reason: "Timeout", message: "etcd timed out")])
    func `an undo whose answers are lost, at each of its steps, is done all the same`(_ k: Int, _ action: Fault.Action)
        async throws
    {
        let stage = try await Venue.simulated.stage()
        let server = try #require(stage.server)
        let id = stage.id("ConfigMap", "c")
        try await stage.cluster.create(stage.configMap("c", ["a": "1"]), ApplyOptions(manager: "kubectl-create"))
        try await stage.cluster.apply(stage.configMap("c", ["c": "1"]), ApplyOptions(manager: "helm"))
        try await stage.cluster.patch(id, .merge(["data": ["e": "1"]]), ApplyOptions(manager: "editor"))
        let before = try await stage.cluster.get(id)
        var options = RolloutOptions()
        options.force = true
        let record = try await stage.run(
            stage.release([stage.configMap("c", ["a": "2", "c": "2", "e": "2", "f": "2"])]),
            options
        )
        server.forgetRequests()
        server.order(Fault(action, skip: k) { $0.isWrite })
        let result = await stage.undo(record.entries)
        #expect(result.status == .undone, "\(result.sentence)")
        let after = try await stage.cluster.get(id)
        #expect(essence(after) == essence(before))
        #expect(owners(after) == owners(before))
        #expect(server.requests.filter { $0.method == "PUT" || $0.method == "PATCH" }.count >= 4)
        await stage.leave()
    }

    @Test(arguments: [["old", "new"], ["new", "old"]])
    func `a change that the server makes after a cancel is waited for, and undone`(_ names: [String])
        async throws
    {
        let stage = try await Venue.simulated.stage()
        let server = try #require(stage.server)
        _ = try await stage.run(stage.release([stage.configMap("old", ["a": "1"])]))
        server.order(Fault(.stalled(.milliseconds(500)), "PATCH", "/configmaps/"))
        server.forgetRequests()
        let record = Stage.Record()
        var options = RolloutOptions()
        options.width = 1
        let release = stage.release(names.map { stage.configMap($0, ["a": "2"]) })
        let rollout = Task { [options] in try await stage.run(release, options, within: .seconds(60), record) }
        await server.wait { $0.requests.contains { $0.method == "PATCH" } }
        rollout.cancel()
        let error = await #expect(throws: RolloutFailure.self) { _ = try await rollout.value }
        #expect(error?.code == .cancelled)
        let result = await stage.undo(record.entries)
        #expect(result.sentence == (names[0] == "old" ? "1 object put back" : "1 new object deleted"))
        #expect(try await stage.get("ConfigMap", "old")?["data"] == ["a": "1"])
        #expect(try await stage.get("ConfigMap", "new") == nil)
        await stage.leave()
    }
}
