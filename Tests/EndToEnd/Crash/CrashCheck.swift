import Foundation
import HTTPClient
import Kubernetes
import TestCluster

/// Looks at the server, the cluster and the machine from outside.
struct CrashCheck {
    let world: World
    let cluster: TestCluster
    let pushes: [CrashPush]
    let heads: [String: String]
    let contents: [String: CrashPush.Content]

    /// A run in the API's list.
    struct Run: Decodable {
        let id: Int64
        let environment, status, trigger, ref: String
        let revision: String?
        let startedAt, finishedAt: String?
    }

    private struct Page: Decodable {
        let runs: [Run]
    }

    static func runs(_ query: String, _ world: World) async throws -> [Run] {
        let answer = try await world.get("/api/v1/runs?limit=100&\(query)")
        return try JSONDecoder().decode(Page.self, from: Data(answer.body)).runs
    }

    func run() async throws {
        let runs = try await Self.runs("", world)
        try checkPromises(runs)
        try checkOrder(runs)
        for (branch, head) in heads { try await checkTarget(branch, head) }
        try await checkLeftovers()
    }

    /// One run for each push, which has ended as it may.
    private func checkPromises(_ runs: [Run]) throws {
        let known = Dictionary(uniqueKeysWithValues: runs.map { ($0.id, $0) })
        var seen = Set<Int64>()
        for push in pushes {
            guard let ids = push.runs, ids.count == 1, let run = known[ids[0]] else {
                throw Unexpected("\(push) has no run, or more than one")
            }
            guard seen.insert(run.id).inserted else { throw Unexpected("run \(run.id) is that of two pushes") }
            guard run.revision == push.revision, run.ref == "refs/heads/\(push.branch)" else {
                throw Unexpected("\(run) is not what \(push) asked for")
            }
        }
        if let first = seen.min() {
            let others = runs.filter { $0.id >= first && $0.trigger == "push" && !seen.contains($0.id) }
            guard others.isEmpty else { throw Unexpected("nobody pushed \(others)") }
        }
        for run in runs where !["succeeded", "superseded", "skipped"].contains(run.status) {
            throw Unexpected("\(run) has ended so, and nothing was wrong with it")
        }
    }

    /// No environment had two runs at once.
    private func checkOrder(_ runs: [Run]) throws {
        for environment in CrashRound.branches {
            let began = runs.filter { $0.environment == environment && $0.startedAt != nil }.reversed()
            for (one, next) in zip(began, began.dropFirst()) {
                guard let end = one.finishedAt, let start = next.startedAt, end <= start else {
                    throw Unexpected("\(one) and \(next) ran at once")
                }
            }
        }
    }

    /// The environment serves the branch's newest revision, whole, and nothing else.
    private func checkTarget(_ branch: String, _ head: String) async throws {
        let pipeline = try await world.get("/api/v1/pipelines/\(branch)").json()
        let live = (pipeline["live"] as? [String: Any])?["revision"] as? String
        guard live == head else { throw Unexpected("\(branch) serves \(live ?? "nothing"), and its head is \(head)") }
        let maps = cluster.objects("v1", "ConfigMap", branch).filter { !$0.name.hasPrefix("fairlead-") }
        let values = Dictionary(uniqueKeysWithValues: maps.map { ($0.name, $0[["data", "value"]]?.string ?? "") })
        let content = contents[head]
        var expected = ["state": content?.state ?? ""]
        if content?.hasExtra ?? false { expected["extra"] = "yes" }
        guard values == expected else { throw Unexpected("\(branch) has \(values) and should have \(expected)") }
        for kind in [("apps/v1", "Deployment"), ("v1", "Service")] {
            let names = cluster.objects(kind.0, kind.1, branch).map(\.name)
            guard names == ["web"] else { throw Unexpected("\(branch) has \(kind.1) \(names)") }
        }
    }

    /// A run is over a moment before its last files are gone.
    private func checkLeftovers() async throws {
        var left: [String] = []
        let isClean = try? await eventually("nothing is left over", seconds: 10) {
            left = try await leftovers()
            return left.isEmpty ? true : nil
        }
        guard isClean != nil else { throw Unexpected("left over: \(left)") }
    }

    private func leftovers() async throws -> [String] {
        let manager = FileManager.default
        let names = ["checkouts", "render"].flatMap { folder in
            ((try? manager.contentsOfDirectory(atPath: "\(world.data)/\(folder)")) ?? []).map { "\(folder)/\($0)" }
        }
        let logins = try manager.contentsOfDirectory(atPath: world.data).filter { $0.hasPrefix("login-") }
        let strays = Processes.all().strays(of: world.serverProcess?.pid ?? 0, mentioning: world.data)
        return names + logins + strays + (try await world.containers())
    }
}
