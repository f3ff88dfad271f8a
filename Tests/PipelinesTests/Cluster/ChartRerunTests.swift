import HTTPClient
import Kubernetes
import Signing
import TestCluster
import Testing

@testable import Pipelines

/// Who publishes a chart may put another one under the same address. A run that is run again deploys what it has seen.
@Suite("A re-run with a published chart", .timeLimit(.minutes(2)))
struct ChartRerunTests {
    /// Without helm a run ends where it would be rendered: after the archive was compared.
    private static let hasHelm = RenderRoom.has("helm")

    @Test(
        "from a later stage takes the chart that its clone has seen, and no other",
        .enabled(if: SecureServer.isThere)
    )
    func rerun() async throws {
        let red = try await ChartSourceTests.archive()
        let blue = try await ChartSourceTests.archive(colour: "blue")
        let name = "todo-1.2.3.tgz"
        try await SecureServer.with(days: 30, serving: [name: red]) { server in
            try await ClusterRoom.with { room in
                room.needs.client = HTTPClient(configuration: .init(caFile: server.caFile))
                let helm = Definition.Helm(
                    chart: server.url + name,
                    values: [],
                    set: [:],
                    release: "shop",
                    manifests: [],
                    kustomize: nil
                )
                room.definition.deploy.manifests = .helm(helm)
                let first = try await room.deploy()
                try expectRendered(first, "red", room)

                try server.serve(blue, as: name)
                let changed = try await again(first.run, from: .deploy, room)
                #expect(changed.status == .failed && changed.reason?.code == "chart-changed", "\(changed)")
                let message = changed.reason?.message ?? ""
                #expect(
                    message.contains("its sha256 is \(SHA256Digest.hex(blue)), and \(SHA256Digest.hex(red)) is wanted")
                )

                try server.serve(red, as: name)
                try expectRendered(try await again(first.run, from: .deploy, room), "red", room)

                // Who wants the new one says so: the clone looks anew.
                try server.serve(blue, as: name)
                try expectRendered(try await again(first.run, from: .clone, room), "blue", room)
                try server.serve(red, as: name)
                #expect(try await again(first.run, from: .deploy, room).reason?.code == "chart-changed")
            }
        }
    }

    private func again(_ run: Int64, from stage: StageName, _ room: ClusterRoom) async throws -> ClusterRoom.Outcome {
        let history = room.server.history
        _ = try await history.rerun(run: run, from: stage, fresh: false, hold: .untilResumed, by: nil).get()
        return try await room.follow(run)
    }

    private func expectRendered(_ outcome: ClusterRoom.Outcome, _ colour: String, _ room: ClusterRoom) throws {
        guard Self.hasHelm else {
            #expect(outcome.reason?.code == "render-tool-missing", "\(outcome)")
            return
        }
        #expect(outcome.status == .succeeded, "\(outcome)")
        #expect(room.cluster.object("v1", "ConfigMap", "shop", "shop-web")?["data"] == ["colour": .string(colour)])
    }
}
