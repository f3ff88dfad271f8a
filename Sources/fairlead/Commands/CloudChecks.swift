import DigitalOcean
import FoundationEssentials
import GitHub
import HTTPClient
import Kubernetes
import Pipelines

/// What `fairlead doctor` asks of DigitalOcean, GitHub and clusters. Nothing is changed anywhere; credentials are minted
/// as a deploy mints them, for a moment.
struct CloudChecks {
    let settings: ServerSettings
    private let client = HTTPClient()

    init(settings: ServerSettings) { self.settings = settings }

    /// A clock that is further off makes tokens invalid before their time, or for ever. In seconds.
    private static let tolerableSkew: Int64 = 30

    // MARK: - Accounts

    func accounts(_ definitions: [Definition]) async -> [Finding] {
        var findings: [Finding] = []
        let registries = definitions.compactMap { definition -> (String, Int)? in
            guard case .digitalocean(let name, _) = definition.registry else { return nil }
            return (name, definition.images.count)
        }
        let needsDigitalOcean = !registries.isEmpty || definitions.contains { $0.deploy.target.isManaged }
        if settings.digitalocean != nil || needsDigitalOcean {
            findings += await digitalOcean(Dictionary(registries) { $0 + $1 })
        }
        return findings
    }

    private func digitalOcean(_ registries: [String: Int]) async -> [Finding] {
        var findings: [Finding] = []
        do {
            let api = try settings.digitalOceanAPI(client: client)
            findings.append(Finding(true, "DigitalOcean: the token belongs to \(try await api.account())", ""))
            let now = Int64(Date().timeIntervalSince1970)
            if let skew = try await api.clockSkew(now: now), abs(skew) > Self.tolerableSkew {
                findings.append(
                    Finding(false, "this machine's clock is \(skew) s off DigitalOcean's", "timedatectl set-ntp true")
                )
            }
            for (name, images) in registries.sorted(by: { $0.key < $1.key }) {
                findings += await registry(name, images, api)
            }
        } catch {
            findings.append(
                Finding(
                    false,
                    "DigitalOcean: \(error)",
                    "make a token with registry:read, registry:update, registry:delete, kubernetes:read and "
                        + "kubernetes:access_cluster under API → Tokens, and name it under `digitalocean: { token: … }`"
                )
            )
        }
        return findings
    }

    private func registry(_ name: String, _ images: Int, _ api: DigitalOcean) async -> [Finding] {
        do {
            let region = try await api.registry(name).region ?? "unknown"
            _ = try await api.dockerCredentials(for: name, readWrite: true, lifetime: .seconds(60))
            let plan = try await api.registryPlan()
            return [
                Finding(true, "registry \(name) (\(region)) gives credentials to push", ""),
                Finding(
                    plan.holds(images),
                    "registry \(name): its plan \(plan.slug) holds \(plan.repositories ?? 0) repositories (0: any "
                        + "number), the pipelines need \(images)",
                    "choose a larger plan under Container Registry → Settings"
                ),
            ]
        } catch {
            return [
                Finding(
                    false,
                    "registry \(name): \(error)",
                    "doctl registry create \(name), or correct `registry: { digitalocean: … }`"
                )
            ]
        }
    }

    // MARK: - Pipelines

    func pipeline(_ definition: Definition) async -> [Finding] {
        var findings: [Finding] = []
        if let repository = definition.source.github { findings += await gitHub(repository) }
        if definition.deploy.target.isCluster { findings += await cluster(definition) }
        return findings
    }

    private func gitHub(_ repository: String) async -> [Finding] {
        do {
            guard let api = try settings.gitHubAPI(client: client) else { return [] }
            try await api.canSee(repository)
            return [Finding(true, "GitHub: \(repository) can be seen, to report statuses to", "")]
        } catch {
            return [
                Finding(
                    false,
                    "GitHub: \(error)",
                    "give the token or app contents: read, commit statuses: write and deployments: write on \(repository)"
                )
            ]
        }
    }

    private func cluster(_ definition: Definition) async -> [Finding] {
        let what = "pipeline \(definition.name): \(definition.deploy.target)"
        do {
            let environment = ProcessInfo.processInfo.environment
            let cluster = try await settings.cluster(of: definition.deploy, client: client, environment: environment)
            let version = try await cluster.version()
            var findings = [Finding(true, "\(what) answers, \(version.name)", "")]
            findings += try await permissions(cluster, definition, what)
            return findings
        } catch let error as KubernetesError {
            return [Finding(false, "\(what): \(error.message)", "check `deploy:` and the credentials that it names")]
        } catch {
            return [Finding(false, "\(what): \(error)", "check `deploy:` and the credentials that it names")]
        }
    }

    /// What a deploy asks of the API for an ordinary service; custom kinds are asked for when they turn up.
    private static let kinds: [(group: String, resources: [String])] = [
        ("", ["configmaps", "secrets", "services", "serviceaccounts"]), ("apps", ["deployments"]), ("batch", ["jobs"]),
    ]
    private static let verbs = ["get", "list", "watch", "create", "patch", "delete"]

    private func permissions(_ cluster: Cluster, _ definition: Definition, _ what: String) async throws -> [Finding] {
        let namespace = definition.deploy.namespace
        var questions = Self.kinds.flatMap { kind in
            kind.resources.flatMap { resource in
                Self.verbs.map { AccessQuestion($0, group: kind.group, resource: resource, namespace: namespace) }
            }
        }
        questions += [("get", "pods"), ("list", "pods"), ("watch", "pods"), ("list", "events")].map {
            AccessQuestion($0.0, resource: $0.1, namespace: namespace)
        }
        questions += ["list", "watch"].map {
            AccessQuestion($0, group: "apps", resource: "replicasets", namespace: namespace)
        }
        questions.append(AccessQuestion("get", resource: "pods", subresource: "log", namespace: namespace))
        if definition.smokeTest.contains(where: { $0.get.hasPrefix("service://") }) {
            questions.append(AccessQuestion("get", resource: "services", subresource: "proxy", namespace: namespace))
        }
        let answers = try await cluster.may(questions)
        let refused = answers.filter { !$0.value }.map(\.key.words).sorted()
        return [
            Finding(
                refused.isEmpty,
                refused.isEmpty
                    ? "\(what): all that a deploy does in namespace \(namespace) is allowed"
                    : "\(what): in namespace \(namespace) it may not \(refused.joined(separator: ", "))",
                "kubectl apply -k deploy/fairlead/target-namespace, or bind a Role with these verbs"
            )
        ]
    }
}

extension Definition.Target {
    fileprivate var isManaged: Bool { if case .digitalocean = self { true } else { false } }
}

extension AccessQuestion {
    fileprivate var words: String { "\(verb) \(resource)\(subresource.map { "/\($0)" } ?? "")" }
}
