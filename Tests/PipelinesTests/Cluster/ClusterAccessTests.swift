import HTTPServer
import Kubernetes
import TestBackend
import TestCluster
import Testing

@testable import Pipelines

/// A cluster that cannot be reached, or no longer: a sentence on the run and in the stage's log that says what to do.
@Suite("Access to a cluster", .timeLimit(.minutes(2)))
struct ClusterAccessTests {
    private static func kubeconfig(_ cluster: String, user: String = "token: test-token") -> String {
        """
        apiVersion: v1
        kind: Config
        clusters: [{ name: c, cluster: { \(cluster) } }]
        users: [{ name: u, user: { \(user) } }]
        contexts: [{ name: main, context: { cluster: c, user: u } }]
        current-context: main

        """
    }

    /// Deploys where `kubeconfig` leads; the room's cluster must not be touched.
    private func expect(
        _ kubeconfig: String,
        _ status: RunStatus,
        _ code: String,
        _ tells: [String]
    ) async throws {
        try await ClusterRoom.with { room in
            try room.write(kubeconfig)
            room.needs.settings.limits.kubernetesRequestDeadline = 0.5
            let before = room.objects
            let outcome = try await room.deploy()
            #expect(outcome.status == status)
            #expect(outcome.reason?.code == code)
            let message = outcome.reason?.message ?? ""
            for part in tells { #expect(message.contains(part), "\(message)") }
            #expect(outcome.log.contains("deploy: \(message)"), "\(outcome.log)")
            #expect(outcome.undo == nil)
            #expect(room.objects == before)
            #expect(try await room.server.history.release(1) == nil)
        }
    }

    @Test("by a kubeconfig with an exec plugin is refused, and the program is not run")
    func exec() async throws {
        let folder = try TestFolder()
        try await expect(
            Self.kubeconfig(
                "server: \"http://127.0.0.1:1\"",
                user: "exec: { command: /usr/bin/touch, args: [\"\(folder.path)/ran\"], apiVersion: v1 }"
            ),
            .errored,
            "cluster-badAccess",
            ["exec plugin (/usr/bin/touch)"]
        )
        #expect(SmallFile.text("\(folder.path)/ran") == nil)
    }

    @Test("that answers HTML names what came")
    func html() async throws {
        try await withBackend([.text("<html><title>Sign in</title>")]) { backend in
            try await expect(
                Self.kubeconfig("server: \"\(backend.url)\""),
                .errored,
                "cluster-notKubernetes",
                ["the server answers HTML (HTTP 200, “<html><title>Sign in</title>”)", "not that of a Kubernetes API"]
            )
        }
    }

    @Test("that takes connections and goes silent ends in time")
    func silence() async throws {
        let frozen = try FrozenServer()
        try await expect(
            Self.kubeconfig("server: \"http://127.0.0.1:\(frozen.port)\""),
            .errored,
            "cluster-timeout",
            ["http://127.0.0.1:\(frozen.port) did not answer within"]
        )
    }

    @Test("where nobody listens says so")
    func nobody() async throws {
        try await expect(
            Self.kubeconfig("server: \"http://127.0.0.1:1\""),
            .errored,
            "cluster-unreachable",
            ["http://127.0.0.1:1 cannot be reached"]
        )
    }

    @Test("of another authority is not spoken to", .enabled(if: SecureServer.isThere, "no openssl"))
    func wrongAuthority() async throws {
        try await SecureServer.with(days: 1) { server in
            try await SecureServer.with(days: 1) { other in
                try await expect(
                    Self.kubeconfig(
                        "server: \"https://127.0.0.1:\(server.port)\", certificate-authority: \"\(other.caFile)\""
                    ),
                    .errored,
                    "cluster-wrongCA",
                    ["is not of the authority that is trusted for this cluster", "from a new kubeconfig"]
                )
            }
        }
    }

    @Test("with a token that is not accepted says so")
    func unknownToken() async throws {
        try await ClusterRoom.with { room in
            try room.write(Self.kubeconfig("server: \"\(room.cluster.url)\"", user: "token: expired"))
            let outcome = try await room.deploy()
            #expect(outcome.reason?.code == "cluster-unauthorized")
            #expect(outcome.reason?.message.contains("(401): they have expired, were revoked") == true)
        }
    }

    /// Pods that never become ready, so that a run waits for them.
    private static var waiting: ClusterOptions {
        var options = ClusterOptions()
        options.tokens = ["test-token": "tester", "test-token-2": "tester"]
        options.images["registry.test/web:2"] = ImageBehaviour(.neverReady)
        return options
    }

    private static let second = ["k8s/shop.yaml": Shop.manifests(greeting: "new", image: "registry.test/web:2")]

    /// What the cluster has of the new revision is there, and its watches are open.
    private static func isWaiting(_ view: ClusterView) -> Bool {
        view.objects("v1", "Pod", "shop").count == 2 && view.watches > 0
    }

    @Test("whose token is revoked under way is an error; what was applied is put back once there is a token again")
    func revoked() async throws {
        try await ClusterRoom.with(Self.waiting) { room in
            _ = try await room.deploy()
            let before = room.objects
            try await room.tree.commit(Self.second)
            let cluster = room.cluster
            let outcome = try await room.deploy {
                #expect(await cluster.wait { Self.isWaiting($0) })
                cluster.revoke("test-token")
                cluster.dropWatches()
            }
            #expect(outcome.status == .errored)
            #expect(outcome.reason?.code == "deploy-apply")
            let message = outcome.reason?.message ?? ""
            #expect(message.contains("(401): they have expired, were revoked"), "\(message)")
            #expect(outcome.log.contains("deploy: \(message)"))
            // It was tried, and what stays is named.
            #expect(outcome.undo?.status == .failed)
            #expect(outcome.undo?.reason.contains("ConfigMap settings could not be taken back") == true)
            #expect(outcome.log.contains("undo failed: "), "\(outcome.log)")

            // The operator writes a new token, and the next run first does what was left.
            try room.write(Self.kubeconfig("server: \"\(cluster.url)\"", user: "token: test-token-2"))
            try await room.tree.commit(["k8s/shop.yaml": "kind: nothing\n"])
            let next = try await room.deploy()
            #expect(next.reason?.code == "manifest-invalid")
            #expect(room.objects == before)
            #expect(try await room.server.history.unfinishedReleases(environment: "shop").isEmpty)
        }
    }

    @Test("whose token is replaced in its file under way goes on with the new one")
    func renewed() async throws {
        try await ClusterRoom.with(Self.waiting) { room in
            try room.server.folder.write("test-token", to: "token")
            try room.write(
                Self.kubeconfig("server: \"\(room.cluster.url)\"", user: "tokenFile: token")
            )
            try await room.tree.commit(Self.second)
            let (cluster, folder) = (room.cluster, room.server.folder)
            let outcome = try await room.deploy {
                #expect(await cluster.wait { !$0.objects("v1", "Pod", "shop").isEmpty && $0.watches > 0 })
                try folder.write("test-token-2", to: "token")
                cluster.revoke("test-token")
                cluster.setImage("registry.test/web:2", ImageBehaviour())
                cluster.dropWatches()
                for pod in cluster.objects("v1", "Pod", "shop") { cluster.remove("v1", "Pod", "shop", pod.name) }
            }
            #expect(outcome.status == .succeeded, "\(String(describing: outcome.reason))\n\(outcome.log)")
        }
    }

    @Test("is not asked for when a chart does not render")
    func chart() async throws {
        let files = [
            "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
            "chart/templates/web.yaml":
                "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: {{ required \"say which\" .Values.name }} }\n",
        ]
        try await ClusterRoom.with(files: files) { room in
            room.definition.deploy.manifests = .helm(.init(chart: "chart", values: [], set: [:], release: "shop"))
            let before = room.objects
            let outcome = try await room.deploy()
            let message = outcome.reason?.message ?? ""
            if RenderRoom.has("helm") {
                #expect(outcome.status == .failed)
                #expect(outcome.reason?.code == "render-failed")
                #expect(message.contains("say which") && message.contains("templates/web.yaml:3"), "\(message)")
            } else {
                #expect(outcome.status == .errored)
                #expect(outcome.reason?.code == "render-tool-missing")
            }
            #expect(outcome.log.contains("deploy: \(message)"))
            #expect(room.objects == before)
            #expect(room.cluster.requests.filter(\.isWrite).isEmpty)
        }
    }
}
