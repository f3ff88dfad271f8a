import Kubernetes
import TestCluster
import Testing

@Suite(.timeLimit(.minutes(2))) struct RolloutTests {
    static let first = "registry.test/web@sha256:" + String(repeating: "1", count: 64)
    static let second = "registry.test/web@sha256:" + String(repeating: "2", count: 64)

    func uses(_ stage: Stage, _ image: String) -> [ImageUse] {
        [ImageUse(object: stage.id("Deployment", "web", "apps/v1"), container: "web", image: "web", reference: image)]
    }

    func web(_ stage: Stage, _ image: String, name: String = "1", replicas: Int64 = 2) -> Release {
        stage.release([stage.deployment("web", image: image, replicas: replicas)], name: name, uses: uses(stage, image))
    }

    @Test func `a Deployment is applied, watched until it is ready, and proven to run the digest`() async throws {
        let stage = try await Venue.simulated.stage()
        let record = try await stage.run(web(stage, Self.first))
        #expect(record.lines.first == "Deployment web created")
        #expect(
            record.lines.contains {
                $0.hasPrefix("Deployment web: 0 of 2 replicas") || $0.hasPrefix("Deployment web: waits")
            }
        )
        #expect(record.lines.contains("Deployment web: ready"))
        let again = try await stage.run(web(stage, Self.second, name: "2"))
        #expect(again.lines.first == "Deployment web changed")
        let pods = stage.server?.objects("v1", "Pod", stage.namespace) ?? []
        let alive = pods.filter { $0[["metadata", "deletionTimestamp"]] == nil }
        #expect(alive.count == 2)
        let unchanged = try await stage.run(web(stage, Self.second, name: "3"))
        #expect(unchanged.lines.first == "Deployment web unchanged" && unchanged.lines.count == 2)
        await stage.leave()
    }

    @Test func `a container that crashes is found out before the deadline, told in one sentence, and undone`()
        async throws
    {
        var options = ClusterOptions()
        options.second = .milliseconds(2)
        options.images[Self.second] = ImageBehaviour(.exits(1), log: "starting\nDATABASE_URL is not set\n")
        let stage = try await Venue.simulated.stage(options)
        _ = try await stage.run(web(stage, Self.first))
        let record = Stage.Record()
        let error = await #expect(throws: RolloutFailure.self) {
            _ = try await stage.run(web(stage, Self.second, name: "2"), RolloutOptions(), within: .seconds(60), record)
        }
        #expect(error?.code == .unhealthy)
        #expect(error?.isVerdict == true)
        #expect(error?.diagnosis?.sentence == "web: CrashLoopBackOff, exit 1, `DATABASE_URL is not set`")
        #expect(error?.diagnosis?.lines.contains { $0.contains("| starting") } == true)
        let result = await stage.undo(record.entries)
        #expect(result.sentence == "1 object put back")
        let live = try #require(try await stage.get("Deployment", "web", "apps/v1"))
        #expect(Health(of: live) == .current)
        #expect(live[["spec", "template", "spec", "containers"]]?.items.first?["image"]?.string == Self.first)
        await stage.leave()
    }

    @Test(arguments: [ImageBehaviour.Start.cannotBePulled, .registryIsDown])
    func `an image that cannot be pulled is waited for as long as patience lasts`(_ start: ImageBehaviour.Start)
        async throws
    {
        var options = ClusterOptions()
        options.images[Self.first] = ImageBehaviour(start)
        let stage = try await Venue.simulated.stage(options)
        var patience = RolloutOptions()
        // The other one is for other faults.
        let isRefused = start == .cannotBePulled
        patience.pullPatience = isRefused ? .milliseconds(100) : .seconds(60)
        patience.registryPatience = isRefused ? .seconds(60) : .milliseconds(100)
        let error = await #expect(throws: RolloutFailure.self) {
            _ = try await stage.run(web(stage, Self.first), patience, within: .seconds(60))
        }
        #expect(error?.code == .unhealthy)
        #expect(error?.diagnosis?.sentence.hasPrefix("web: ImagePullBackOff") == true)
        await stage.leave()
    }

    @Test func `a registry that is down for longer than a new pull secret takes does not fail the rollout`()
        async throws
    {
        var options = ClusterOptions()
        options.second = .milliseconds(20)
        options.images[Self.first] = ImageBehaviour(.registryIsDown)
        let stage = try await Venue.simulated.stage(options)
        let server = try #require(stage.server)
        let namespace = stage.namespace
        var patience = RolloutOptions()
        patience.pullPatience = .milliseconds(1)
        let record = Stage.Record()
        async let rollout = stage.run(web(stage, Self.first), patience, record)
        #expect(
            await server.wait { view in
                view.objects("v1", "Pod", namespace).contains {
                    $0["status"]?["containerStatuses"]?.items.first?[["state", "waiting", "reason"]]?.string
                        == "ImagePullBackOff"
                }
            }
        )
        server.setImage(Self.first, ImageBehaviour())
        #expect(try await rollout.lines.contains("Deployment web: ready"))
        await stage.leave()
    }

    @Test func `a deadline of the rollout's own ends it, and is not read after the undo`() async throws {
        var options = ClusterOptions()
        options.second = .milliseconds(1)
        options.images[Self.second] = ImageBehaviour(.neverReady, log: "listening\n")
        let stage = try await Venue.simulated.stage(options)
        _ = try await stage.run(web(stage, Self.first))
        let record = Stage.Record()
        let error = await #expect(throws: RolloutFailure.self) {
            _ = try await stage.run(web(stage, Self.second, name: "2"), RolloutOptions(), within: .seconds(60), record)
        }
        #expect(error?.message.hasPrefix("Deployment web: ProgressDeadlineExceeded") == true)
        let result = await stage.undo(record.entries)
        #expect(result.status == .undone, "\(result.sentence)")
        _ = try await stage.run(web(stage, Self.first, name: "3"))
        await stage.leave()
    }

    @Test func `a StatefulSet goes back although its broken pod would block it`() async throws {
        var options = ClusterOptions()
        options.second = .milliseconds(2)
        options.images[Self.second] = ImageBehaviour(.exits(2), log: "no disk\n")
        let stage = try await Venue.simulated.stage(options)
        func set(_ image: String) -> JSON {
            var object = stage.deployment("db", image: image, replicas: 2)
            object.set(["kind"], "StatefulSet")
            object.set(["spec", "serviceName"], "db")
            return object
        }
        _ = try await stage.run(stage.release([set(Self.first)]))
        let record = Stage.Record()
        let error = await #expect(throws: RolloutFailure.self) {
            _ = try await stage.run(stage.release([set(Self.second)]), RolloutOptions(), within: .seconds(60), record)
        }
        #expect(error?.diagnosis?.sentence == "db: CrashLoopBackOff, exit 2, `no disk`")
        let result = await stage.undo(record.entries)
        #expect(result.sentence == "1 object put back")
        let pods = stage.server?.objects("v1", "Pod", stage.namespace) ?? []
        #expect(
            pods.flatMap { $0[["spec", "containers"]]?.items ?? [] }.map { $0["image"]?.string } == [
                Self.first, Self.first,
            ]
        )
        await stage.leave()
    }

    @Test func `what is not ready when the time is over is named`() async throws {
        var options = ClusterOptions()
        options.images[Self.first] = ImageBehaviour(.unschedulable)
        let stage = try await Venue.simulated.stage(options)
        let error = await #expect(throws: RolloutFailure.self) {
            _ = try await stage.run(web(stage, Self.first), RolloutOptions(), within: .seconds(2))
        }
        #expect(error?.code == .deadline)
        #expect(error?.message == "not ready when the time was over: Deployment web: 0 of 2 updated replicas available")
        #expect(error?.diagnosis?.sentence.hasPrefix("web: Unschedulable, 0/2 nodes are available") == true)
        await stage.leave()
    }

    @Test func `a tag that moves turns the run red: pods run what was not pushed`() async throws {
        var options = ClusterOptions()
        // The node has other content under this name, as if a tag had been moved.
        options.images["registry.test/web:latest"] = ImageBehaviour(
            digest: "sha256:" + String(repeating: "9", count: 64)
        )
        options.readyDelay = .seconds(30)
        let stage = try await Venue.simulated.stage(options)
        let record = Stage.Record()
        let id = stage.id("Deployment", "web", "apps/v1")
        async let outcome = #expect(throws: RolloutFailure.self) {
            _ = try await stage.run(web(stage, Self.first), RolloutOptions(), within: .seconds(60), record)
        }
        let namespace = stage.namespace
        await stage.server?.wait { !$0.objects("v1", "Pod", namespace).isEmpty }
        let change: JSON = [
            "spec": ["template": ["spec": ["containers": [["name": "web", "image": "registry.test/web:latest"]]]]]
        ]
        try await stage.cluster.patch(id, .merge(change), ApplyOptions(manager: "kubectl-edit"))
        let error = await outcome
        #expect(error?.code == .digest)
        #expect(error?.message == "Deployment web was changed meanwhile: web is to run registry.test/web:latest now")
        let result = await stage.undo(record.entries)
        #expect(result.left.map(\.id) == [id])
        await stage.leave()
    }

    @Test func `dropped watches and 410 do not show`() async throws {
        var options = ClusterOptions()
        options.readyDelay = .milliseconds(300)
        let stage = try await Venue.simulated.stage(options)
        let server = try #require(stage.server)
        let namespace = stage.namespace
        async let record = stage.run(web(stage, Self.first))
        await server.wait { $0.objects("v1", "Pod", namespace).count == 2 }
        server.compact()
        server.dropWatches()
        #expect(try await record.lines.contains("Deployment web: ready"))
        await stage.leave()
    }

    func job(_ image: String) -> JSON {
        [
            "apiVersion": "batch/v1", "kind": "Job", "metadata": ["name": "migrate"],
            "spec": [
                "backoffLimit": 0,
                "template": [
                    "spec": ["restartPolicy": "Never", "containers": [["name": "migrate", "image": .string(image)]]]
                ],
            ],
        ]
    }

    @Test func `the Job before the rollout is waited for, and its log is shown`() async throws {
        var options = ClusterOptions()
        options.images["registry.test/migrate"] = ImageBehaviour(.exits(0), log: "3 migrations\ndone\n")
        let stage = try await Venue.simulated.stage(options)
        let release = stage.release(
            [stage.configMap("c", ["a": "1"]), stage.deployment("web", image: Self.first)],
            name: "7",
            before: job("registry.test/migrate")
        )
        let record = try await stage.run(release)
        let lines = record.lines
        let done = try #require(lines.firstIndex { $0.hasSuffix("| done") })
        #expect(try #require(lines.firstIndex(of: "ConfigMap c created")) < done)
        #expect(try #require(lines.firstIndex(of: "Deployment web created")) > done)
        #expect(lines.contains("Job migrate-7: ready"))
        let result = await stage.undo(record.entries)
        #expect(result.status == .undone)
        #expect(try await stage.get("Job", "migrate-7", "batch/v1") != nil)
        #expect(try await stage.get("Deployment", "web", "apps/v1") == nil)
        await stage.leave()
    }

    @Test func `a Job that still works when the release is taken back is stopped`() async throws {
        var options = ClusterOptions()
        options.images["registry.test/migrate"] = ImageBehaviour(.exits(0))
        options.readyDelay = .seconds(600)
        let stage = try await Venue.simulated.stage(options)
        var migration = job("registry.test/migrate")
        migration.set(["metadata", "namespace"], .string(stage.namespace))
        try await stage.cluster.create(migration)
        let made = try #require(try await stage.get("Job", "migrate", "batch/v1"))
        #expect(made["status"]?["conditions"] == nil)
        let entry = JournalEntry(seq: 1, id: made.id, before: nil, sent: migration, after: made)
        #expect(await stage.undo([entry]).status == .undone)
        #expect(try await stage.get("Job", "migrate", "batch/v1") == nil)
        await stage.leave()
    }

    @Test func `a Job that fails keeps the workloads from being touched`() async throws {
        var options = ClusterOptions()
        options.images["registry.test/migrate"] = ImageBehaviour(.exits(3), log: "relation \"users\" exists\n")
        let stage = try await Venue.simulated.stage(options)
        let release = stage.release(
            [stage.deployment("web", image: Self.first)],
            name: "7",
            before: job("registry.test/migrate")
        )
        let error = await #expect(throws: RolloutFailure.self) { _ = try await stage.run(release) }
        #expect(error?.code == .before)
        #expect(error?.message.hasPrefix("Job migrate-7: BackoffLimitExceeded") == true)
        #expect(error?.diagnosis?.sentence == "migrate-7/migrate: Error, exit 3, `relation \"users\" exists`")
        #expect(try await stage.get("Deployment", "web", "apps/v1") == nil)
        await stage.leave()
    }

    @Test(arguments: Venue.available)
    func `fields of others are named with their owners, and taken only by force`(_ venue: Venue) async throws {
        let stage = try await venue.stage()
        try await stage.cluster.apply(stage.configMap("c", ["a": "1", "b": "1"]), ApplyOptions(manager: "helm"))
        let release = stage.release([stage.configMap("c", ["a": "2", "b": "2"])])
        let error = await #expect(throws: RolloutFailure.self) { _ = try await stage.run(release) }
        #expect(error?.code == .conflict)
        #expect(error?.cause?.conflicts.map(\.manager) == ["helm", "helm"])
        #expect(error?.message.hasPrefix("k8s/all.yaml:1: ConfigMap c: ") == true)
        #expect(try await stage.get("ConfigMap", "c")?["data"] == ["a": "1", "b": "1"])
        var options = RolloutOptions()
        options.force = true
        _ = try await stage.run(release, options)
        #expect(try await stage.get("ConfigMap", "c")?["data"] == ["a": "2", "b": "2"])
        await stage.leave()
    }

    @Test(arguments: Venue.available)
    func `a definition is waited for, and its kind can be used in the same release`(_ venue: Venue) async throws {
        let stage = try await venue.stage()
        let group = "g\(stage.namespace).example.org"
        let definition = try parsed(
            #"""
            {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.\#(group)"},
             "spec": {"group": "\#(group)", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets", "singular": "widget"},
              "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object",
                "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}]}}
            """#
        )
        let widget: JSON = [
            "apiVersion": .string("\(group)/v1"), "kind": "Widget", "metadata": ["name": "w"], "spec": ["size": 3],
        ]
        let record = try await stage.run(stage.release([widget, definition]))
        #expect(try await stage.get("Widget", "w", "\(group)/v1")?[["spec", "size"]] == 3)
        let result = await stage.undo(record.entries)
        #expect(result.deleted.map(\.kind) == ["Widget", "CustomResourceDefinition"])
        await stage.leave()
    }

    @Test(arguments: Venue.available)
    func `a kind that nobody knows is told before anything is touched`(_ venue: Venue) async throws {
        let stage = try await venue.stage()
        let widget: JSON = ["apiVersion": "example.org/v9", "kind": "Gizmo", "metadata": ["name": "w"]]
        let record = Stage.Record()
        let error = await #expect(throws: RolloutFailure.self) {
            _ = try await stage.run(stage.release([stage.configMap("c", [:]), widget]), RolloutOptions(), record)
        }
        #expect(error?.message.hasPrefix("k8s/all.yaml:2: the cluster has no kind Gizmo in example.org/v9") == true)
        #expect(record.entries.isEmpty)
        await stage.leave()
    }

    @Test func `a journal that cannot be written keeps the object from being touched`() async throws {
        struct Full: Error {}
        let stage = try await Venue.simulated.stage()
        let rollout = Rollout(stage.cluster, stage.release([stage.configMap("c", ["a": "1"])]))
        await #expect(throws: Full.self) {
            _ = try await rollout.run(until: .now + .seconds(5), journal: { _ in throw Full() }, log: { _ in })
        }
        #expect(try await stage.get("ConfigMap", "c") == nil)
        await stage.leave()
    }

    @Test func `a broken answer to a change that came through is no reason to take it for what was there before`()
        async throws
    {
        let stage = try await Venue.simulated.stage()
        _ = try await stage.run(stage.release([stage.configMap("c", ["a": "1", "b": "1"])]))
        stage.server?.order(Fault(.cut, "PATCH", "/configmaps/c"))
        let record = try await stage.run(stage.release([stage.configMap("c", ["a": "2"])]))
        #expect(record.entries.first?.before?["data"] == ["a": "1", "b": "1"])
        let result = await stage.undo(record.entries)
        #expect(result.sentence == "1 object put back")
        #expect(try await stage.get("ConfigMap", "c")?["data"] == ["a": "1", "b": "1"])
        await stage.leave()
    }

    @Test(arguments: 1...4)
    func `a webhook, a quota or a fault at write k leaves the cluster as it was`(_ k: Int) async throws {
        let stage = try await Venue.simulated.stage()
        let server = try #require(stage.server)
        _ = try await stage.run(stage.release([stage.configMap("a", ["a": "1"]), stage.configMap("b", ["a": "1"])]))
        let action: Fault.Action = [
            .deniedByWebhook(name: "policy.example.org", message: "no"), .quotaExceeded("compute"),
            .status(500, reason: "InternalError", message: "etcd"), .html(200),
        ][k - 1]
        let before = server.objects("v1", "ConfigMap", stage.namespace).map { essence($0) }
        server.order(Fault(action, skip: k - 1, times: 10) { $0.isWrite })
        let record = Stage.Record()
        let all = ["a", "b", "c", "d"].map { stage.configMap($0, ["a": "2"]) }
        let error = await #expect(throws: RolloutFailure.self) {
            _ = try await stage.run(stage.release(all), RolloutOptions(), record)
        }
        #expect(error?.isVerdict == (k < 3))
        server.clearFaults()
        #expect(await stage.undo(record.entries).status == .undone)
        #expect(server.objects("v1", "ConfigMap", stage.namespace).map { essence($0) } == before)
        await stage.leave()
    }
}
