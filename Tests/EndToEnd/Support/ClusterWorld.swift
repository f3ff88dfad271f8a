import HTTPServer
import Kubernetes
import TestBackend
import TestCluster

/// A cluster with one service behind its proxy, and a world whose pipeline deploys to it.
enum ClusterWorld {
    /// Makes both, lets `body` live in them, and takes them down.
    ///
    /// - Parameter branches: instead of pipeline `web` there is one for each of these, with a namespace of its own.
    static func run(
        files: [String: String] = Sample.files(),
        pipeline: String = "",
        before: String? = nil,
        deploy: String = "timeout: 60s",
        branches: [String] = [],
        settings: String = "public: everything\n",
        _ body: (World, TestCluster) async throws -> Void
    ) async throws {
        let before = before.map { ", before: \($0)" } ?? ""
        try await withCluster(namespaces: branches.isEmpty ? ["web"] : branches) { cluster in
            try await World.run(
                files: files,
                pipeline: pipeline,
                deploy: "{ kubeconfig: ../cluster.kubeconfig, manifests: [k8s], \(deploy)\(before) }",
                settings: settings,
                serve: false
            ) { world in
                try world.write("cluster.kubeconfig", cluster.kubeconfig)
                try world.splitPipeline(into: branches)
                if branches.isEmpty { try await world.start() }
                try await body(world, cluster)
            }
        }
    }

    /// A cluster alone, with Service `web` in each of the namespaces, for as long as `body` works.
    static func withCluster(namespaces: [String], _ body: (TestCluster) async throws -> Void) async throws {
        var options = ClusterOptions()
        options.second = .milliseconds(20)
        let cluster = try TestCluster.start(options)
        let service = try TestBackend { _, _ in .text("Hello from the cluster") }
        for namespace in namespaces {
            cluster.arrange(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(namespace)]])
            cluster.serve("web", in: namespace, port: 80, from: service.port)
        }
        do {
            try await body(cluster)
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
    func image(of deployment: String, in namespace: String = "web") -> String? {
        object("apps/v1", "Deployment", namespace, deployment)?[["spec", "template", "spec"]]?["containers"]?.items
            .first?[
                "image"
            ]?
            .string
    }
}
