import Foundation
import Kubernetes
import Pipelines
import TestCluster
import Testing

extension EndToEnd {
    @Suite("Going down while something does not let go") struct ShutdownTests {
        @Test(
            "the server ends without an undo whose cluster is silent; the run stays claimed, and the next one ends it"
        )
        func silentUndo() async throws {
            // By themselves, neither a request nor the undo would end while anybody waits for this test.
            let settings = """
                public: everything
                limits: { shutdown: 1s, kubernetesRequestDeadline: 2h, undoDeadline: 2h }

                """
            try await ClusterWorld.run(settings: settings) { world, cluster in
                let first = try await world.deploy(try await world.repository.head())
                #expect(first.status == "succeeded", "\(String(describing: first.reason))")
                let pinned = try #require(cluster.image(of: "web"))
                cluster.setImage(String(pinned.prefix { $0 != "@" }), ImageBehaviour(.exits(1), log: "no\n"))
                cluster.setImage(pinned, ImageBehaviour())
                let revision = try await world.repository.commit(["index.html": "Hello, again\n"], message: "Two")
                // The first write applies the object, the second one takes it back.
                cluster.order(Fault(.silence, skip: 1) { $0.isWrite && $0.path.contains("/deployments") })
                cluster.forgetRequests()
                let id = try await world.pushed(revision)
                try await eventually("the undo waits for the cluster") {
                    cluster.requests.contains { $0.isWrite && $0.path.contains("/deployments") && $0.status == nil }
                        ? true : nil
                }

                let server = try #require(world.serverProcess)
                server.signal(SIGTERM)
                try await eventually("the server has ended", seconds: 60) { server.isRunning ? nil : true }
                #expect(await server.wait() == 0)
                #expect(server.said.contains("Ended with runs that had not let go"))
                #expect(!server.said.contains("[fairlead] Stopped"))
                let history = try History.open(folder: world.data)
                #expect(try await history.record(run: id)?.status == .running)
                try history.close()

                cluster.clearFaults()
                try await world.start()
                let run = try await world.finished(id)
                #expect(run.status == "failed" && run.undo?.status == "succeeded", "\(String(describing: run.reason))")
                #expect(run.stage("deploy").attempt == 2)
                #expect(cluster.image(of: "web") == pinned)
            }
        }
    }
}
