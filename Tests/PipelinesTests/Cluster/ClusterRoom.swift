import Kubernetes
import TestCluster

@testable import Pipelines

/// A server whose runs go the whole road, from the queue to a cluster's namespace `shop`. The pipeline builds nothing:
/// what is tried here begins with the manifests.
struct ClusterRoom {
    let server: TestServer
    let tree: WorkTree
    let cluster: TestCluster
    var needs: RunDependencies
    var definition: Definition
    private(set) var epoch: Int64

    /// A room with a cluster that has the namespace. What `body` starts it also ends.
    static func with(
        _ options: ClusterOptions = ClusterOptions(),
        files: [String: String] = Shop.files,
        _ body: (inout ClusterRoom) async throws -> Void
    ) async throws {
        let cluster = try TestCluster.start(options)
        cluster.arrange(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "shop"]])
        do {
            var room = try await ClusterRoom(cluster, files: files)
            try await body(&room)
        } catch {
            await cluster.stop()
            throw error
        }
        await cluster.stop()
    }

    /// One more server with a data folder of its own, which deploys to the same cluster.
    init(_ cluster: TestCluster, pipeline: String = "shop", files: [String: String]) async throws {
        self.cluster = cluster
        server = try TestServer()
        tree = try await WorkTree(files)
        needs = server.needs
        epoch = try server.history.beginEpoch()
        definition = Definition(
            name: pipeline,
            environment: pipeline,
            source: Definition.Source(github: nil, git: tree.url, branch: "main", tags: nil, paths: []),
            images: [],
            registry: .embedded,
            secrets: [:],
            deploy: Definition.Deploy(
                target: .kubeconfig(file: "\(server.folder.path)/kubeconfig", context: nil),
                namespace: "shop",
                manifests: .files(["k8s"]),
                timeout: 30
            ),
            smokeTest: [],
            onPush: .latest
        )
        try write(cluster.kubeconfig)
    }

    /// The kubeconfig that the pipeline names.
    func write(_ kubeconfig: String) throws { try server.folder.write(kubeconfig, to: "kubeconfig") }

    /// What a run came to.
    struct Outcome {
        var run: Int64
        var status: RunStatus
        var reason: Reason?
        var undo: Pipelines.Undo?
        /// Of the deploy stage.
        var log: String
    }

    /// Queues a run of the head and follows it to its end.
    ///
    /// - Parameter during: what happens while it is under way.
    func deploy(during: () async throws -> Void = {}) async throws -> Outcome {
        try await follow(try await server.run(definition), during: during)
    }

    /// Applies what a run has released again.
    func rollBack(to run: Int64) async throws -> Outcome {
        let id = try await server.history.enqueueRollback(
            pipeline: definition.name,
            environment: definition.environment,
            to: run,
            hold: definition.hold,
            by: nil
        ).get()
        return try await follow(id)
    }

    /// Follows a run that is queued, or that an earlier server has left, to its end.
    func follow(_ id: Int64, during: () async throws -> Void = {}) async throws -> Outcome {
        let claimed = try await server.history.claimNext(epoch: epoch)
        guard let run = claimed.first else { throw StageError(.errored, "no-run", "run \(id) cannot be claimed") }
        let road = Road(needs)
        async let end: Void = road.travel(run)
        try await during()
        await end
        return try await outcome(id)
    }

    func outcome(_ id: Int64) async throws -> Outcome {
        let summary = try await summary(id)
        return Outcome(
            run: id,
            status: summary.status,
            reason: summary.reason,
            undo: summary.undo,
            log: try await log(id)
        )
    }

    /// As a server that is started anew on the same data.
    mutating func restart() throws {
        epoch = try server.history.beginEpoch()
        needs = RunDependencies(
            history: needs.history,
            settings: needs.settings,
            podman: needs.podman,
            podmanTarget: needs.podmanTarget,
            registries: needs.registries,
            client: needs.client,
            github: needs.github,
            sealingKey: needs.sealingKey,
            environment: needs.environment,
            logger: needs.logger
        )
    }

    private func summary(_ id: Int64) async throws -> RunSummary {
        guard let run = try await server.history.runSummary(id) else { throw StageError(.errored, "no-run", "\(id)") }
        return run
    }

    private func log(_ id: Int64) async throws -> String {
        guard let attempt = try await server.history.newestAttempt(run: id, stage: .deploy) else { return "" }
        let piece = try await server.history.log(run: id, stage: .deploy, attempt: attempt, after: 0, limit: 1 << 20)
        return String(decoding: piece.bytes, as: UTF8.self)
    }

    /// Every object of the cluster without what counts up, and without what the cluster makes by itself.
    var objects: [String: JSON] {
        let own = cluster.everything.filter { object in
            !["Event", "Pod", "ReplicaSet", "ControllerRevision", "Endpoints", "EndpointSlice"].contains(object.kind)
        }
        return Dictionary(own.map { ("\($0.namespace ?? "") \($0.id)", essence($0)) }) { $1 }
    }

    private func essence(_ object: JSON) -> JSON {
        var object = object
        for name in ["resourceVersion", "generation", "managedFields"] { object.set(["metadata", name], nil) }
        object.set(["metadata", "annotations", "deployment.kubernetes.io/revision"], nil)
        if object.annotations.isEmpty { object.set(["metadata", "annotations"], nil) }
        object.set(["status"], nil)
        return object
    }
}

/// A small application: configuration, a Deployment and its Service.
enum Shop {
    static let files = ["k8s/shop.yaml": manifests()]

    static func manifests(greeting: String = "hello", image: String = "registry.test/web:1", app: String = "web")
        -> String
    {
        """
        apiVersion: v1
        kind: ConfigMap
        metadata: { name: settings }
        data: { greeting: \(greeting) }
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata: { name: web }
        spec:
          replicas: 1
          selector: { matchLabels: { app: \(app) } }
          template:
            metadata: { labels: { app: \(app) } }
            spec: { containers: [{ name: web, image: "\(image)" }] }
        ---
        apiVersion: v1
        kind: Service
        metadata: { name: web }
        spec: { selector: { app: \(app) }, ports: [{ port: 80 }] }

        """
    }
}
