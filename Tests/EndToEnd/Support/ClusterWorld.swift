import HTTPServer
import Kubernetes
import TestBackend
import TestCluster

/// A cluster with one service behind its proxy, and a world whose pipeline deploys to it.
enum ClusterWorld {
    static func run(
        files: [String: String] = Sample.files(),
        pipeline: String = "",
        before: String? = nil,
        deploy: String = "timeout: 60s",
        _ body: (World, TestCluster) async throws -> Void
    ) async throws {
        var options = ClusterOptions()
        options.second = .milliseconds(20)
        let cluster = try TestCluster.start(options)
        let service = try TestBackend { _, _ in .text("Hello from the cluster") }
        cluster.arrange(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "web"]])
        cluster.serve("web", in: "web", port: 80, from: service.port)
        let before = before.map { ", before: \($0)" } ?? ""
        do {
            try await World.run(
                files: files,
                pipeline: pipeline,
                deploy: "{ kubeconfig: ../cluster.kubeconfig, manifests: [k8s], \(deploy)\(before) }",
                serve: false
            ) { world in
                try world.write("cluster.kubeconfig", cluster.kubeconfig)
                try await world.start()
                try await body(world, cluster)
            }
        } catch {
            await service.stop()
            await cluster.stop()
            throw error
        }
        await service.stop()
        await cluster.stop()
    }
}

extension TestCluster {
    /// The first container's image of a Deployment, as it is written.
    func image(of deployment: String) -> String? {
        object("apps/v1", "Deployment", "web", deployment)?[["spec", "template", "spec"]]?["containers"]?.items.first?[
            "image"
        ]?
        .string
    }
}
