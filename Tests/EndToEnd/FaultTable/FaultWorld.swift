import Foundation
import HTTPClient
import Pipelines
import TestCluster
import Testing

/// The world that all cells of the table share: the real program, a real registry, a git host and an API server.
struct FaultWorld: Sendable {
    @TaskLocal static var current: FaultWorld?

    let world: World
    let cluster: TestCluster
    let token: String
    let lanes: FreeLanes
    /// The one working copy of the repository.
    let writing = Slots(1)

    /// Deadlines short enough to be waited for, and long enough for two cores that have other things to do.
    private static let settings = """
        public: everything
        limits: { fetchIdle: 1s, fetchDeadline: 4s, retryFor: 4s, cloneDeadline: 20s, buildDeadline: 30s, pushDeadline: 30s, \
        smokeTestDeadline: 20s, undoDeadline: 4s, kubernetesRequestDeadline: 2s, revisionWait: 1s, builds: 8 }

        """

    /// Of each stage, in seconds; of the deploy, its timeout and the undo's.
    static let deadlines: [String: Double] = ["clone": 20, "build": 30, "push": 30, "deploy": 14, "smoke-test": 20]

    /// Makes the world, lets `body` live in it, and takes it down.
    static func run(lanes count: Int, _ body: () async throws -> Void) async throws {
        let names = (1...count).map { "lane-\($0)" }
        try await ClusterWorld.withCluster(namespaces: names) { cluster in
            try await World.run(files: files, settings: settings, serve: false) { world in
                try await Registry.run(in: world.folder) { registry in
                    let git = try #require(UInt16(world.repository.url.split(separator: ":")[2].prefix { $0 != "/" }))
                    let targets = [FaultCell.Peer.git: git, .registry: registry.port, .cluster: cluster.port]
                    let lanes = try names.map { try FaultLane($0, targets: targets) }
                    defer { for lane in lanes { lane.stop() } }
                    try await prepare(lanes, world, cluster, registry)
                    let shared = FaultWorld(
                        world: world,
                        cluster: cluster,
                        token: try await world.token(),
                        lanes: FreeLanes(lanes)
                    )
                    try await $current.withValue(shared, operation: body)
                    #expect(try await world.containers().isEmpty)
                }
            }
        }
    }

    private static let files: [String: String] = {
        var files = Sample.files(dockerfile: dockerfile(base: "known"))
        files["busybox"] = nil
        return files
    }()

    static func dockerfile(base: String) -> String {
        """
        ARG BASE
        FROM ${BASE}:\(base)
        COPY index.html /www/index.html
        CMD ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]

        """
    }

    private static func prepare(
        _ lanes: [FaultLane],
        _ world: World,
        _ cluster: TestCluster,
        _ registry: Registry
    ) async throws {
        try FileManager.default.removeItem(atPath: "\(world.folder)/pipelines/web.yaml")
        var registries = ["127.0.0.1:\(registry.port)"]
        for lane in lanes {
            try await world.repository.git("branch", lane.name)
            try world.write("pipelines/\(lane.name).yaml", lane.pipeline)
            registries.append(lane.address(.registry))
            let kubeconfig = cluster.kubeconfig.replacing(cluster.url, with: "http://\(lane.address(.cluster))")
            try world.write("\(lane.name).kubeconfig", kubeconfig)
        }
        let list = registries.map { #"{ address: "\#($0)", insecure: true }"# }.joined(separator: ", ")
        try world.replace("registry: { embedded: true }", with: "registries: [\(list)]", in: "fairlead.yaml")
        try await world.start()
        try await registry.pushBase(world, tags: ["known"] + FaultTable.cells.indices.map { "base-\($0)" })
    }
}
