import Telemetry
import Testing

@testable import Pipelines

@Suite("The trace of a run")
struct RunTraceTests {
    private let fixture: Fixture
    private var history: History { fixture.history }
    private static let request = SpanContext(
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        tracestate: "vendor=1"
    )!

    init() throws { fixture = try Fixture() }

    private func trace(_ run: Int64) async throws -> RunTrace {
        RunTrace(try #require(try await history.record(run: run)), tracer: Tracer())
    }

    @Test("it is that of the request that queued the run, whoever asks")
    func ofTheRequest() async throws {
        let hash = try await fixture.register()
        var push = IncomingPush.sample("traced")
        push.traceContext = Self.request.recorded
        let accepted = await DeliveryLog(history: history).accept(
            push,
            .accepted(pipelines: [("todo", "todo", hash)])
        )
        guard case .accepted(_, let runs) = accepted else { throw Fixture.Unexpected(result: accepted) }
        let manual = try await SpanContext.$current.withValue(Self.request) {
            try await history.enqueueManual(
                pipeline: "todo",
                environment: "todo",
                definitionHash: hash,
                ref: "r",
                revision: nil,
                by: nil
            )
        }
        for run in [runs[0].id, manual] {
            let record = try #require(try await history.record(run: run))
            #expect(record.queuedBy == Self.request)
            let context = try await trace(run).context
            #expect(context.traceID == Self.request.traceID && context.spanID != Self.request.spanID)
            #expect(context.isSampled && context.traceState == "vendor=1")
            #expect(try await history.run(run)?.traceID == "0af7651916cd43dd8448eb211c80319c")
        }
        #expect(try await trace(runs[0].id).context.spanID != trace(manual).context.spanID)
    }

    @Test("without one it is the run's own, and the same for every server that goes on with it")
    func ofItsOwn() async throws {
        let run = try await fixture.push()
        let other = try await fixture.push()
        let epoch = try history.beginEpoch()
        _ = try await history.claimNext(epoch: epoch)
        let before = try await trace(other).context
        #expect(try await trace(run).context.traceID != before.traceID)
        let next = try history.beginEpoch()
        let claimed = try #require(try await history.claimNext(epoch: next).first)
        #expect(claimed.run.id == other)
        #expect(RunTrace(claimed.run, tracer: Tracer()).context == before)
    }

    @Test("a re-run has a span of its own in the same trace")
    func rerun() async throws {
        let run = try await fixture.push()
        let epoch = try history.beginEpoch()
        _ = try await history.claimNext(epoch: epoch)
        let first = try await trace(run).context
        try await history.finishRun(run, status: .errored, reason: nil)
        fixture.pass(milliseconds: 1000)
        _ = try await history.rerun(run: run, from: .clone, fresh: false, hold: .untilResumed, by: nil)
        _ = try await history.claimNext(epoch: epoch)
        let second = try await trace(run).context
        #expect(second.traceID == first.traceID && second.spanID != first.spanID)
    }
}
