import Kubernetes
import TestCluster
import Testing

@testable import Pipelines

/// Whose an object is, also where nothing is pruned.
@Suite("Ownership without pruning", .timeLimit(.minutes(2)))
struct OwnershipTests {
    private static let member = "applyset.kubernetes.io/part-of"
    private static let owner = "fairlead.dev/pipeline"

    private static func configMap(_ name: String, _ value: String = "one") -> String {
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: \(name) }\ndata: { value: \(value) }\n"
    }

    private static func object(_ room: ClusterRoom, _ name: String) -> JSON? {
        room.cluster.object("v1", "ConfigMap", "shop", name)
    }

    /// Pipelines `shop` and `other` of two servers, which both want ConfigMap `one`; only the first has deployed.
    private func withTwo(
        prune: (shop: Bool, other: Bool),
        _ body: (inout ClusterRoom, inout ClusterRoom) async throws -> Void
    ) async throws {
        try await ClusterRoom.with(files: ["k8s/a.yaml": Self.configMap("one")]) { shop in
            var other = try await ClusterRoom(
                shop.cluster,
                pipeline: "other",
                files: ["k8s/b.yaml": Self.configMap("two") + Self.configMap("one", "stolen")]
            )
            shop.definition.deploy.prune = prune.shop
            other.definition.deploy.prune = prune.other
            let first = try await shop.deploy()
            #expect(first.status == .succeeded, "\(first)")
            try await body(&shop, &other)
        }
    }

    @Test(
        "another pipeline's object is refused with that pipeline's name, whichever of the two prunes",
        arguments: [(true, false), (false, true), (false, false)]
    )
    func refused(shop prunes: Bool, other alsoPrunes: Bool) async throws {
        try await withTwo(prune: (prunes, alsoPrunes)) { shop, other in
            let before = shop.objects
            let refused = try await other.deploy()
            #expect(refused.reason?.code == "deploy-conflict", "\(refused)")
            let why =
                prunes
                ? "pipeline shop, which deploys to namespace shop of this cluster too"
                : "pipeline shop, as its label fairlead.dev/pipeline says"
            let sentence = "k8s/b.yaml:7: ConfigMap one: belongs to \(why); give this one another name"
            #expect(refused.reason?.message.hasPrefix(sentence) == true, "\(refused.reason?.message ?? "")")
            #expect(shop.objects == before)
            let log = CollectedLog()
            let target = try other.needs.target(of: other.definition, run: nil)
            let checkout = RevisionToRender(checkout: other.tree.folder.path, images: [], secrets: [:])
            let plan = try await target.plan(checkout, log: log)
            #expect(plan.contains { $0.contains("belongs to pipeline shop") }, "\(plan)")

            // It is its own pipeline's to change.
            try await shop.tree.commit(["k8s/a.yaml": Self.configMap("one", "two")])
            #expect(try await shop.deploy().status == .succeeded)
            // By force it changes hands, with its mark, and the first is refused from then on.
            other.definition.deploy.force = true
            #expect(try await other.deploy().status == .succeeded)
            let labels = try #require(Self.object(shop, "one")?.labels)
            #expect(labels[Self.owner] == (alsoPrunes ? nil : "other"))
            #expect((labels[Self.member] != nil) == alsoPrunes)
            let late = try await shop.deploy()
            #expect(late.reason?.message.contains("belongs to pipeline other") == true, "\(late)")
        }
    }

    @Test(
        "what was dropped while nothing was pruned stays when pruning is switched on, and is nobody's to delete later"
    )
    func switchedOn() async throws {
        let two = Self.configMap("one") + Self.configMap("two")
        try await ClusterRoom.with(files: ["k8s/a.yaml": two + Self.configMap("three")]) { shop in
            #expect(try await shop.deploy().status == .succeeded)
            #expect(Self.object(shop, "fairlead-shop") != nil)
            // Applied as members while pruning was on, dropped while it is off: the list is given up.
            shop.definition.deploy.prune = false
            try await shop.tree.commit(["k8s/a.yaml": two])
            let off = try await shop.deploy()
            #expect(off.status == .succeeded && off.log.contains("ConfigMap one changed"), "\(off)")
            #expect(Self.object(shop, "fairlead-shop") == nil)
            #expect(Self.object(shop, "three") != nil && Self.object(shop, "three")?.labels[Self.member] == nil)
            for name in ["one", "two"] {
                let labels = Self.object(shop, name)?.labels
                #expect(labels?[Self.owner] == "shop" && labels?[Self.member] == nil, "\(name)")
            }
            // Dropped while it is off, never a member since.
            try await shop.tree.commit(["k8s/a.yaml": Self.configMap("one")])
            #expect(try await shop.deploy().status == .succeeded)

            shop.definition.deploy.prune = true
            #expect(try await shop.deploy().status == .succeeded)
            #expect(Self.object(shop, "two") != nil && Self.object(shop, "three") != nil)
            let labels = Self.object(shop, "one")?.labels
            #expect(labels?[Self.member] != nil && labels?[Self.owner] == nil)
            // What is a member now is pruned when it is dropped; the others stay.
            try await shop.tree.commit(["k8s/a.yaml": Self.configMap("four")])
            #expect(try await shop.deploy().status == .succeeded)
            #expect(Self.object(shop, "one") == nil)
            #expect(Self.object(shop, "two") != nil && Self.object(shop, "three") != nil)
        }
    }

    @Test("a list that cannot be given up is said, and the run is none the worse")
    func cannotDissolve() async throws {
        try await ClusterRoom.with(files: ["k8s/a.yaml": Self.configMap("one") + Self.configMap("two")]) { shop in
            #expect(try await shop.deploy().status == .succeeded)
            shop.definition.deploy.prune = false
            try await shop.tree.commit(["k8s/a.yaml": Self.configMap("one")])
            shop.cluster.order(Fault(.deniedByWebhook(name: "w", message: "no"), "DELETE", "/configmaps/fairlead-shop"))
            #expect(try await shop.deploy().status == .succeeded)
            #expect(Self.object(shop, "fairlead-shop") != nil)
            #expect(Self.object(shop, "two")?.labels[Self.member] == nil)
            #expect(try await shop.deploy().status == .succeeded)
            #expect(Self.object(shop, "fairlead-shop") == nil && Self.object(shop, "two") != nil)
        }
    }
}
