import Foundation
import Kubernetes
import TestCluster
import Testing

/// Where an engine is tried: the tests' own API server, and a real one if `FAIRLEAD_TEST_KUBECONFIG` names it.
enum Venue: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case simulated, real
    var testDescription: String { rawValue }

    private static let kubeconfig = ProcessInfo.processInfo.environment["FAIRLEAD_TEST_KUBECONFIG"]
    static var available: [Venue] { kubeconfig == nil ? [.simulated] : allCases }

    /// A namespace of one's own.
    func stage(_ options: ClusterOptions = ClusterOptions()) async throws -> Stage {
        let namespace = "t-\(UInt32.random(in: 0...(.max)))"
        let server = self == .simulated ? try TestCluster.start(options) : nil
        let access =
            try server.map { try ClusterAccess(kubeconfig: $0.kubeconfig) }
            ?? ClusterAccess(kubeconfigFile: Self.kubeconfig ?? "")
        let cluster = Cluster(access)
        let object: JSON = ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(namespace)]]
        try await cluster.apply(object, ApplyOptions(manager: "scene"))
        return Stage(cluster: cluster, server: server, namespace: namespace)
    }
}

/// A cluster with a namespace for one test.
struct Stage: Sendable {
    let cluster: Cluster
    let server: TestCluster?
    let namespace: String

    func leave() async {
        _ = try? await cluster.delete(ObjectID(apiVersion: "v1", kind: "Namespace", name: namespace))
        cluster.close()
        await server?.stop()
    }

    /// What is written down, and what is said.
    final class Record: Sendable {
        private let state = Locked<(entries: [Int: JournalEntry], lines: [String], count: Int)>(([:], [], 0))
        var entries: [JournalEntry] { state.with { $0.entries.values.sorted { $0.seq < $1.seq } } }
        var lines: [String] { state.with { $0.lines } }

        func keep(_ entry: JournalEntry) { state.with { $0.entries[entry.seq] = entry } }
        func say(_ line: String) { state.with { $0.lines.append(line) } }

        /// Returns when the line is there, or after 30 s, so that the test fails by what it expects next.
        func wait(for line: String) async {
            let end = ContinuousClock.now + .seconds(30)
            while !lines.contains(line), ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(5)) }
        }
    }

    func run(
        _ release: Release,
        _ options: RolloutOptions = RolloutOptions(),
        within time: Duration = .seconds(20),
        _ record: Record = Record()
    ) async throws -> Record {
        _ = try await Rollout(cluster, release, options)
            .run(until: .now + time, journal: { record.keep($0) }, log: { record.say($0) })
        return record
    }

    func undo(_ entries: [JournalEntry], within time: Duration = .seconds(20)) async -> UndoResult {
        await Undo(cluster, entries).run(until: .now + time) { _ in }
    }

    func id(_ kind: String, _ name: String, _ apiVersion: String = "v1") -> ObjectID {
        ObjectID(apiVersion: apiVersion, kind: kind, namespace: namespace, name: name)
    }

    func get(_ kind: String, _ name: String, _ apiVersion: String = "v1") async throws -> JSON? {
        try await cluster.get(id(kind, name, apiVersion))
    }

    func release(
        _ objects: [JSON],
        name: String = "1",
        before: JSON? = nil,
        uses: [ImageUse] = [],
        set: ApplySet? = nil
    ) -> Release {
        let manifests = objects.enumerated().map { index, object in
            var object = object
            if object.kind != "CustomResourceDefinition" { object.set(["metadata", "namespace"], .string(namespace)) }
            return Manifest(object, source: "k8s/all.yaml:\(index + 1)")
        }
        var job = before
        job?.set(["metadata", "namespace"], .string(namespace))
        return Release(
            name: name,
            manifests: manifests,
            uses: uses,
            before: job.map { Manifest($0, source: "k8s/before.yaml:1") },
            set: set
        )
    }

    func configMap(_ name: String, _ data: [String: String]) -> JSON {
        [
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": ["name": .string(name), "namespace": .string(namespace)],
            "data": .object(data.mapValues(JSON.string)),
        ]
    }

    func deployment(_ name: String, image: String, replicas: Int64? = nil, environment: [String: String] = [:]) -> JSON
    {
        let variables = environment.sorted { $0.key < $1.key }.map { name, value -> JSON in
            ["name": .string(name), "value": .string(value)]
        }
        var container: JSON = ["name": .string(name), "image": .string(image)]
        if !variables.isEmpty { container.set(["env"], .array(variables)) }
        var object: JSON = [
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": ["name": .string(name), "namespace": .string(namespace), "labels": ["app": .string(name)]],
            "spec": [
                "selector": ["matchLabels": ["app": .string(name)]],
                "template": ["metadata": ["labels": ["app": .string(name)]], "spec": ["containers": [container]]],
            ],
        ]
        object.set(["spec", "replicas"], replicas.map(JSON.integer))
        return object
    }
}

/// An object without what counts up: what must be the same after an undo.
func essence(_ object: JSON?) -> JSON? {
    guard var object else { return nil }
    for name in ["resourceVersion", "generation", "managedFields"] { object.set(["metadata", name], nil) }
    object.set(["metadata", "annotations", "deployment.kubernetes.io/revision"], nil)
    if object["metadata"]?["annotations"]?.members.isEmpty ?? false { object.set(["metadata", "annotations"], nil) }
    object.set(["status"], nil)
    return object
}

/// Who has which fields, status apart.
func owners(_ object: JSON?) -> [String] {
    (object?.managers ?? []).filter { $0.subresource != "status" && $0.name != "kube-controller-manager" }
        .map { "\($0.name) \($0.operation.rawValue): \($0.fields.paths.map(\.description).joined(separator: " "))" }
        .sorted()
}

/// State behind a lock.
final class Locked<State>: @unchecked Sendable {
    private let lock = NSLock()
    private var state: State

    init(_ state: sending State) { self.state = state }

    func with<Value>(_ body: (inout State) throws -> Value) rethrows -> Value {
        lock.lock()
        defer { lock.unlock() }
        return try body(&state)
    }
}
