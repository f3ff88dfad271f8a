import FoundationEssentials
import HTTPClient

/// A Kubernetes cluster (DOKS).
public struct ManagedCluster: Sendable, Equatable, Decodable {
    public var id: String
    public var name: String
    public var region: String
    /// `1.34.1-do.0`
    public var version: String
    /// Whether DigitalOcean gives the cluster credentials of the account's registries by itself.
    public var hasRegistry: Bool
    /// `running`, `provisioning`, `degraded`, …
    public var state: String

    private struct Status: Decodable { var state: String? }

    private enum CodingKeys: String, CodingKey {
        case id, name, region, version, status
        case hasRegistry = "registry_enabled"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        name = try container.decode(String.self, forKey: .name)
        region = try container.decodeIfPresent(String.self, forKey: .region) ?? ""
        version = try container.decodeIfPresent(String.self, forKey: .version) ?? ""
        hasRegistry = try container.decodeIfPresent(Bool.self, forKey: .hasRegistry) ?? false
        state = try container.decodeIfPresent(Status.self, forKey: .status)?.state ?? ""
    }
}

/// How a cluster's API server is reached for a while. The token is a secret.
public struct ClusterCredentials: Sendable {
    public var server: String
    /// PEM.
    public var certificateAuthority: [UInt8]
    public var token: String
}

extension DigitalOcean {
    /// A cluster by its id or its name.
    ///
    /// - Throws: `notFound` with the names that there are; `conflict` if several have that name.
    public func cluster(_ nameOrID: String) async throws(DigitalOceanError) -> ManagedCluster {
        struct Page: Decodable {
            var clusters: [ManagedCluster]?
            enum CodingKeys: String, CodingKey { case clusters = "kubernetes_clusters" }
        }
        let all = try await requests.list("/v2/kubernetes/clusters", about: "the clusters") { (page: Page) in
            page.clusters ?? []
        }
        if let cluster = all.first(where: { $0.id == nameOrID }) { return cluster }
        let named = all.filter { $0.name == nameOrID }
        guard named.count <= 1 else {
            throw DigitalOceanError(.conflict, "several clusters are named \(nameOrID): write the id of one of them")
        }
        guard let cluster = named.first else {
            let names = all.map(\.name).sorted().joined(separator: ", ")
            throw DigitalOceanError(
                .notFound,
                "there is no cluster \(nameOrID); the token sees \(names.isEmpty ? "none" : names)"
            )
        }
        return cluster
    }

    /// Credentials of a cluster, minted now.
    ///
    /// - Parameter lifetime: Whole seconds from 1 on. DigitalOcean takes 0 for seven days, so it is never sent.
    public func credentials(
        ofCluster id: String,
        lifetime: Duration
    ) async throws(DigitalOceanError) -> ClusterCredentials {
        struct Answer: Decodable {
            var server: String
            var authority: String
            var token: String
            enum CodingKeys: String, CodingKey {
                case server, token
                case authority = "certificate_authority_data"
            }
        }
        let seconds = max(1, lifetime.components.seconds)
        let answer: Answer = try await requests.get(
            "/v2/kubernetes/clusters/\(id.percentEncoded)/credentials?expiry_seconds=\(seconds)",
            about: "credentials of the cluster \(id)"
        )
        guard let authority = Data(base64Encoded: answer.authority) else {
            throw DigitalOceanError(.unreachable, "the cluster's certificate authority is not base64")
        }
        return ClusterCredentials(
            server: answer.server,
            certificateAuthority: Array(authority),
            token: answer.token
        )
    }
}
