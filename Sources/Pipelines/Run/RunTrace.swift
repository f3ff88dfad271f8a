import HTTPClient
import Signing
public import Telemetry

/// The trace of one run: the request that queued it, the run, its attempts, what they ask.
///
/// All ids follow from what is recorded of the run, so that a server that goes on with it after a restart goes on with its
/// trace. The trace stays the same when the run is run again; the run's span is another one then.
struct RunTrace: Sendable {
    /// Of the span of the run.
    let context: SpanContext
    private let record: RunRecord
    private let parent: SpanContext?
    private let tracer: Tracer

    init(_ record: RunRecord, tracer: Tracer) {
        self.record = record
        self.tracer = tracer
        parent = record.queuedBy
        context = tracer.context(
            record.traceID,
            .derived(from: "\(record.traceID) run \(record.id) \(record.startedAt ?? 0)"),
            parent: parent
        )
    }

    /// Does the run's work inside its trace: what is asked over HTTP is traced too.
    func follow<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        try await SpanContext.$current.withValue(context) {
            try await HTTPClient.$around.withValue(tracer.requests) { try await body() }
        }
    }

    /// Does an attempt of a stage as a span.
    func attempt<Output>(
        _ stage: StageName,
        _ attempt: Int,
        _ body: () async -> (Output, StageStatus?)
    ) async -> Output {
        let span = tracer.startSpan(
            "stage \(stage.rawValue)",
            parent: context,
            attributes: attributes(stage, attempt),
            as: attemptID(stage, attempt)
        )
        let (output, status) = await SpanContext.$current.withValue(span.context) { await body() }
        // An attempt that is handed over is recorded by the next server, as one that was interrupted.
        guard let status else { return output }
        span.set("fairlead.status", .string(status.rawValue))
        if status == .failed || status == .errored { span.setStatus(.error("")) }
        span.end()
        return output
    }

    /// Records the attempt that the last server did not see the end of.
    func recordInterrupted(_ attempts: [AttemptRecord]) {
        guard let last = attempts.last, last.reason?.code == "interrupted", let end = last.finishedAt else { return }
        tracer.record(
            "stage \(last.stage.rawValue)",
            tracer.context(record.traceID, attemptID(last.stage, last.attempt), parent: context),
            parent: context.spanID,
            from: TraceTime(milliseconds: last.startedAt),
            to: TraceTime(milliseconds: end),
            attributes: attributes(last.stage, last.attempt).merging(["fairlead.status": "errored"]) { $1 },
            status: .error("interrupted")
        )
    }

    /// Records the run, which is over.
    func end(_ status: RunStatus, _ reason: Reason?) {
        var attributes: [String: AttributeValue] = [
            "fairlead.run.id": .int(Int(record.id)), "fairlead.pipeline": .string(record.pipeline),
            "fairlead.environment": .string(record.environment), "fairlead.status": .string(status.rawValue),
            "fairlead.trigger": .string(record.trigger.rawValue),
        ]
        if let revision = record.revision { attributes["vcs.ref.head.revision"] = .string(revision) }
        tracer.record(
            "run \(record.pipeline)",
            context,
            parent: parent?.spanID,
            from: TraceTime(milliseconds: record.startedAt ?? record.queuedAt),
            attributes: attributes,
            // The reason's sentence may say what is not everybody's to read.
            status: status == .failed || status == .errored ? .error(reason?.code ?? "") : .unset
        )
    }

    private func attemptID(_ stage: StageName, _ attempt: Int) -> SpanID {
        .derived(from: "\(record.traceID) run \(record.id) \(stage.rawValue) \(attempt)")
    }

    private func attributes(_ stage: StageName, _ attempt: Int) -> [String: AttributeValue] {
        [
            "fairlead.run.id": .int(Int(record.id)), "fairlead.pipeline": .string(record.pipeline),
            "fairlead.stage": .string(stage.rawValue), "fairlead.attempt": .int(attempt),
        ]
    }
}

extension RunRecord {
    /// The span of the request that queued the run; nil if nothing was traced then.
    var queuedBy: SpanContext? { traceContext.flatMap(SpanContext.init(recorded:)) }

    /// The trace that the run belongs to: the one of the request that queued it, or one of its own.
    var traceID: TraceID { queuedBy?.traceID ?? .derived(from: "fairlead run \(id) \(queuedAt) \(environment)") }
}

extension SpanContext {
    /// As it is kept with a run: the two headers, a line each.
    public var recorded: String { headers.map(\.1).joined(separator: "\n") }

    init?(recorded: String) {
        let lines = recorded.split(separator: "\n", maxSplits: 1).map(String.init)
        self.init(traceparent: lines.first ?? "", tracestate: lines.dropFirst().first)
    }
}

extension TraceID {
    fileprivate static func derived(from text: String) -> TraceID {
        let digest = SHA256Digest.bytes(Array(text.utf8))
        return TraceID(high: number(digest[0..<8]), low: number(digest[8..<16])) ?? .random()
    }
}

extension SpanID {
    fileprivate static func derived(from text: String) -> SpanID {
        SpanID(number(SHA256Digest.bytes(Array(text.utf8))[0..<8])) ?? .random()
    }
}

private func number(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

extension TraceTime {
    init(milliseconds: Int64) { self.init(nanoseconds: UInt64(max(0, milliseconds)) * 1_000_000) }
}
