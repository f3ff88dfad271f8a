import Foundation
import Pipelines
import Testing

/// GitHub's API ends no run: what it is told of one is told later.
extension EndToEnd {
    @Suite("GitHub that does not listen") struct GitHubFaultTests {
        private static let faults: [PeerFault] =
            ["/statuses/", "/deployments"].flatMap { line in
                [
                    .hang, .status(500), .status(429), .status(403, retryAfter: 1), .cutAnswer(after: 20),
                    .cutRequest(after: 40),
                ].map { PeerFault($0, line) }
            }
            // Nobody listens at all from the first deployment on; before that, there would be nothing to clone from.
            + [PeerFault(.refuse, "/deployments")]

        @Test("with every fault runs succeed all the same, and GitHub learns of each of them afterwards")
        func told() async throws {
            let github = try GitHubHost()
            do {
                try await run(github)
            } catch {
                await github.stop()
                throw error
            }
            await github.stop()
        }

        private func run(_ github: GitHubHost) async throws {
            let proxy = try FaultProxy(to: github.port)
            defer { proxy.stop() }
            let settings = """
                public: everything
                reconcile: off
                url: https://deploy.example
                github: { token: { env: FL_SECRET }, api: "http://127.0.0.1:\(proxy.port)/api/v3" }

                """
            try await ClusterWorld.run(branches: ["main"], settings: settings) { world, _ in
                github.origin.value = world.repository
                let url = "http://127.0.0.1:\(proxy.port)/test/sample.git"
                try world.replace(world.repository.url, with: url, in: "pipelines/main.yaml")
                try await world.start()
                var revisions: [String] = []
                for (number, fault) in Self.faults.enumerated() {
                    let revision = try await world.repository.commit(["a": "\(number)"], message: "Fault \(number)")
                    try proxy.set(fault)
                    let answer = try await world.push(revision) { payload in
                        var repository = payload["repository"] as? [String: Any] ?? [:]
                        repository["clone_url"] = url
                        return payload.merging(["repository": repository]) { $1 }
                    }
                    let run = try await world.finished(try Receipt(answer).runs[0].id)
                    #expect(run.status == "succeeded", "\(fault): \(String(describing: run.reason))")
                    #expect(run.stages.allSatisfy { $0.attempt == 1 }, "\(fault): \(run.stages)")
                    try await eventually("GitHub was asked, with \(fault)") { proxy.struck > 0 ? true : nil }
                    revisions.append(revision)
                    try proxy.set(nil)
                }
                for (revision, fault) in zip(revisions, Self.faults) {
                    try await eventually("GitHub knows how the run with \(fault) ended", seconds: 120) {
                        github.told["status of \(revision)"] == "success"
                            && github.told["deployment of \(revision)"] == "success" ? true : nil
                    }
                }
            }
        }
    }
}
