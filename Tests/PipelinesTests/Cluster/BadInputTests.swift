import Kubernetes
import TestCluster
import Testing

@testable import Pipelines

/// What bad input gets: a sentence with object, file and line, on the run and in the stage's log, and a cluster that is
/// as it was.
@Suite("Bad input", .timeLimit(.minutes(2)))
struct BadInputTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        /// Path → text of the revision that is at fault; nil removes a file.
        var files: [String: String?]
        var code: String
        /// How the reason begins.
        var says: String
        /// Also in the reason.
        var tells: [String] = []
        var status = RunStatus.failed
        var allow: [String] = []
        var before: @Sendable (TestCluster) -> Void = { _ in }
        var testDescription: String { name }

        init(_ name: String, _ files: [String: String?], _ code: String, _ says: String, _ tells: [String] = []) {
            (self.name, self.files, self.code, self.says, self.tells) = (name, files, code, says, tells)
        }

        func allowing(_ kinds: String...) -> Case {
            var new = self
            new.allow = kinds
            return new
        }

        func errored() -> Case {
            var new = self
            new.status = .errored
            return new
        }

        /// What is so in the cluster by then.
        func when(_ before: @escaping @Sendable (TestCluster) -> Void) -> Case {
            var new = self
            new.before = before
            return new
        }
    }

    private static func configMap(_ name: String, _ more: String = "") -> String {
        "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: \(name)\(more) }\ndata: { a: b }\n"
    }

    private static let sevenOfNine = (1...9).map { number in
        number == 7 ? "apiVersion: v1\nkind: [\n" : configMap("c\(number)")
    }.joined(separator: "---\n")

    /// Refused by what is written alone, or by what the pipeline may touch: nothing is asked of the cluster to be changed.
    static let manifests: [Case] = [
        Case(
            "no kind",
            ["k8s/bad.yaml": "\napiVersion: v1\nmetadata: { name: c }\n"],
            "manifest-invalid",
            "k8s/bad.yaml:2: kind is missing"
        ),
        Case(
            "a kind that may not be touched",
            ["k8s/bad.yaml": configMap("c") + "---\napiVersion: example.org/v9\nkind: Gizmo\nmetadata: { name: g }\n"],
            "manifest-kind-not-allowed",
            "k8s/bad.yaml:6: Gizmo g: this pipeline may not touch objects of kind Gizmo.example.org"
        ),
        Case(
            "a kind that the cluster does not know",
            ["k8s/bad.yaml": "apiVersion: example.org/v9\nkind: Gizmo\nmetadata: { name: g }\n"],
            "deploy-apply",
            "k8s/bad.yaml:1: the cluster has no kind Gizmo in example.org/v9"
        ).allowing("Gizmo.example.org"),
        Case(
            "an object of the whole cluster",
            ["k8s/bad.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: { name: n }\n"],
            "manifest-kind-not-allowed",
            "k8s/bad.yaml:1: Namespace n: this pipeline may not touch objects of kind Namespace"
        ),
        Case(
            "an object twice",
            ["k8s/zzz.yaml": configMap("settings")],
            "manifest-invalid",
            "k8s/zzz.yaml:1: ConfigMap settings is there twice: it is in k8s/shop.yaml:1 already"
        ),
        Case(
            "a List with an item that is none",
            [
                "k8s/bad.yaml":
                    "apiVersion: v1\nkind: List\nitems:\n- \(configMap("c").replacing("\n", with: "\n  "))\n- { apiVersion: v1 }\n"
            ],
            "manifest-invalid",
            "k8s/bad.yaml:1: items[1]: kind is missing"
        ),
        Case(
            "a ConfigMap of more than 1 MB",
            ["k8s/bad.yaml": configMap("c") + "binaryData: { big: \(String(repeating: "AAAA", count: 350_000)) }\n"],
            "manifest-too-large",
            "k8s/bad.yaml:1: ConfigMap c: holds 1,026 KiB; a ConfigMap takes 1,024 KiB at most"
        ),
        Case(
            "invalid YAML in document 7 of 9",
            ["k8s/nine.yaml": sevenOfNine],
            "manifest-invalid",
            "k8s/nine.yaml:33: not YAML: "
        ),
        Case(
            "another namespace",
            ["k8s/bad.yaml": configMap("c", ", namespace: kube-system")],
            "manifest-namespace",
            "k8s/bad.yaml:1: ConfigMap c: is in namespace kube-system, but the pipeline deploys to shop"
        ),
        Case(
            "text in place of labels",
            ["k8s/bad.yaml": "\n" + configMap("c", ", labels: x")],
            "manifest-incomplete",
            "k8s/bad.yaml:2: ConfigMap c: has text in metadata.labels, where names and their values must be"
        ),
        Case(
            "a number in an annotation",
            ["k8s/bad.yaml": configMap("c", ", annotations: { version: 2 }")],
            "manifest-incomplete",
            "k8s/bad.yaml:1: ConfigMap c: has a number in metadata.annotations.version, where text must be"
        ),
        Case(
            "no object at all",
            ["k8s/shop.yaml": "# nothing\n"],
            "manifest-missing",
            "The manifests hold no object"
        ),
    ]

    /// Refused by the cluster, some with other objects applied before: those are put back.
    static let refusals: [Case] = [
        Case(
            "a field that cannot be changed",
            ["k8s/shop.yaml": Shop.manifests(greeting: "new", app: "other")],
            "deploy-apply",
            "k8s/shop.yaml:6: Deployment web: a field cannot be changed on an existing object (spec.selector: ",
            ["delete the object first"]
        ),
        Case(
            "a field that the kind does not have",
            ["k8s/shop.yaml": Shop.manifests(greeting: "new").replacing("replicas: 1", with: "replica: 1")],
            "deploy-apply",
            "k8s/shop.yaml:6: Deployment web: not valid: .spec.replica: field not declared in schema"
        ),
        Case(
            "a quota that is used up",
            ["k8s/shop.yaml": Shop.manifests(greeting: "new"), "k8s/zzz.yaml": configMap("more")],
            "deploy-apply",
            "k8s/zzz.yaml:1: ConfigMap more: the namespace's quota does not allow it: ",
            ["exceeded quota: objects", "limited: count/configmaps="]
        ).when { cluster in
            let count = cluster.objects("v1", "ConfigMap", "shop").count
            cluster.arrange([
                "apiVersion": "v1", "kind": "ResourceQuota", "metadata": ["name": "objects", "namespace": "shop"],
                "spec": ["hard": ["count/configmaps": .integer(Int64(count))]],
            ])
        },
        Case(
            "an admission webhook that denies",
            ["k8s/shop.yaml": Shop.manifests(greeting: "new", image: "registry.test/web:2")],
            "deploy-apply",
            "k8s/shop.yaml:16: Service web: refused by policy.example.org: services are ours"
        ).when {
            $0.order(
                Fault(
                    .deniedByWebhook(name: "policy.example.org", message: "services are ours"),
                    "PATCH",
                    "/services/web"
                )
            )
        },
        Case(
            "credentials that may not do it",
            ["k8s/shop.yaml": Shop.manifests(greeting: "new", image: "registry.test/web:2")],
            "deploy-apply",
            "k8s/shop.yaml:6: Deployment web: not allowed: "
        ).when {
            $0.order(
                Fault(.status(403, reason: "Forbidden", message: "no rights"), "PATCH", "/deployments/web")
            )
        },
    ]

    /// Technical faults while the objects are applied.
    static let faults: [Case] = [
        Case(
            "a page of HTML in the midst of it",
            ["k8s/shop.yaml": Shop.manifests(greeting: "new", image: "registry.test/web:2")],
            "deploy-apply",
            "k8s/shop.yaml:6: Deployment web: the server answers HTML (HTTP 200, “",
            ["a proxy answers in its place"]
        ).errored().when { $0.order(Fault(.html(200), "PATCH", "/deployments/web", times: 100)) },
        Case(
            "a server that goes silent in the midst of it",
            ["k8s/shop.yaml": Shop.manifests(greeting: "new", image: "registry.test/web:2")],
            "deploy-apply",
            "k8s/shop.yaml:6: Deployment web: http://127.0.0.1:",
            ["did not answer within"]
        ).errored().when { $0.order(Fault(.silence, "PATCH", "/deployments/web", times: 1)) },
        Case(
            "a server that has a fault in the midst of it",
            ["k8s/shop.yaml": Shop.manifests(greeting: "new", image: "registry.test/web:2")],
            "deploy-apply",
            "k8s/shop.yaml:16: Service web: the cluster failed (HTTP 500): etcd is down"
        ).errored().when {
            $0.order(
                Fault(
                    .status(500, reason: "InternalError", message: "etcd is down"),
                    "PATCH",
                    "/services/web",
                    times: 100
                )
            )
        },
    ]

    @Test("in the manifests is told with object, file and line, and nothing is touched", arguments: manifests)
    func manifest(_ example: Case) async throws {
        try await ClusterRoom.with { room in
            try await room.expect(example) { #expect($0.cluster.requests.filter(\.isWrite).isEmpty) }
        }
    }

    @Test(
        "that the cluster refuses is told with object, file and line, and the cluster is as it was",
        arguments: refusals
    )
    func refusal(_ example: Case) async throws {
        try await ClusterRoom.with { room in try await room.expect(example) }
    }

    @Test("of a cluster that breaks down is told, and the cluster is as it was", arguments: faults)
    func fault(_ example: Case) async throws {
        try await ClusterRoom.with { room in try await room.expect(example) }
    }

    @Test("does not come of a List: its items are objects like others")
    func list() async throws {
        let items =
            "- { apiVersion: v1, kind: ConfigMap, metadata: { name: one } }\n"
            + "- { apiVersion: v1, kind: ConfigMap, metadata: { name: two } }\n"
        try await ClusterRoom.with(files: ["k8s/list.yaml": "apiVersion: v1\nkind: List\nitems:\n\(items)"]) { room in
            let outcome = try await room.deploy()
            #expect(outcome.status == .succeeded, "\(String(describing: outcome.reason))")
            #expect(room.cluster.object("v1", "ConfigMap", "shop", "one") != nil)
            #expect(room.cluster.object("v1", "ConfigMap", "shop", "two") != nil)
        }
    }
}

extension ClusterRoom {
    /// Deploys a good revision and then one that is at fault.
    fileprivate mutating func expect(
        _ example: BadInputTests.Case,
        _ more: (ClusterRoom) throws -> Void = { _ in }
    ) async throws {
        needs.settings.kubernetes.allow = example.allow
        needs.settings.limits.kubernetesRequestDeadline = 1
        let good = try await deploy()
        #expect(good.status == .succeeded, "\(String(describing: good.reason))")
        example.before(cluster)
        let before = objects
        cluster.forgetRequests()
        try await tree.commit(example.files)

        let bad = try await deploy()
        #expect(bad.status == example.status)
        #expect(bad.reason?.code == example.code)
        let message = bad.reason?.message ?? ""
        #expect(message.hasPrefix(example.says), "\(message)")
        for part in example.tells { #expect(message.contains(part), "\(message)") }
        #expect(bad.log.contains("deploy: \(message)"), "\(bad.log)")
        if let undo = bad.undo { #expect(undo.status == .succeeded, "\(undo.reason)\n\(bad.log)") }
        try more(self)
        cluster.clearFaults()
        #expect(objects == before)
        #expect(try await server.history.liveRelease(environment: definition.environment)?.run == 1)
    }
}
