import Telemetry
import Testing

@testable import Pipelines

@Suite("A pipeline in numbers")
struct PipelineFiguresTests {
    private let fixture: Fixture
    private var history: History { fixture.history }

    init() throws { fixture = try Fixture() }

    private func figures(_ name: String = "todo", _ environment: String = "todo") async throws -> PipelineFigures {
        try #require(try await history.figures(of: [name: environment])[name])
    }

    @Test("what waits, since when, what runs, how it last ended, whether it is paused")
    func lanes() async throws {
        #expect(try await figures() == PipelineFigures())
        let epoch = try history.beginEpoch()
        let first = try await fixture.push()
        let start = fixture.clock.value
        #expect(try await figures() == PipelineFigures(queued: 1, oldestQueuedAt: start))
        _ = try await history.claimNext(epoch: epoch)
        fixture.pass(milliseconds: 5000)
        _ = try await fixture.push()
        _ = try await fixture.push()
        #expect(try await figures() == PipelineFigures(queued: 2, oldestQueuedAt: start + 5000, running: 1))
        // Of another pipeline.
        _ = try await fixture.push("other")
        #expect(try await figures("other", "other").queued == 1)
        #expect(try await figures("unknown") == PipelineFigures())
        try await history.finishRun(first, status: .failed, reason: nil)
        #expect(try await figures().isFailing)
        _ = try await history.pause(environment: "todo", reason: nil, by: nil)
        #expect(try await figures().isPaused)
        #expect(try await !figures("todo", "elsewhere").isPaused)
    }

    @Test(
        "what was cancelled, superseded or skipped is no verdict",
        arguments: [RunStatus.cancelled, .superseded, .skipped],
        [RunStatus.succeeded, .errored]
    )
    func failing(status: RunStatus, before: RunStatus) async throws {
        let first = try await fixture.push()
        try await history.finishRun(first, status: before, reason: nil)
        try await history.finishRun(try await fixture.push(), status: status, reason: nil)
        #expect(try await figures().isFailing == (before == .errored))
        try await history.finishRun(try await fixture.push(), status: .succeeded, reason: nil)
        #expect(try await !figures().isFailing)
    }

    @Test("a run that is run again waits since it was asked for")
    func reruns() async throws {
        let epoch = try history.beginEpoch()
        let run = try await fixture.push()
        _ = try await history.claimNext(epoch: epoch)
        try await history.finishRun(run, status: .errored, reason: nil)
        fixture.pass(milliseconds: 86_400_000)
        _ = try await history.rerun(run: run, from: .clone, fresh: false, hold: .untilResumed, by: nil)
        #expect(try await figures().oldestQueuedAt == fixture.clock.value)
    }

    @Test("every end of a run is counted once")
    func ends() async throws {
        let registry = MetricRegistry()
        let metrics = RunMetrics(registry)
        metrics.expect(pipelines: ["todo"])
        history.count(in: metrics)
        let epoch = try history.beginEpoch()
        for _ in 0..<4 { _ = try await fixture.push() }
        // Three are superseded by the fourth.
        let claimed = try #require(try await history.claimNext(epoch: epoch).first?.run.id)
        try await history.finishRun(claimed, status: .succeeded, reason: nil)
        #expect(try await !history.finishRun(claimed, status: .failed, reason: nil))
        _ = try await history.requestCancel(run: try await fixture.push())
        let lines = await registry.exposition().split(separator: "\n").filter { $0.hasPrefix("fairlead_runs_total") }
        #expect(
            lines == [
                #"fairlead_runs_total{pipeline="todo",status="cancelled"} 1"#,
                #"fairlead_runs_total{pipeline="todo",status="errored"} 0"#,
                #"fairlead_runs_total{pipeline="todo",status="failed"} 0"#,
                #"fairlead_runs_total{pipeline="todo",status="skipped"} 0"#,
                #"fairlead_runs_total{pipeline="todo",status="succeeded"} 1"#,
                #"fairlead_runs_total{pipeline="todo",status="superseded"} 3"#,
            ]
        )
    }

    @Test("the database's size grows with what is in it")
    func size() async throws {
        let before = history.size
        for _ in 0..<50 { _ = try await fixture.push() }
        #expect(history.size > before && before > 4096)
    }

    @Test("children of this server are counted")
    func children() async throws {
        _ = try history.beginEpoch()
        try await history.record(ChildRecord(pid: 4242, startTime: 1, bootID: "b", command: "old", run: nil))
        _ = try history.beginEpoch()
        #expect(try await history.childCount() == 0)
        try await history.record(ChildRecord(pid: 4243, startTime: 1, bootID: "b", command: "new", run: nil))
        #expect(try await history.childCount() == 1)
    }
}
