import DigitalOcean
import FoundationEssentials
import GitHub
import HTTPClient
import Pipelines

/// What `fairlead doctor` asks of DigitalOcean, GitHub and clusters. Nothing is changed anywhere; credentials are minted
/// as a deploy mints them, for a moment.
struct CloudChecks {
    let settings: ServerSettings
    let environment: [String: String]
    let client = HTTPClient()

    init(settings: ServerSettings, environment: [String: String] = ProcessInfo.processInfo.environment) {
        self.settings = settings
        self.environment = environment
    }

    /// A clock that is further off makes tokens invalid before their time, or for ever. In seconds.
    private static let tolerableSkew: Int64 = 30

    // MARK: - Accounts

    func accounts(_ definitions: [Definition]) async -> [Finding] {
        let users = definitions.filter { $0.usesDigitalOcean }
        guard settings.digitalocean != nil || !users.isEmpty else { return [] }
        let api: DigitalOcean
        do {
            api = try settings.digitalOceanAPI(client: client)
        } catch {
            let names = users.map(\.name).joined(separator: ", ")
            return [
                Finding(
                    false,
                    "DigitalOcean: the configuration names no token, and there are pipelines that need one: \(names)",
                    "write digitalocean: { token: { env: DIGITALOCEAN_TOKEN } } in fairlead.yaml"
                )
            ]
        }
        var findings = await account(api)
        // What does not answer, or not to us, does not answer the next question either.
        guard findings.allSatisfy(\.ok) || findings.contains(where: { $0.what.contains("clock") }) else {
            return findings
        }
        var registries: [String: Set<String>] = [:]
        for definition in users {
            guard case .digitalocean(let name, let keep) = definition.registry else { continue }
            registries[name, default: []].formUnion(definition.images.map { "\(definition.name)/\($0.name)" })
            guard keep != nil else { continue }
            findings.append(
                Finding(
                    true,
                    "note: pipeline \(definition.name): retention needs registry:delete, which only a deletion shows",
                    ""
                )
            )
        }
        for (name, repositories) in registries.sorted(by: { $0.key < $1.key }) {
            findings += await registry(name, repositories, api)
        }
        return findings
    }

    private func account(_ api: DigitalOcean) async -> [Finding] {
        do {
            var findings = [Finding(true, "DigitalOcean: the token belongs to \(try await api.account())", "")]
            let now = Int64(Date().timeIntervalSince1970)
            if let skew = try await api.clockSkew(now: now) {
                findings.append(
                    Finding(
                        abs(skew) <= Self.tolerableSkew,
                        abs(skew) <= Self.tolerableSkew
                            ? "this machine's clock agrees with DigitalOcean's"
                            : "this machine's clock is \(abs(skew)) s \(skew > 0 ? "ahead of" : "behind") DigitalOcean's",
                        "timedatectl set-ntp true"
                    )
                )
            }
            return findings
        } catch  where error.code == .forbidden {
            // Nothing else needs it.
            return [Finding(true, "note: DigitalOcean: without account:read nobody can say whose the token is", "")]
        } catch {
            return [Finding(false, "DigitalOcean: \(error)", Mend.of(error, scopes: "account:read", missing: ""))]
        }
    }

    private func registry(_ name: String, _ repositories: Set<String>, _ api: DigitalOcean) async -> [Finding] {
        do {
            let region = try await api.registry(name).region ?? "unknown"
            _ = try await api.dockerCredentials(for: name, readWrite: true, lifetime: .seconds(60))
            var findings = [Finding(true, "registry \(name) (\(region)) gives credentials to push", "")]
            let plan = try await api.registryPlan()
            let known = Set(try await api.repositories(of: name))
            let count = known.union(repositories).count
            let room = plan.repositories.flatMap { $0 == 0 ? nil : "\($0)" } ?? "any number of"
            findings.append(
                Finding(
                    plan.holds(count),
                    "registry \(name): its plan \(plan.slug) holds \(room) repositories; \(known.count) are there, and the "
                        + "pipelines add \(count - known.count)",
                    "choose a larger plan under Container Registry → Settings, or delete a repository that nobody needs: "
                        + "doctl registry repository list-v2"
                )
            )
            if let running = try await api.garbageCollection(of: name) {
                findings.append(
                    Finding(true, "note: registry \(name) collects garbage (\(running.status)): pushes wait", "")
                )
            }
            return findings
        } catch {
            let mend = Mend.of(
                error,
                scopes: "registry:read and registry:update",
                missing: "doctl registry create \(name), or correct `registry: { digitalocean: \(name) }`"
            )
            return [Finding(false, "registry \(name): \(error)", mend)]
        }
    }

    // MARK: - Pipelines

    func pipeline(_ definition: Definition) async -> [Finding] {
        var findings: [Finding] = []
        if let repository = ReportRules(settings)?.repository(of: definition.source) {
            findings += await gitHub(repository)
        }
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
}

/// How to mend what DigitalOcean refuses.
enum Mend {
    /// - Parameters:
    ///   - scopes: that the request needs.
    ///   - missing: for what is not there.
    static func of(_ error: DigitalOceanError, scopes: String, missing: String) -> String {
        switch error.code {
        case .unauthorized:
            "make a new token under API → Tokens, with registry:read, registry:update and, for clusters, kubernetes:read and "
                + "kubernetes:access_cluster, and put it where `digitalocean: { token: … }` says"
        case .forbidden: "make a token that has \(scopes) too, under API → Tokens"
        case .notFound, .conflict, .invalid: missing
        case .tooManyRequests: "try again in an hour, or find out what else uses the token"
        case .serverError, .garbageCollection: "try again later; see https://status.digitalocean.com"
        case .unreachable:
            "see whether this machine gets there at all: curl -sSI https://api.digitalocean.com/v2/account"
        }
    }
}

extension Definition {
    fileprivate var usesDigitalOcean: Bool {
        if case .digitalocean = registry { return true }
        if case .digitalocean = deploy.target { return true }
        return false
    }
}
