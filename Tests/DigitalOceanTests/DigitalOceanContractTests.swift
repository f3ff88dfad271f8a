import Foundation
import HTTPClient
import Testing

@testable import DigitalOcean

/// Every request against a server made of DigitalOcean's own description, which refuses what does not fit and answers
/// with its examples. `Tests/contracts/run` starts it.
@Suite(.enabled(if: contractServer != nil, "Tests/contracts/run, and the API's description, start the server"))
struct DigitalOceanContractTests {
    private var api: DigitalOcean { DigitalOcean(token: "t", api: contractServer ?? "", client: HTTPClient()) }

    @Test func registries() async throws {
        let registry = try await api.registry("example")
        #expect(registry.region == "fra1")
        let repositories = try await api.repositories(of: "example")
        #expect(repositories == ["repo-1"])
        let manifests = try await api.manifests(of: "repo-1", in: "example")
        #expect(manifests.allSatisfy { $0.digest.hasPrefix("sha256:") } && !manifests.isEmpty)
        try await api.deleteManifest(manifests[0].digest, of: "repo-1", in: "example")
        let plan = try await api.registryPlan()
        #expect(plan.slug == "basic")
    }

    @Test func `Garbage collection`() async throws {
        try await api.collectGarbage(of: "example")
        let running = try await api.garbageCollection(of: "example")
        #expect(running?.status == "requested")
    }

    @Test(arguments: [true, false])
    func `Credentials of a registry`(readWrite: Bool) async throws {
        let found = try await api.dockerCredentials(for: "example", readWrite: readWrite, lifetime: .seconds(600))
        #expect(found.auths[DigitalOcean.registryHost]?.isEmpty == false)
    }

    @Test func `Clusters and their credentials`() async throws {
        let cluster = try await api.cluster("prod-cluster-01")
        let credentials = try await api.credentials(ofCluster: cluster.id, lifetime: .seconds(900))
        #expect(credentials.server.hasPrefix("https://"))
        #expect(String(decoding: credentials.certificateAuthority, as: UTF8.self).hasPrefix("-----BEGIN CERTIFICATE"))
    }

    @Test func account() async throws {
        let account = try await api.account()
        #expect(account == "My Team")
    }
}

private let contractServer = ProcessInfo.processInfo.environment["FAIRLEAD_CONTRACT_DIGITALOCEAN"]
