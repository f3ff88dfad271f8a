import Kubernetes
import TestCluster
import Testing

/// Objects that somebody else changes all the time, so that they are never as they were a moment before.
@Suite(.timeLimit(.minutes(2))) struct ContentionTests {
    /// What a server says that stores each change of others before ours.
    private static func lost(_ method: String, times: Int) -> Fault {
        Fault(
            .status(409, reason: "Conflict", message: "the object has been modified; please apply your changes"),
            method,
            "/configmaps/c",
            times: times
        )
    }

    /// A release that changes or makes ConfigMap c, and a cluster whose pauses are short.
    private func scene(_ isNew: Bool) async throws -> (Stage, Cluster, [JournalEntry]) {
        let stage = try await Venue.simulated.stage()
        if !isNew { _ = try await stage.run(stage.release([stage.configMap("c", ["a": "1"])])) }
        let record = try await stage.run(
            stage.release([stage.configMap("c", ["a": "2"]), stage.configMap("other", ["a": "2"])])
        )
        if !isNew {
            let editor = ApplyOptions(manager: "autoscaler")
            try await stage.cluster.patch(stage.id("ConfigMap", "c"), .merge(["data": ["b": "theirs"]]), editor)
        }
        var cluster = stage.cluster
        cluster.limits.firstPause = .milliseconds(2)
        cluster.limits.longestLook = .milliseconds(10)
        return (stage, cluster, record.entries)
    }

    @Test(arguments: [("PATCH", false), ("DELETE", true)])
    func `an object is taken back when those who change it pause, however long that takes`(
        _ method: String,
        _ isNew: Bool
    ) async throws {
        let (stage, cluster, entries) = try await scene(isNew)
        stage.server?.order(Self.lost(method, times: 40))
        let result = await Undo(cluster, entries).run(until: .now + .seconds(60)) { _ in }
        #expect(result.status == .undone, "\(result.sentence)")
        #expect(try await stage.get("ConfigMap", "c")?["data"] == (isNew ? nil : ["a": "1", "b": "theirs"]))
        await stage.leave()
    }

    @Test(arguments: [("PATCH", false), ("DELETE", true)])
    func `an object that is never left alone is named in time, and the others are taken back`(
        _ method: String,
        _ isNew: Bool
    ) async throws {
        var (stage, cluster, entries) = try await scene(isNew)
        cluster.limits.contention = .seconds(2)
        stage.server?.order(Self.lost(method, times: .max))
        let begin = ContinuousClock.now
        let result = await Undo(cluster, entries).run(until: .now + .seconds(60)) { _ in }
        #expect(.now - begin < .seconds(30))
        #expect(result.status == .incomplete)
        let last = isNew ? "" : ", last by autoscaler"
        let reason = "could not be taken back: it is changed all the time\(last)"
        #expect(result.left.map { "\($0.id) \($0.reason)" } == ["ConfigMap c \(reason)"])
        #expect(result.deleted == [stage.id("ConfigMap", "other")])
        // Again and again, and not as fast as it can.
        let tries = stage.server?.requests.filter { $0.method == method && $0.path.contains("/configmaps/c") } ?? []
        #expect((9...500).contains(tries.count), "\(tries.count)")

        // The undo's own deadline is the nearer one here.
        cluster.limits.contention = .seconds(60)
        let late = await Undo(cluster, entries).run(until: .now + .milliseconds(500)) { _ in }
        #expect(late.status != .undone)
        let told = [reason, "could not be taken back: the time was over"]
        let ours = late.left.first { $0.id.name == "c" }
        #expect(ours.map { told.contains($0.reason) } == true, "\(late.left)")
        stage.server?.clearFaults()
        await stage.leave()
    }
}
