import Foundation
import HTTPClient
import Testing

@testable import GitHub

/// Every request against a server made of GitHub's own description, which refuses what does not fit.
/// `Tests/contracts/run` starts it.
@Suite(.enabled(if: contractServer != nil, "Tests/contracts/run, and the API's description, start the server"))
struct GitHubContractTests {
    private func api(_ credential: GitHubCredential = .token("t")) -> GitHubAPI {
        GitHubAPI(credential: credential, api: contractServer ?? "", client: HTTPClient())
    }

    @Test(arguments: [CommitStatus.State.pending, .success, .failure, .error])
    func `Commit statuses`(state: CommitStatus.State) async throws {
        let status = CommitStatus(state: state, description: "d", context: "fairlead/shop", link: "https://d.example/1")
        try await api().setStatus(status, on: String(repeating: "a", count: 40), of: "acme/web")
    }

    @Test(arguments: [DeploymentStatus.State.queued, .inProgress, .success, .failure, .error, .inactive])
    func `Deployments and their statuses`(state: DeploymentStatus.State) async throws {
        let revision = String(repeating: "a", count: 40)
        let id = try await api().createDeployment(of: revision, to: "shop", description: "d", in: "acme/web")
        #expect(id == 42)
        let status = DeploymentStatus(state: state, description: "d", environment: "shop", link: nil)
        try await api().setStatus(status, ofDeployment: id, in: "acme/web")
    }

    @Test func `An app's tokens`() async throws {
        let token = try await api(.app(id: 1, key: try await AppKey.make(), installation: nil)).token(for: "acme/web")
        #expect(token == "ghs_example")
    }

    @Test func `Webhooks, their deliveries, and redeliveries`() async throws {
        let address = "https://d.example/webhooks/github"
        let app = GitHubCredential.app(id: 1, key: try await AppKey.make(), installation: nil)
        for credential in [.token("t"), app] {
            let hook = try #require(try await api(credential).webhook(to: address, of: "acme/web"))
            let delivery = try #require(try await api(credential).deliveries(of: hook).deliveries.first)
            _ = try await api(credential).deliveries(of: hook, from: "v1_17")
            try await api(credential).redeliver(delivery.id, of: hook)
        }
    }

    @Test func repository() async throws {
        try await api().canSee("acme/web")
    }
}

private let contractServer = ProcessInfo.processInfo.environment["FAIRLEAD_CONTRACT_GITHUB"]
