import Kubernetes
import TestCluster
import Testing

@testable import Pipelines

/// Who else deploys to the namespace, or changes something in it, while a run does.
@Suite("A namespace that others change too", .timeLimit(.minutes(2)))
struct SharedNamespaceTests {
    private static var waiting: ClusterOptions {
        var options = ClusterOptions()
        options.images["registry.test/web:2"] = ImageBehaviour(.neverReady)
        options.images["registry.test/web:3"] = ImageBehaviour(.neverReady)
        return options
    }

    private static let files = [
        "k8s/shop.yaml": Shop.manifests(),
        "k8s/more.yaml": configMap("theirs", "one") + "---\n" + configMap("gone", "one"),
    ]

    private static func configMap(_ name: String, _ value: String) -> String {
        "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: \(name) }\ndata: { value: \(value) }\n"
    }

    private static func client(_ room: ClusterRoom) throws -> Kubernetes.Cluster {
        Kubernetes.Cluster(try ClusterAccess(kubeconfig: room.cluster.kubeconfig))
    }

    private static func id(_ name: String) -> ObjectID {
        ObjectID(apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: name)
    }

    @Test("what somebody else changed meanwhile is named and left, and all else is put back")
    func foreigner() async throws {
        try await ClusterRoom.with(Self.waiting, files: Self.files) { room in
            #expect(try await room.deploy().status == .succeeded)
            let before = room.objects
            try await room.tree.commit([
                "k8s/shop.yaml": Shop.manifests(greeting: "new", image: "registry.test/web:2"),
                "k8s/more.yaml": Self.configMap("theirs", "two") + "---\n" + Self.configMap("gone", "two")
                    + "---\n" + Self.configMap("made", "two"),
            ])
            room.definition.deploy.timeout = 6
            let (cluster, client) = (room.cluster, try Self.client(room))
            let outcome = try await room.deploy {
                #expect(await cluster.wait { $0.objects("v1", "Pod", "shop").count == 2 && $0.watches > 0 })
                let editor = ApplyOptions(manager: "kubectl-edit")
                try await client.patch(Self.id("theirs"), .merge(["data": ["value": "mine"]]), editor)
                try await client.delete(Self.id("gone"))
            }
            #expect(outcome.status == .failed)
            #expect(outcome.undo?.status == .failed)
            let told = [
                "ConfigMap theirs was changed meanwhile by kubectl-edit (data.value)",
                "ConfigMap gone was deleted by somebody meanwhile",
            ]
            for sentence in told {
                #expect(outcome.undo?.reason.contains(sentence) == true, "\(outcome.undo?.reason ?? "no undo")")
                #expect(outcome.log.contains(sentence), "\(outcome.log)")
            }
            #expect(cluster.object("v1", "ConfigMap", "shop", "theirs")?["data"] == ["value": "mine"])
            let others: (String, JSON) -> Bool = { name, _ in !name.contains("theirs") && !name.contains("gone") }
            #expect(room.objects.filter(others) == before.filter(others))
        }
    }

    @Test("after an undo that could not put all back, the release that was live is applied again by a rollback to it")
    func rollbackToLive() async throws {
        try await ClusterRoom.with(Self.waiting, files: Self.files) { room in
            let live = try await room.deploy()
            #expect(live.status == .succeeded)
            let before = room.objects
            await #expect(throws: RollbackRefusal.alreadyLive) { try await room.rollBack(to: live.run) }
            try await room.tree.commit([
                "k8s/shop.yaml": Shop.manifests(greeting: "new", image: "registry.test/web:2"),
                "k8s/more.yaml": Self.configMap("theirs", "two") + "---\n" + Self.configMap("gone", "two"),
            ])
            let timeout = room.definition.deploy.timeout
            room.definition.deploy.timeout = 6
            let (cluster, client) = (room.cluster, try Self.client(room))
            let failed = try await room.deploy {
                #expect(await cluster.wait { $0.objects("v1", "Pod", "shop").count == 2 && $0.watches > 0 })
                try await client.delete(Self.id("gone"))
            }
            #expect(failed.undo?.status == .failed, "\(failed)")
            #expect(room.objects.count == before.count - 1)
            room.definition.deploy.timeout = timeout
            let rollback = try await room.rollBack(to: live.run)
            #expect(rollback.status == .succeeded, "\(rollback)")
            #expect(room.objects.mapValues { $0["data"] } == before.mapValues { $0["data"] })
            #expect(try await room.server.history.unfinishedReleases(environment: "shop").isEmpty)
            await #expect(throws: RollbackRefusal.alreadyLive) { try await room.rollBack(to: live.run) }
        }
    }

    /// Two servers that know nothing of each other.
    private func withTwo(_ body: (inout ClusterRoom, inout ClusterRoom) async throws -> Void) async throws {
        try await ClusterRoom.with(Self.waiting) { shop in
            let other = "k8s/other.yaml"
            var second = try await ClusterRoom(
                shop.cluster,
                pipeline: "other",
                files: [other: Self.configMap("other", "one") + "---\n" + Self.configMap("extra", "one")]
            )
            try await body(&shop, &second)
        }
    }

    @Test("two servers leave each other's objects alone when they deploy, undo and prune")
    func twoServers() async throws {
        try await withTwo { shop, other in
            #expect(try await shop.deploy().status == .succeeded)
            let ofShop = shop.objects
            // One that fails is undone: nothing of the first is touched.
            try await other.tree.commit([
                "k8s/web.yaml": Shop.manifests(image: "registry.test/web:2").replacing(
                    "name: web }",
                    with: "name: w2 }"
                )
                .replacing("name: settings", with: "name: s2")
            ])
            other.definition.deploy.timeout = 6
            let failed = try await other.deploy()
            #expect(failed.status == .failed)
            #expect(failed.undo?.status == .succeeded, "\(failed.undo?.reason ?? "")")
            #expect(shop.objects == ofShop)

            // Both prune what they have no more, and only that.
            try await other.tree.commit(["k8s/web.yaml": nil])
            #expect(try await other.deploy().status == .succeeded)
            try await other.tree.commit(["k8s/other.yaml": Self.configMap("other", "two")])
            #expect(try await other.deploy().status == .succeeded)
            #expect(other.cluster.object("v1", "ConfigMap", "shop", "extra") == nil)
            for (name, object) in ofShop { #expect(shop.objects[name] == object, "\(name)") }
            let ofOther = shop.objects["shop ConfigMap other"]
            try await shop.tree.commit(["k8s/shop.yaml": Self.configMap("settings", "two")])
            #expect(try await shop.deploy().status == .succeeded)
            #expect(shop.cluster.object("apps/v1", "Deployment", "shop", "web") == nil)
            #expect(ofOther != nil && shop.objects["shop ConfigMap other"] == ofOther)
        }
    }

    @Test("an object that another pipeline has applied is refused with its name, unless it is to be taken over")
    func theSameObject() async throws {
        try await withTwo { shop, other in
            #expect(try await shop.deploy().status == .succeeded)
            let before = shop.objects
            try await other.tree.commit(["k8s/web.yaml": "\n" + Self.configMap("settings", "stolen")])
            let refused = try await other.deploy()
            #expect(refused.status == .failed)
            #expect(refused.reason?.code == "deploy-conflict")
            let sentence =
                "k8s/web.yaml:2: ConfigMap settings: belongs to pipeline shop, which deploys to namespace shop of this cluster "
                + "too; give this one another name"
            #expect(refused.reason?.message.hasPrefix(sentence) == true, "\(refused.reason?.message ?? "")")
            #expect(refused.log.contains(sentence))
            #expect(shop.objects == before)

            other.definition.deploy.force = true
            #expect(try await other.deploy().status == .succeeded)
            // It is the other's now: the first refuses to take it back by the way, and does not prune it.
            #expect(try await shop.deploy().reason?.code == "deploy-conflict")
            try await shop.tree.commit(["k8s/shop.yaml": Self.configMap("mine", "one")])
            let last = try await shop.deploy()
            #expect(last.status == .succeeded, "\(last.reason.debugDescription) \(last.log)")
            #expect(shop.cluster.object("v1", "ConfigMap", "shop", "settings")?[["data", "value"]] == "stolen")
        }
    }

    @Test("a pipeline can take neither another's list of objects nor the name of one")
    func theList() async throws {
        try await withTwo { shop, other in
            #expect(try await shop.deploy().status == .succeeded)
            let before = shop.objects
            try await other.tree.commit(["k8s/web.yaml": Self.configMap("fairlead-shop", "mine")])
            let refused = try await other.deploy()
            #expect(refused.reason?.code == "deploy-conflict", "\(refused)")
            #expect(refused.reason?.message.contains("keeps its list of objects in") == true)
            for (name, object) in before { #expect(shop.objects[name] == object, "\(name)") }

            let label = "metadata: { name: x, labels: { applyset.kubernetes.io/part-of: y } }"
            try await other.tree.commit(["k8s/web.yaml": "apiVersion: v1\nkind: ConfigMap\n\(label)\n"])
            #expect(try await other.deploy().reason?.code == "manifest-reserved")
            let ours = label.replacing("applyset.kubernetes.io/part-of", with: "fairlead.dev/pipeline")
            try await other.tree.commit(["k8s/web.yaml": "apiVersion: v1\nkind: ConfigMap\n\(ours)\n"])
            #expect(try await other.deploy().reason?.code == "manifest-reserved")

            // The name is taken before the pipeline that needs it is there.
            try await other.tree.commit(["k8s/web.yaml": Self.configMap("fairlead-third", "mine")])
            #expect(try await other.deploy().status == .succeeded)
            let third = try await ClusterRoom(
                shop.cluster,
                pipeline: "third",
                files: ["k8s/third.yaml": Self.configMap("third", "one")]
            )
            let late = try await third.deploy()
            #expect(late.reason?.message.contains("another pipeline has deployed an object of that name") == true)
        }
    }

    @Test("a release that another server has put in its place meanwhile is left by the undo")
    func overtaken() async throws {
        try await ClusterRoom.with(Self.waiting) { first in
            #expect(try await first.deploy().status == .succeeded)
            // A copy of the server with another data folder: the same pipeline, the same names.
            var second = try await ClusterRoom(
                first.cluster,
                files: ["k8s/shop.yaml": Shop.manifests(greeting: "second", image: "registry.test/web:3")]
            )
            second.definition.deploy.timeout = 4
            second.definition.deploy.onFailure = .keep
            try await first.tree.commit([
                "k8s/shop.yaml": Shop.manifests(greeting: "first", image: "registry.test/web:2")
            ])
            first.definition.deploy.timeout = 12
            let cluster = first.cluster
            let outcome = try await first.deploy {
                #expect(await cluster.wait { $0.objects("v1", "Pod", "shop").count == 2 && $0.watches > 0 })
                let overtaking = try await second.deploy()
                #expect(overtaking.reason?.code == "deploy-deadline", "\(overtaking)")
            }
            #expect(outcome.undo?.status == .failed)
            #expect(outcome.undo?.reason.contains("ConfigMap settings was changed meanwhile") == true, "\(outcome)")
            #expect(
                outcome.undo?.reason.contains("Deployment web was changed meanwhile") == true,
                "\(outcome.undo?.reason ?? "")\n\(outcome.log)"
            )
            #expect(cluster.object("v1", "ConfigMap", "shop", "settings")?[["data", "greeting"]] == "second")
        }
    }
}
