import Foundation
import Kubernetes
import TestBackend
import TestCluster
import Testing

@testable import Pipelines

/// Credentials with which a namespace pulls from DigitalOcean's registry.
@Suite("The pull secret", .timeLimit(.minutes(2)))
struct PullSecretTests {
    private static let web = PushedImage(
        name: "web",
        origin: .built,
        key: "",
        digest: "sha256:" + String(repeating: "1", count: 64),
        reference: "registry.digitalocean.com/acme/shop/web@sha256:" + String(repeating: "1", count: 64)
    )
    /// One workload of an image of the pipeline, and one of somebody else's.
    private static let files = [
        "k8s/shop.yaml": Shop.manifests(image: "web")
            + "---\napiVersion: v1\nkind: Pod\nmetadata: { name: other }\n"
            + "spec: { containers: [{ name: other, image: \"registry.test/other:1\" }] }\n"
    ]

    /// A room whose pipeline pushes to `acme`, and a service that knows the room's cluster as `prod`.
    private func with(
        isManaged: Bool = true,
        isIntegrated: Bool = false,
        _ body: (inout ClusterRoom, TestDigitalOcean) async throws -> Void
    ) async throws {
        try await ClusterRoom.with(files: Self.files) { room in
            var state = TestDigitalOcean.State()
            state.isIntegrated = isIntegrated
            var copy = room
            try await TestDigitalOcean.with(state, cluster: room.cluster.url) { service in
                copy.needs.settings.use(service)
                copy.definition.registry = .digitalocean("acme", keep: nil)
                if isManaged { copy.definition.deploy.target = .digitalocean(cluster: "prod") }
                try await body(&copy, service)
            }
        }
    }

    /// Deploys as the deploy stage does, with an image that was pushed.
    @discardableResult
    private func deploy(_ room: ClusterRoom) async throws -> TargetRelease {
        let target = try room.needs.target(of: room.definition, run: nil)
        let end = ContinuousClock.now + .seconds(60)
        let log = CollectedLog()
        let rendered = try await target.render(
            RevisionToRender(checkout: room.tree.folder.path, images: [Self.web], secrets: [:]),
            log: log,
            deadline: end
        )
        let id = try await room.server.history.beginRelease(
            environment: "shop",
            run: try await room.server.run(room.definition),
            body: try room.needs.seal(rendered.body),
            images: [Self.web]
        )
        let release = TargetRelease(id: id, environment: "shop", body: rendered.body, images: [Self.web])
        _ = try await target.apply(release, previous: nil, log: log, deadline: end)
        try await room.server.history.markLive(id)
        try await target.settle(release, log: log, deadline: end)
        return release
    }

    private func secret(_ room: ClusterRoom) -> JSON? {
        room.cluster.object("v1", "Secret", "shop", "fairlead-registry-shop")
    }

    private func auth(_ room: ClusterRoom) -> String? {
        let text = secret(room)?[["data", ".dockerconfigjson"]]?.string ?? ""
        let file = Data(base64Encoded: text).flatMap { try? JSON(parsing: Array($0)) }
        return file?[["auths", "registry.digitalocean.com", "auth"]]?.string
    }

    private func pullSecrets(_ kind: String, _ room: ClusterRoom) -> [String?]? {
        let object = room.cluster.object(
            kind == "Pod" ? "v1" : "apps/v1",
            kind,
            "shop",
            kind == "Pod" ? "other" : "web"
        )
        let pod = kind == "Pod" ? object?["spec"] : object?[["spec", "template", "spec"]]
        return pod?["imagePullSecrets"]?.items.map { $0["name"]?.string }
    }

    @Test(
        "is made where the cluster has no credentials of its own: read-only, for 30 days, for the pods that need it",
        arguments: [true, false]
    )
    func made(isManaged: Bool) async throws {
        try await with(isManaged: isManaged) { room, service in
            try await deploy(room)
            #expect(secret(room)?["type"] == "kubernetes.io/dockerconfigjson")
            #expect(auth(room) == "minted-1")
            #expect(pullSecrets("Deployment", room) == ["fairlead-registry-shop"])
            #expect(pullSecrets("Pod", room) == nil)
            let minting = service.lines.filter { $0.contains("docker-credentials") }
            #expect(
                minting == ["GET /v2/registries/acme/docker-credentials?expiry_seconds=2592000&read_write=false"]
            )
            // Neither the release nor what is pruned after it has anything of it.
            let record = try #require(try await room.server.history.liveRelease(environment: "shop"))
            #expect(!String(decoding: try await room.needs.open(record).release.body, as: UTF8.self).contains("minted"))
            try await deploy(room)
            #expect(auth(room) == "minted-2")
        }
    }

    @Test("is not made where the cluster is integrated with the registry")
    func integrated() async throws {
        try await with(isIntegrated: true) { room, service in
            try await deploy(room)
            #expect(room.cluster.objects("v1", "Secret", "shop").isEmpty)
            #expect(pullSecrets("Deployment", room) == nil)
            #expect(service.now.minted == 0)
        }
    }

    @Test("is renewed when less than half of its time is left, and made again when it is gone")
    func renewed() async throws {
        try await with { room, service in
            try await deploy(room)
            let keeper = PullSecretKeeper(room.needs)
            let deployed = Date()
            await keeper.renewAll(now: deployed + 14 * 86_400)
            #expect(auth(room) == "minted-1" && service.now.minted == 1)
            await keeper.renewAll(now: deployed + 16 * 86_400)
            #expect(auth(room) == "minted-2")
            let owned = secret(room)?.labels["applyset.kubernetes.io/part-of"]
            #expect(owned?.hasPrefix("applyset-") == true)

            room.cluster.remove("v1", "Secret", "shop", "fairlead-registry-shop")
            await keeper.renewAll(now: deployed)
            #expect(auth(room) == "minted-3")
            // It is still the set's, so that a deploy after it changes it and prunes nothing.
            try await deploy(room)
            #expect(auth(room) == "minted-4")
        }
    }

    @Test("of a namespace in which a release is being applied is left to that release")
    func applying() async throws {
        try await with { room, service in
            try await deploy(room)
            _ = try await room.server.history.beginRelease(
                environment: "shop",
                run: try await room.server.run(room.definition),
                body: [],
                images: []
            )
            await PullSecretKeeper(room.needs).renewAll(now: Date() + 29 * 86_400)
            #expect(service.now.minted == 1)
        }
    }

    @Test("that cannot be renewed does not keep others from it")
    func faults() async throws {
        try await with { room, service in
            try await deploy(room)
            // An environment whose cluster is gone, which comes first or last.
            for name in ["aaa", "zzz"] {
                var other = room.definition
                other.name = name
                other.environment = name
                other.deploy.target = .kubeconfig(file: "/nonexistent", context: nil)
                _ = try await room.server.liveRelease(other)
            }
            await PullSecretKeeper(room.needs).renewAll(now: Date() + 20 * 86_400)
            #expect(auth(room) == "minted-2")
            // And when DigitalOcean refuses, what is there stays.
            service.change { $0.refused["/v2/registries"] = (403, "no scope") }
            await PullSecretKeeper(room.needs).renewAll(now: Date() + 20 * 86_400)
            #expect(auth(room) == "minted-2")
        }
    }

    @Test("is neither minted nor shown as going by a plan, also where the cluster has its own credentials by now")
    func planned() async throws {
        try await with { room, service in
            try await deploy(room)
            func plan() async throws -> [String] {
                try await room.needs.target(of: room.definition, run: nil).plan(
                    RevisionToRender(checkout: room.tree.folder.path, images: [Self.web], secrets: [:]),
                    log: CollectedLog()
                )
            }
            let lines = try await plan()
            #expect(lines == ["= 5 objects unchanged"])
            service.change { $0.isIntegrated = true }
            let later = try await plan()
            #expect(
                !later.contains { $0.contains("fairlead-registry-shop") && !$0.contains("imagePullSecrets") },
                "\(later)"
            )
            #expect(later.contains("~ Deployment web"), "\(later)")
            #expect(service.now.minted == 1)
            #expect(auth(room) == "minted-1")
        }
    }

    @Test("is taken back with its release")
    func undone() async throws {
        try await with { room, _ in
            room.cluster.order(Fault(.deniedByWebhook(name: "w", message: "no"), "PATCH", "/services/web"))
            await #expect(throws: StageError.self) { try await deploy(room) }
            let record = try #require(try await room.server.history.unfinishedReleases(environment: "shop").first)
            await ReleaseUndo(needs: room.needs, run: nil).undo(record.id, because: "test", log: CollectedLog())
            #expect(secret(room) == nil)
            #expect(room.cluster.object("apps/v1", "Deployment", "shop", "web") == nil)
        }
    }
}
