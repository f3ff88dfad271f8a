import Kubernetes
import TestCluster
import Testing

@testable import Pipelines

/// How a deploy to a cluster ends that does not end well: what is said, what is held, and who goes on with it.
@Suite("The end of a deploy", .timeLimit(.minutes(2)))
struct UndoEndTests {
    private static let held = """
        apiVersion: v1
        kind: ConfigMap
        metadata: { name: held, finalizers: [example.org/hold] }

        """
    private static let second = Shop.manifests(greeting: "new", image: "registry.test/web:2")

    /// The last object of a release is refused.
    private func deny(_ cluster: TestCluster) {
        cluster.order(Fault(.deniedByWebhook(name: "policy.example.org", message: "no"), "PATCH", "/services/web"))
    }

    @Test("names what a finalizer holds, within the undo's deadline, and the next run goes on with it")
    func finalizer() async throws {
        try await ClusterRoom.with { room in
            room.needs.settings.limits.undoDeadline = 4
            #expect(try await room.deploy().status == .succeeded)
            try await room.tree.commit(["k8s/shop.yaml": Self.second, "k8s/held.yaml": Self.held])
            deny(room.cluster)
            let bad = try await room.deploy()
            #expect(bad.status == .failed)
            #expect(bad.undo?.status == .failed)
            let words = "ConfigMap held is being deleted, held by finalizer example.org/hold: it goes when "
            #expect(bad.undo?.reason.contains(words) == true, "\(String(describing: bad.undo))")
            #expect(bad.log.contains("undo failed: 2 objects put back; "), "\(bad.log)")
            #expect(try await room.server.history.unfinishedReleases(environment: "shop").count == 1)

            var object = try #require(room.cluster.object("v1", "ConfigMap", "shop", "held"))
            object.set(["metadata", "finalizers"], nil)
            room.cluster.arrange(object)
            try await room.tree.commit(["k8s/held.yaml": nil])
            #expect(try await room.deploy().status == .succeeded)
            #expect(try await room.server.history.unfinishedReleases(environment: "shop").isEmpty)
        }
    }

    @Test("names the Job before the rollout that did not finish in time, on the run")
    func deadline() async throws {
        let job = """
            apiVersion: batch/v1
            kind: Job
            metadata: { name: migrate }
            spec: { template: { spec: { restartPolicy: Never, containers: [{ name: m, image: "registry.test/m" }] } } }

            """
        var options = ClusterOptions()
        options.images["registry.test/m"] = ImageBehaviour(.neverReady, log: "waiting for a lock\n")
        try await ClusterRoom.with(options, files: Shop.files.merging(["ops/job.yaml": job]) { $1 }) { room in
            room.definition.deploy.before = "ops/job.yaml"
            room.definition.deploy.timeout = 8
            let late = try await room.deploy()
            #expect(late.status == .failed && late.reason?.code == "deploy-deadline")
            let words = "not ready when the time was over: Job migrate-1: 0 of 1 completed, 1 running, 0 failed"
            #expect(late.reason?.message.contains(words) == true, "\(String(describing: late.reason))")
            #expect(late.log.contains("| waiting for a lock"), "\(late.log)")
            #expect(late.undo?.status == .succeeded)
        }
    }

    @Test("holds the environment if it was a rollback that cannot be taken back, and says so")
    func rollback() async throws {
        try await ClusterRoom.with { room in
            let history = room.server.history
            room.needs.settings.limits.undoDeadline = 5
            #expect(try await room.deploy().status == .succeeded)
            try await room.tree.commit(["k8s/shop.yaml": Self.second])
            #expect(try await room.deploy().status == .succeeded)
            deny(room.cluster)
            // The rollback's own change comes through, what takes it back does not.
            room.cluster.order(
                Fault(
                    .status(403, reason: "Forbidden", message: "no rights"),
                    "PATCH",
                    "/deployments/web",
                    skip: 1,
                    times: 100
                )
            )
            let asked = try await history.enqueueRollback(
                pipeline: "shop",
                environment: "shop",
                to: 1,
                hold: .untilNextPush,
                by: "Ada"
            )
            let id = try asked.get()
            let failed = try await room.follow(id)
            #expect(failed.status == .failed && failed.undo?.status == .failed)
            let hold = try #require(try await history.hold(environment: "shop"))
            #expect(hold.run == id && hold.cause == .undoFailed && hold.until == .untilResumed)
            #expect(hold.reason == failed.undo?.reason)
            #expect(hold.reason?.contains("Deployment web could not be taken back: ") == true)
            let waiting = try await room.server.run(room.definition)
            #expect(try await history.claimNext(epoch: room.epoch).isEmpty)
            #expect(try await history.runSummary(waiting)?.waitingFor == .rollbackHold)

            room.cluster.clearFaults()
            _ = try await history.resume(environment: "shop")
            #expect(try await room.follow(waiting).status == .succeeded)
            #expect(try await history.hold(environment: "shop") == nil)
        }
    }

    /// A server whose run is in the midst of changing the Deployment.
    private func midway(_ room: inout ClusterRoom) async throws -> (
        runner: Runner, server: Task<Void, Never>, run: Int64
    ) {
        #expect(try await room.deploy().status == .succeeded)
        try await room.tree.commit(["k8s/shop.yaml": Self.second])
        room.cluster.forgetRequests()
        room.cluster.order(Fault(.stalled(.milliseconds(500)), "PATCH", "/deployments/web"))
        let id = try await room.server.run(room.definition)
        let runner = Runner(
            history: room.server.history,
            epoch: room.epoch,
            road: Road(room.needs),
            logger: room.needs.logger
        )
        let server = Task { await runner.run() }
        #expect(
            await room.cluster.wait {
                $0.requests.contains { $0.method == "PATCH" && $0.path.contains("/deployments/web") }
            }
        )
        return (runner, server, id)
    }

    @Test("undoes a run that is cancelled and whose server is told to stop a moment later")
    func cancelledThenStopped() async throws {
        try await ClusterRoom.with { room in
            let (runner, server, id) = try await midway(&room)
            _ = try await runner.cancel(id)
            server.cancel()
            await server.value
            let outcome = try await room.outcome(id)
            #expect(outcome.status == .cancelled && outcome.undo?.status == .succeeded, "\(outcome)")
            #expect(room.cluster.object("v1", "ConfigMap", "shop", "settings")?["data"] == ["greeting": "hello"])
            #expect(try await room.server.history.unfinishedReleases(environment: "shop").isEmpty)
        }
    }

    @Test("is gone on with by the next server if the first was killed during the undo of a cancelled run")
    func killedDuringUndo() async throws {
        try await ClusterRoom.with { room in
            let (_, server, id) = try await midway(&room)
            let history = room.server.history
            server.cancel()
            await server.value
            #expect(try await history.record(run: id)?.status == .running)
            #expect(room.cluster.object("v1", "ConfigMap", "shop", "settings")?["data"] == ["greeting": "new"])
            // What a server leaves that was killed when it had begun to take back a run that somebody cancelled.
            #expect(try await history.requestCancel(run: id) == .requested)
            try await history.setUndo(run: id, Undo(status: .running, reason: "cancelled by an operator"))

            try room.restart()
            let outcome = try await room.follow(id)
            #expect(outcome.status == .cancelled)
            #expect(outcome.undo == Undo(status: .succeeded, reason: "2 objects put back"), "\(outcome)")
            #expect(room.cluster.object("v1", "ConfigMap", "shop", "settings")?["data"] == ["greeting": "hello"])
            #expect(try await history.unfinishedReleases(environment: "shop").isEmpty)
        }
    }

    @Test("is not told of a run that is deployed again after its server was killed during the undo")
    func deployedAgain() async throws {
        try await ClusterRoom.with { room in
            let (_, server, id) = try await midway(&room)
            server.cancel()
            await server.value
            try await room.server.history.setUndo(run: id, Undo(status: .running, reason: "it crashed"))
            try room.restart()
            let outcome = try await room.follow(id)
            #expect(outcome.status == .succeeded && outcome.undo == nil, "\(outcome)")
            #expect(room.cluster.object("v1", "ConfigMap", "shop", "settings")?["data"] == ["greeting": "new"])
        }
    }

    /// The first answer has left the release as it is, for the next server to undo: a cancel that comes a moment later must
    /// not make the run final with it.
    @Test("stays handed over though the run is cancelled a moment later")
    func handedOver() async throws {
        try await ClusterRoom.with { room in
            let history = room.server.history
            let id = try await room.server.run(room.definition)
            let claimed = try #require(try await history.claimNext(epoch: room.epoch).first)
            let run = RunInProgress(claimed, needs: room.needs)
            room.needs.stopping.set()
            func verdict(on error: any Error) async -> any Error {
                await Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    return await run.verdict(on: error)
                }.value
            }
            let first = await verdict(on: CancellationError())
            #expect(first is Handover)
            #expect(try await history.requestCancel(run: id) == .requested)
            #expect(await verdict(on: first) is Handover)
            #expect((await verdict(on: CancellationError()) as? StageError)?.outcome == .cancelled)
        }
    }
}
