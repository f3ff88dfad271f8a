import FoundationEssentials
public import HTTPClient

/// DigitalOcean's API, as far as a deploy needs it: registries, clusters, and credentials minted for the moment.
/// Source of every rule: https://docs.digitalocean.com/reference/api/.
public struct DigitalOcean: Sendable {
    /// The host that images are pushed to, whatever the registry's region.
    public static let registryHost = "registry.digitalocean.com"

    let requests: Requests

    /// - Parameters:
    ///   - token: A personal access token with the scopes `registry:read`, `registry:update`, `registry:delete`,
    ///     `kubernetes:read` and `kubernetes:access_cluster`.
    ///   - api: The address of the API, without a slash at the end.
    ///   - deadline: For one call, tries and waiting included.
    public init(
        token: String,
        api: String = "https://api.digitalocean.com",
        client: HTTPClient,
        deadline: Duration = .seconds(30)
    ) {
        requests = Requests(token: token, api: api, client: client, deadline: deadline)
    }

    /// Whom the token belongs to, as people know it: the team's name, or an e-mail address.
    public func account() async throws(DigitalOceanError) -> String {
        struct Answer: Decodable {
            struct Account: Decodable {
                struct Team: Decodable { var name: String? }
                var email: String?
                var team: Team?
            }
            var account: Account
        }
        let answer: Answer = try await requests.get("/v2/account", about: "the account")
        return answer.account.team?.name ?? answer.account.email ?? "unknown"
    }

    /// How far this machine's clock is ahead of DigitalOcean's, in whole seconds; nil if the answer has no date.
    public func clockSkew(now: Int64) async throws(DigitalOceanError) -> Int64? {
        try await requests.send("GET", "/v2/account", about: "the account").date.map { now - $0 }
    }
}
