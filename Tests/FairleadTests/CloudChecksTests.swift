import Foundation
import HTTPServer
import Kubernetes
import TestBackend
import TestCluster
import Testing

@testable import Pipelines
@testable import fairlead

/// What `fairlead doctor` finds out about accounts and clusters, each with its mend.
@Suite("CloudChecks", .timeLimit(.minutes(2)))
struct CloudChecksTests {
    /// A definition as its file gives it, two images.
    private static func definition(
        registry: String = "digitalocean: acme",
        deploy: String = "digitalocean: { cluster: prod }",
        more: String = "",
        checks: String = ""
    ) throws -> Definition {
        let text = """
            name: shop
            source: { git: "https://git.example/shop.git", branch: main }
            images: { web: { context: . }, api: { context: api } }
            registry: { \(registry) }
            deploy: { \(deploy), namespace: shop, manifests: [k8s]\(more) }
            smokeTest: [{ name: answers, get: "service://web:80/" }\(checks)]
            """
        return try readPipeline(file: "shop.yaml", contents: Array(text.utf8))
    }

    private func settings(_ service: TestDigitalOcean?, token: String = TestDigitalOcean.token) -> ServerSettings {
        var settings = ServerSettings(folder: "/nonexistent")
        settings.limits.digitaloceanDeadline = 5
        settings.limits.kubernetesRequestDeadline = 5
        if let service {
            settings.digitalocean = ServerSettings.DigitalOceanAccess(token: SecretValue(token), api: service.url)
        }
        return settings
    }

    private func withCluster(
        _ options: ClusterOptions = ClusterOptions(),
        hasNamespace: Bool = true,
        podSecurity: String? = "baseline",
        _ body: (TestCluster) async throws -> Void
    ) async throws {
        let cluster = try TestCluster.start(options)
        if hasNamespace {
            var namespace: JSON = ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "shop"]]
            if let podSecurity {
                namespace.set(["metadata", "labels", "pod-security.kubernetes.io/enforce"], .string(podSecurity))
            }
            cluster.arrange(namespace)
        }
        do { try await body(cluster) } catch {
            await cluster.stop()
            throw error
        }
        await cluster.stop()
    }

    /// Each finding in one line: `ok what`, `warn what | mend` or `FAIL what | mend`.
    private func lines(_ findings: [Finding]) -> [String] {
        findings.map { finding in
            switch finding.level {
            case .ok: "ok \(finding.what)"
            case .warning: "warn \(finding.what) | \(finding.fix)"
            case .failure: "FAIL \(finding.what) | \(finding.fix)"
            }
        }
    }

    // MARK: Accounts

    @Test("what is well is said once each: whose the token is, the clock, the registry, its plan")
    func well() async throws {
        var state = TestDigitalOcean.State()
        state.images = ["shop/web": [], "other/site": []]
        try await TestDigitalOcean.with(state) { service in
            let found = lines(await CloudChecks(settings: settings(service)).accounts([try Self.definition()]))
            #expect(
                found == [
                    "ok DigitalOcean: the token belongs to Acme", "ok this machine's clock agrees with DigitalOcean's",
                    "ok registry acme (fra1) gives credentials to push",
                    "ok registry acme: its plan basic holds 5 repositories; 2 are there, and the pipelines add 1",
                ]
            )
            #expect(service.now.minted == 1 && service.lines.allSatisfy { $0.hasPrefix("GET ") })
        }
    }

    @Test("nobody who does without DigitalOcean hears of it, and who needs it and names no token does")
    func token() async throws {
        let checks = CloudChecks(settings: settings(nil))
        let other = try Self.definition(registry: "address: \"127.0.0.1:5000\"", deploy: "inCluster: true")
        #expect(await checks.accounts([other]).isEmpty)
        let found = lines(await checks.accounts([other, try Self.definition()]))
        #expect(found.count == 1)
        #expect(found[0].hasPrefix("FAIL DigitalOcean: the configuration names no token, and there are pipelines that"))
        #expect(found[0].hasSuffix("| write digitalocean: { token: { env: DIGITALOCEAN_TOKEN } } in fairlead.yaml"))
    }

    @Test("a token that is not accepted is the only finding: nothing else can be known then")
    func unauthorized() async throws {
        try await TestDigitalOcean.with { service in
            let checks = CloudChecks(settings: settings(service, token: "revoked"))
            let found = lines(await checks.accounts([try Self.definition()]))
            #expect(found.count == 1)
            #expect(found[0].contains("does not accept the token") && found[0].contains("| make a new token under API"))
        }
    }

    @Test("a token without a scope is told which one it needs")
    func scopes() async throws {
        let refusal = (status: 403, message: "You are not authorized to perform this operation")
        try await TestDigitalOcean.with { service in
            service.change { $0.refused["/v2/registries/acme/docker-credentials"] = refusal }
            let checks = CloudChecks(settings: settings(service))
            let found = lines(await checks.accounts([try Self.definition()]))
            #expect(
                found.count == 3 && found[2].hasPrefix("FAIL registry acme: the DigitalOcean token may not do this")
            )
            #expect(
                found[2].hasSuffix("| make a token that has registry:read and registry:update too, under API → Tokens")
            )
            // Without the account's name all else is asked all the same.
            service.change { $0.refused = ["/v2/account": refusal] }
            let others = lines(await checks.accounts([try Self.definition()]))
            #expect(others.first == "ok note: DigitalOcean: without account:read nobody can say whose the token is")
            #expect(others.contains("ok registry acme (fra1) gives credentials to push"))
        }
    }

    @Test("a registry that is not there, a plan that is full, and a garbage collection under way")
    func registry() async throws {
        var state = TestDigitalOcean.State()
        state.images = ["other/site": []]
        state.repositoriesInPlan = 2
        state.garbageCollection = "requested"
        try await TestDigitalOcean.with(state) { service in
            let checks = CloudChecks(settings: settings(service))
            let found = lines(await checks.accounts([try Self.definition()]))
            let plan = "FAIL registry acme: its plan basic holds 2 repositories; 1 are there, and the pipelines add 2"
            #expect(
                found.contains { $0.hasPrefix(plan) && $0.contains("| choose a larger plan under Container Registry") }
            )
            #expect(found.last == "ok note: registry acme collects garbage (requested): pushes wait")
            let missing = lines(await checks.accounts([try Self.definition(registry: "digitalocean: nobody")]))
            #expect(missing.last?.hasPrefix("FAIL registry nobody: DigitalOcean knows nothing of") == true)
            #expect(missing.last?.contains("| doctl registry create nobody, or correct") == true)
        }
    }

    @Test("a clock that is off is told by how much and in which direction", arguments: [3600.0, -3600])
    func clock(_ ahead: Double) async throws {
        var state = TestDigitalOcean.State()
        state.clock = ahead
        try await TestDigitalOcean.with(state) { service in
            let found = lines(await CloudChecks(settings: settings(service)).accounts([try Self.definition()]))
            let clock = try #require(found.first { $0.contains("clock") })
            #expect(clock.hasPrefix("FAIL this machine's clock is 3") && clock.hasSuffix("| timedatectl set-ntp true"))
            #expect(clock.contains(ahead > 0 ? "s behind DigitalOcean's" : "s ahead of DigitalOcean's"), "\(clock)")
            // The rest is asked all the same.
            #expect(found.contains("ok registry acme (fra1) gives credentials to push"))
        }
    }

    @Test("an API that does not answer is told once, with how to find out why")
    func unreachable() async throws {
        var settings = settings(nil)
        settings.digitalocean = .init(token: SecretValue("t"), api: "http://127.0.0.1:1")
        let found = lines(await CloudChecks(settings: settings).accounts([try Self.definition()]))
        #expect(found.count == 1 && found[0].contains("http://127.0.0.1:1 cannot be reached"))
        #expect(found[0].contains("| see whether this machine gets there at all"))
    }

    // MARK: Clusters

    /// Of a pipeline that deploys to the service's cluster `prod`.
    private func findings(
        _ cluster: TestCluster,
        _ definition: Definition,
        allow: [String] = [],
        prepare: (inout TestDigitalOcean.State) -> Void = { _ in }
    ) async throws -> [String] {
        var found: [String] = []
        try await TestDigitalOcean.with(cluster: cluster.url) { service in
            service.change(prepare)
            var settings = settings(service)
            settings.kubernetes.allow = allow
            found = lines(await CloudChecks(settings: settings).cluster(definition))
        }
        return found
    }

    private static let target = "pipeline shop: the DigitalOcean cluster prod"

    @Test("a cluster that is well: its version, what we may do, and how it gets at the images")
    func cluster() async throws {
        try await withCluster { cluster in
            let definition = try Self.definition()
            let allowed = "ok \(Self.target): all that a deploy does in namespace shop is allowed"
            #expect(
                try await findings(cluster, definition) == [
                    "ok \(Self.target) answers, v1.34.1",
                    "ok \(Self.target): namespace shop admits baseline pods only", allowed,
                    "ok pipeline shop: the next deploy makes Secret fairlead-registry-shop, with which the namespace pulls "
                        + "images",
                ]
            )
            let integrated = try await findings(cluster, definition) { $0.isIntegrated = true }
            #expect(integrated.last == "ok pipeline shop: the cluster pulls from DigitalOcean's registry by itself")
            // Nothing was changed.
            #expect(cluster.requests.filter(\.isWrite).isEmpty)
        }
    }

    @Test(
        "a pull secret is told how long it lasts, and that it has run out",
        arguments: [(-10.0, true), (-31.0, false)]
    )
    func pullSecret(days: Double, isGood: Bool) async throws {
        try await withCluster { cluster in
            let renewed = (Date() + days * 86_400).formatted(.iso8601)
            cluster.arrange([
                "apiVersion": "v1", "kind": "Secret",
                "metadata": [
                    "name": "fairlead-registry-shop", "namespace": "shop",
                    "annotations": ["fairlead.dev/renewed": .string(renewed)],
                ],
            ])
            let found = try await findings(cluster, try Self.definition())
            let told =
                isGood
                ? "ok pipeline shop: Secret fairlead-registry-shop lets the namespace pull images for another 19 days"
                : "FAIL pipeline shop: Secret fairlead-registry-shop ran out 1 days ago: pods that move cannot pull their "
                    + "image | start the server, which renews it, or deploy: fairlead run shop"
            #expect(found.last == told)
        }
    }

    @Test("what we may not do is named verb by verb, with how to allow it")
    func permissions() async throws {
        var options = ClusterOptions()
        options.access = [
            AccessRule(verbs: ["get", "list", "watch", "create", "patch"], resources: ["*"], namespaces: ["shop"]),
            AccessRule(
                verbs: ["delete"],
                resources: ["configmaps", "services", "serviceaccounts", "deployments", "jobs"]
            ),
        ]
        try await withCluster(options) { cluster in
            let found = try await findings(cluster, try Self.definition())
            let refused = try #require(found.first { $0.hasPrefix("FAIL") })
            #expect(
                refused
                    == "FAIL \(Self.target): in namespace shop it may not delete secrets | kubectl apply --namespace shop "
                    + "--filename deploy/fairlead/target-namespace/role.yaml, or bind a Role with these verbs"
            )
            // By force more is done, and of kinds that the operator allows too.
            let more = try await findings(
                cluster,
                try Self.definition(more: ", force: true"),
                allow: ["Lease.coordination.k8s.io", "Role.rbac.authorization.k8s.io"]
            )
            let second = more.first { $0.hasPrefix("FAIL") } ?? ""
            for words in ["update configmaps", "update deployments", "delete secrets"] {
                #expect(second.contains(words), "\(second)")
            }
            // A smoke test's requests to Services are the cluster's to allow, each by its method.
            let checks = ["post", "put", "patch", "delete"].map { ", { \($0): 'service://web:80/' }" }.joined()
            let third = try await findings(cluster, try Self.definition(checks: checks)).first { $0.hasPrefix("FAIL") }
            #expect(
                third?.contains("may not delete secrets, delete services/proxy, update services/proxy |") == true,
                "\(third ?? "")"
            )
        }
    }

    @Test("a namespace that is not there, or that may not be looked at, is told")
    func namespace() async throws {
        try await withCluster(hasNamespace: false) { cluster in
            let found = try await findings(cluster, try Self.definition())
            #expect(found.contains("FAIL \(Self.target) has no namespace shop | kubectl create namespace shop"))
            cluster.setAccess([
                AccessRule(
                    verbs: ["*"],
                    resources: ["configmaps", "deployments", "events", "jobs", "pods", "pods/log", "replicasets"]
                        + ["secrets", "serviceaccounts", "services", "services/proxy"],
                    namespaces: ["shop"]
                )
            ])
            let blind = try await findings(cluster, try Self.definition())
            #expect(blind.filter { $0.hasPrefix("FAIL") } == [])
            #expect(
                blind.contains(
                    "warn \(Self.target): namespace shop may not be looked at, so what its pods may ask for is not known | "
                        + "look yourself: kubectl get namespace shop --show-labels; or allow `get` of namespaces in its Role, "
                        + "as deploy/fairlead/target-namespace/role.yaml does"
                ),
                "\(blind)"
            )
        }
    }

    @Test(
        "a namespace that admits every pod is a warning with the command that mends it",
        arguments: [nil, "privileged", "restricted"]
    )
    func podSecurity(level: String?) async throws {
        try await withCluster(podSecurity: level) { cluster in
            // A Role of the namespace is enough to look at it.
            cluster.setAccess([AccessRule(verbs: ["*"], resources: ["*"], namespaces: ["shop"])])
            let found = try await findings(cluster, try Self.definition())
            let (label, every) = (
                "pod-security.kubernetes.io/enforce", "admits pods that ask for host paths and privileges"
            )
            let told =
                switch level {
                case nil:
                    "warn \(Self.target): namespace shop \(every): it has no label \(label) | "
                        + "kubectl label namespace shop \(label)=baseline"
                case "privileged":
                    "warn \(Self.target): namespace shop \(every): its label \(label) is privileged | "
                        + "kubectl label namespace shop \(label)=baseline --overwrite"
                default: "ok \(Self.target): namespace shop admits restricted pods only"
                }
            #expect(found.contains(told), "\(found)")
            #expect(found.allSatisfy { !$0.hasPrefix("FAIL") })
            #expect(cluster.requests.filter(\.isWrite).isEmpty)
        }
    }

    @Test("a cluster that is too old for server-side apply is told")
    func version() async throws {
        var options = ClusterOptions()
        options.version = "v1.21.14"
        try await withCluster(options) { cluster in
            let found = try await findings(cluster, try Self.definition())
            #expect(
                found.first
                    == "FAIL \(Self.target) answers, v1.21.14: too old for server-side apply | upgrade the cluster to "
                    + "1.22 or later"
            )
        }
    }

    @Test("a cluster that DigitalOcean does not know, or does not let us into")
    func managed() async throws {
        try await withCluster { cluster in
            let other = try Self.definition(deploy: "digitalocean: { cluster: staging }")
            let missing = try await findings(cluster, other)
            #expect(missing.count == 1)
            #expect(missing[0].contains("there is no cluster staging; the token sees prod"))
            #expect(missing[0].contains("| correct deploy: { digitalocean: { cluster: … } }"))
            let refused = try await findings(cluster, try Self.definition()) {
                $0.refused["/v2/kubernetes/clusters/c-1/credentials"] = (403, "no")
            }
            #expect(refused.count == 1)
            #expect(refused[0].contains("| make a token that has kubernetes:read and kubernetes:access_cluster too"))
        }
    }

    @Test("a kubeconfig that leads nowhere says why, and what to do")
    func kubeconfig() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "fairlead-doctor-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = "\(folder)/kubeconfig"
        let definition = try Self.definition(
            registry: "address: \"127.0.0.1:5000\"",
            deploy: "kubeconfig: { file: \"\(file)\" }"
        )
        func found(_ server: String, user: String = "token: t") async throws -> String {
            try """
            { apiVersion: v1, kind: Config, current-context: m, clusters: [{ name: c, cluster: { server: "\(server)" } }],
              users: [{ name: u, user: { \(user) } }], contexts: [{ name: m, context: { cluster: c, user: u } }] }
            """.write(toFile: file, atomically: true, encoding: .utf8)
            let found = lines(await CloudChecks(settings: settings(nil)).cluster(definition))
            #expect(found.count == 1)
            return found[0]
        }
        let gone = lines(await CloudChecks(settings: settings(nil)).cluster(definition))
        #expect(gone[0].contains("cannot be read | correct the kubeconfig"))
        let plugin = try await found("https://127.0.0.1:1", user: "exec: { command: doctl }")
        #expect(plugin.contains("exec plugin (doctl)") && plugin.contains("| correct the kubeconfig"))
        let nobody = try await found("http://127.0.0.1:1")
        #expect(nobody.contains("cannot be reached") && nobody.contains("| see whether it runs"))
        try await withBackend([.text("<html>")]) { backend in
            let page = try await found(backend.url)
            #expect(page.contains("the server answers HTML") && page.contains("| correct `server:`"))
        }
        try await withCluster { cluster in
            let stranger = try await found(cluster.url)
            #expect(stranger.contains("(401)") && stranger.contains("| put new credentials into the kubeconfig"))
        }
    }
}
