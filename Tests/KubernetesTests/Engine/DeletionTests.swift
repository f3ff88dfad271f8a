import Kubernetes
import TestCluster
import Testing

/// Objects that are deleted and do not go.
@Suite(.timeLimit(.minutes(2))) struct DeletionTests {
    private static let finalizer = "example.org/hold"
    private static let words =
        "is being deleted, held by finalizer example.org/hold: it goes when the controller behind that is done, or when "
        + "somebody takes it out of metadata.finalizers"

    private func held(_ stage: Stage, _ name: String = "held") -> JSON {
        var object = stage.configMap(name, ["a": "1"])
        object.set(["metadata", "finalizers"], [.string(Self.finalizer)])
        return object
    }

    private func letGo(_ stage: Stage, _ name: String = "held") async throws {
        let none: JSON = ["metadata": ["finalizers": nil]]
        try await stage.cluster.patch(stage.id("ConfigMap", name), .merge(none), ApplyOptions(manager: "controller"))
    }

    @Test(arguments: Venue.available)
    func `what a finalizer holds to the end is named by the undo, and by the next one`(_ venue: Venue) async throws {
        let stage = try await venue.stage()
        let record = try await stage.run(stage.release([held(stage), stage.configMap("free", ["a": "1"])]))
        for deleted in [["ConfigMap free"], []] {
            let begin = ContinuousClock.now
            let result = await stage.undo(record.entries, within: .seconds(1))
            #expect(.now - begin < .seconds(10))
            #expect(result.status == .incomplete)
            #expect(result.deleted.map(\.description) == deleted)
            #expect(result.left.map { "\($0.id) \($0.reason)" } == ["ConfigMap held \(Self.words)"])
            #expect(result.sentence.contains("ConfigMap held \(Self.words)"))
        }
        try await letGo(stage)
        #expect(await stage.undo(record.entries).status == .undone)
        await stage.leave()
    }

    @Test(arguments: Venue.available)
    func `what a finalizer lets go in time is deleted, and what is beside it does not wait`(_ venue: Venue) async throws
    {
        let stage = try await venue.stage()
        _ = try await stage.run(stage.release([stage.configMap("old", ["a": "1"])]))
        let record = try await stage.run(
            stage.release([held(stage), stage.configMap("old", ["a": "2"]), stage.configMap("free", ["a": "1"])])
        )
        let said = Stage.Record()
        async let undo = Undo(stage.cluster, record.entries).run(until: .now + .seconds(60)) { said.say($0) }
        await said.wait(for: "ConfigMap held \(Self.words)")
        await said.wait(for: "ConfigMap free deleted")
        #expect(try await stage.get("ConfigMap", "old")?["data"] == ["a": "1"])
        #expect(!said.lines.contains("ConfigMap held deleted"))
        try await letGo(stage)
        let result = await undo
        #expect(result.sentence == "1 object put back, 2 new objects deleted")
        #expect(said.lines.contains("ConfigMap held deleted"))
        #expect(try await stage.get("ConfigMap", "held") == nil)
        await stage.leave()
    }

    @Test func `a Job that is held is told of, though Jobs are not undone`() async throws {
        var options = ClusterOptions()
        options.readyDelay = .seconds(600)
        let stage = try await Venue.simulated.stage(options)
        var job: JSON = [
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": ["name": "migrate", "finalizers": [.string(Self.finalizer)]],
            "spec": [
                "template": [
                    "spec": ["restartPolicy": "Never", "containers": [["name": "m", "image": "registry.test/m"]]]
                ]
            ],
        ]
        job.set(["metadata", "namespace"], .string(stage.namespace))
        try await stage.cluster.apply(job)
        let made = try #require(try await stage.get("Job", "migrate", "batch/v1"))
        let entry = JournalEntry(seq: 1, id: made.id, before: nil, sent: job, after: made)
        let result = await stage.undo([entry], within: .seconds(1))
        #expect(result.status == .incomplete)
        #expect(result.left.map(\.reason) == [Self.words])
        await stage.leave()
    }

    @Test(arguments: Venue.available)
    func `what a finalizer holds is not told as pruned, and is not forgotten`(_ venue: Venue) async throws {
        let stage = try await venue.stage()
        let set = ApplySet(pipeline: "todo", namespace: stage.namespace)
        let account: JSON = ["apiVersion": "v1", "kind": "ServiceAccount", "metadata": ["name": "free"]]
        _ = try await stage.run(stage.release([held(stage), account, stage.configMap("c", [:])], set: set))
        let release = stage.release([account], name: "2", set: set)
        var options = RolloutOptions()
        options.pruneWait = .milliseconds(500)
        let said = Stage.Record()
        let gone = try await Prune(stage.cluster, set, keeping: release.ids, options)
            .run(until: .now + .seconds(10)) { said.say($0) }
        #expect(gone.map(\.description) == ["ConfigMap c"])
        #expect(said.lines.contains("ConfigMap c deleted: the release no longer has it"))
        #expect(said.lines.contains("ConfigMap held \(Self.words); the release no longer has it"))
        #expect(!said.lines.contains { $0.hasPrefix("ConfigMap held deleted") })
        let parent = try #require(try await stage.cluster.get(set.parent))
        #expect(ApplySet(parent: parent)?.kinds.contains(GroupKind("ConfigMap")) == true)
        let plan = try await Plan(stage.cluster, release)
        #expect(plan.prune.map(\.line) == ["= ConfigMap held \(Self.words)"])

        try await letGo(stage)
        _ = try await Prune(stage.cluster, set, keeping: release.ids, options).run(until: .now + .seconds(10)) { _ in }
        let cleared = try #require(try await stage.cluster.get(set.parent))
        #expect(ApplySet(parent: cleared)?.kinds.contains(GroupKind("ConfigMap")) == false)
        await stage.leave()
    }
}
