import DigitalOcean
import FoundationEssentials
import Kubernetes

/// The credentials with which a namespace pulls a pipeline's images, where the cluster has none of its own: read-only,
/// minted at each deploy, and renewed while the release lives.
struct PullSecret: Sendable {
    let needs: RunDependencies
    let definition: Definition

    init(_ needs: RunDependencies, _ definition: Definition) {
        self.needs = needs
        self.definition = definition
    }

    /// One for each pipeline: another server may deploy to the namespace, from another registry.
    static func id(for definition: Definition) -> ObjectID {
        ObjectID(
            apiVersion: "v1",
            kind: "Secret",
            namespace: definition.deploy.namespace,
            name: "fairlead-registry-\(definition.name)"
        )
    }
    var id: ObjectID { Self.id(for: definition) }

    /// Nodes pull again whenever a pod moves; renewed when less than half of it is left.
    static let lifetime = Duration.seconds(30 * 86_400)
    private static let renewed = "fairlead.dev/renewed"

    /// - Parameter live: the Secret as it is in the cluster; nil if there is none.
    static func isDue(_ live: JSON?, now: Date) -> Bool {
        let lifetime = Double(lifetime.components.seconds)
        // One that seems to last longer than any was written by a clock that was wrong.
        return live.map { !(lifetime / 2...lifetime).contains(left(of: $0, now: now)) } ?? true
    }

    /// Seconds for which the credentials are good; none if nothing is written on the Secret.
    static func left(of live: JSON, now: Date) -> Double {
        guard let text = live.annotations[renewed], let last = try? Date(text, strategy: .iso8601) else { return 0 }
        return Double(lifetime.components.seconds) - now.timeIntervalSince(last)
    }

    /// The Secret's manifest; nil where the cluster is integrated with the registry, or the registry needs no
    /// credentials.
    func manifest() async throws -> Manifest? {
        guard let auths = try await auths(), !auths.isEmpty else { return nil }
        struct File: Encodable {
            struct Auth: Encodable { let auth: String }
            let auths: [String: Auth]
        }
        let file = try JSONEncoder().encode(File(auths: auths.mapValues(File.Auth.init)))
        return manifest(
            renewed: Date().formatted(.iso8601),
            data: [".dockerconfigjson": .string(file.base64EncodedString())]
        )
    }

    /// The manifest that leaves the Secret as it is.
    func manifest(keeping live: JSON) -> Manifest {
        manifest(renewed: live.annotations[Self.renewed] ?? "", data: .object(live["data"]?.members ?? [:]))
    }

    private func manifest(renewed: String, data: JSON) -> Manifest {
        Manifest(
            [
                "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
                "metadata": [
                    "name": .string(id.name), "namespace": .string(definition.deploy.namespace),
                    "annotations": .object([Self.renewed: .string(renewed)]),
                ],
                "data": data,
            ],
            source: "credentials of the registry"
        )
    }

    /// Whether the cluster has the registry's credentials by itself.
    func isIntegrated() async throws -> Bool {
        guard case .digitalocean = definition.registry, case .digitalocean(let cluster) = definition.deploy.target
        else {
            return false
        }
        return try await needs.digitalOcean().cluster(cluster).hasRegistry
    }

    private func auths() async throws -> [String: String]? {
        switch definition.registry {
        case .digitalocean(let name, _):
            let api = try needs.digitalOcean()
            if try await isIntegrated() { return nil }
            return try await api.dockerCredentials(for: name, readWrite: false, lifetime: Self.lifetime).auths
        case .address(let address):
            let host = String(address.prefix { $0 != "/" })
            return needs.registries.basic(for: host).map { [host: $0] }
        case .embedded:
            // Only nodes on this machine reach it.
            return needs.registries.embedded.flatMap { host in needs.registries.basic(for: host).map { [host: $0] } }
        }
    }
}
