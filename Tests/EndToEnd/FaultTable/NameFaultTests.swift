import Foundation
import HTTPClient
import Kubernetes
import TestCluster
import Testing

/// Names that cannot be looked up, in each stage that looks one up. The server has a name server of its own, in a mount
/// namespace.
extension EndToEnd {
    @Suite("Names that are not found", .enabled(if: NameServer.isPossible, "needs root, for port 53"))
    struct NameFaultTests {
        private static let faults = ["unknown", "broken", "silent"]
        /// Stage → the code of the reason.
        private static let stages = [
            "clone": ["git-network", "git-timeout"], "push": ["registry-unreachable", "deadline-exceeded"],
            "deploy": ["cluster-unreachable", "cluster-timeout"],
        ]

        @Test("each ends its run in words, in time, and the run that is run again afterwards succeeds")
        func names() async throws {
            let names = try NameServer()
            defer { names.stop() }
            let settings = """
                public: everything
                reconcile: off
                limits: { fetchIdle: 2s, fetchDeadline: 4s, retryFor: 4s, pushDeadline: 12s, kubernetesRequestDeadline: 3s }
                """
            try await ClusterWorld.run(branches: ["main"], settings: settings) { world, cluster in
                try await Registry.run(in: world.folder) { registry in
                    let pipelines = try prepare(world, cluster, registry)
                    try "nameserver \(names.address)\n"
                        .write(toFile: "\(world.folder)/resolv.conf", atomically: true, encoding: .utf8)
                    let script = #"mount --bind "$0" /etc/resolv.conf && exec "$@""#
                    try await world.start(under: [
                        "/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, "\(world.folder)/resolv.conf",
                    ])
                    let token = try await world.token()
                    var runs: [(name: String, stage: String, id: Int64)] = []
                    for (name, stage) in pipelines {
                        let answer = try await world.request("POST", "/api/v1/pipelines/\(name)/runs", token: token)
                        runs.append((name, stage, Int64(try #require(try answer.json()["id"] as? Int))))
                    }
                    for (name, stage, id) in runs {
                        let run = try await world.finished(id)
                        let shown = "\(name): \(run.status) \(String(describing: run.reason))"
                        #expect(run.status == "errored" && run.stage(stage).status == "errored", "\(shown)")
                        #expect(Self.stages[stage]?.contains(run.reason?.code ?? "") == true, "\(shown)")
                        #expect((run.stage(stage).duration ?? 99) < 20, "\(shown)")
                    }
                    names.mend()
                    for (name, _, id) in runs {
                        // Under a name it would be https alone, which the test's API server does not speak.
                        try world.write("\(name).kubeconfig", cluster.kubeconfig)
                        let run = try await world.rerunToEnd(id, token: token)
                        #expect(run.status == "succeeded", "\(name): \(String(describing: run.reason))")
                    }
                }
            }
        }

        /// A pipeline for each stage and fault.
        ///
        /// - Returns: their names and stages.
        private func prepare(
            _ world: World,
            _ cluster: TestCluster,
            _ registry: Registry
        ) throws -> [(String, String)] {
            let main = try String(contentsOfFile: "\(world.folder)/pipelines/main.yaml", encoding: .utf8)
            try FileManager.default.removeItem(atPath: "\(world.folder)/pipelines/main.yaml")
            var registries: [String] = []
            var pipelines: [(String, String)] = []
            let service = try #require(cluster.backend("web", in: "main", port: 80))
            for stage in Self.stages.keys {
                for fault in Self.faults {
                    let name = "\(fault)-\(stage)"
                    func host(_ part: String) -> String { part == stage ? "\(name).test" : "127.0.0.1" }
                    registries.append("\(host("push")):\(registry.port)")
                    let pipeline =
                        main.replacing(
                            "name: main\n",
                            with: "name: \(name)\nregistry: { address: \"\(registries.last!)\" }\n"
                        )
                        .replacing("http://127.0.0.1", with: "http://\(host("clone"))")
                        .replacing("../cluster.kubeconfig", with: "../\(name).kubeconfig")
                    try world.write("pipelines/\(name).yaml", pipeline)
                    let kubeconfig =
                        stage == "deploy"
                        ? cluster.kubeconfig.replacing("http://127.0.0.1", with: "https://\(host("deploy"))")
                        : cluster.kubeconfig
                    try world.write("\(name).kubeconfig", kubeconfig)
                    cluster.arrange(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]])
                    cluster.serve("web", in: name, port: 80, from: service)
                    pipelines.append((name, stage))
                }
            }
            let list = Set(registries).map { #"{ address: "\#($0)", insecure: true }"# }.joined(separator: ", ")
            try world.replace("registry: { embedded: true }", with: "registries: [\(list)]", in: "fairlead.yaml")
            return pipelines
        }
    }
}
