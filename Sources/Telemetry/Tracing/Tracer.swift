/// Starts spans and hands those that are sampled to an exporter. Without one, spans have ids all the same, for the logs
/// and for those who are asked.
public final class Tracer: Sendable {
    private let sampler: Sampler
    private let exporter: OTLPExporter?

    public init(sampler: Sampler = .ratio(1), exporter: OTLPExporter? = nil) {
        self.sampler = exporter == nil ? .ratio(0) : sampler
        self.exporter = exporter
    }

    /// A span under `parent`, or the first of a new trace if that is nil. Somebody has to end it:
    /// ``withSpan(_:kind:parent:attributes:_:)`` does so by itself.
    public func startSpan(
        _ name: String,
        kind: Span.Kind = .internal,
        parent: SpanContext? = .current,
        attributes: [String: AttributeValue] = [:],
        at start: TraceTime = .now,
        as id: SpanID = .random()
    ) -> Span {
        let context = context(parent?.traceID ?? .random(), id, parent: parent)
        return Span(
            SpanRecord(
                context: context,
                parent: parent?.spanID,
                name: name,
                kind: kind,
                start: start,
                attributes: context.isSampled ? attributes.mapValues(\.cut) : [:]
            ),
            finish: { [exporter] in exporter?.export($0) }
        )
    }

    /// Does work as the current span of its task. An error that is thrown gives the span the status error and the
    /// attribute `error.type`; its text is not exported, for it may quote what is secret.
    public func withSpan<Result>(
        _ name: String,
        kind: Span.Kind = .internal,
        parent: SpanContext? = .current,
        attributes: [String: AttributeValue] = [:],
        _ body: (Span) async throws -> Result
    ) async rethrows -> Result {
        let span = startSpan(name, kind: kind, parent: parent, attributes: attributes)
        defer { span.end() }
        do {
            return try await SpanContext.$current.withValue(span.context) { try await body(span) }
        } catch {
            span.set("error.type", .string("\(type(of: error))"))
            span.setStatus(.error(""))
            throw error
        }
    }

    /// Whether spans can be exported at all.
    public var isExporting: Bool { exporter != nil }

    /// A context of known ids, for a span that is recorded once it is over, perhaps by another process:
    /// ``record(_:_:parent:kind:from:to:attributes:status:)``.
    public func context(_ traceID: TraceID, _ spanID: SpanID, parent: SpanContext?) -> SpanContext {
        SpanContext(
            traceID: traceID,
            spanID: spanID,
            isSampled: sampler.samples(traceID, parent: parent),
            traceState: parent?.traceState
        )
    }

    /// Exports a span that is over, with the context that was made for it.
    public func record(
        _ name: String,
        _ context: SpanContext,
        parent: SpanID?,
        kind: Span.Kind = .internal,
        from start: TraceTime,
        to end: TraceTime = .now,
        attributes: [String: AttributeValue] = [:],
        status: Span.Status = .unset
    ) {
        guard context.isSampled else { return }
        var record = SpanRecord(
            context: context,
            parent: parent,
            name: name,
            kind: kind,
            start: start,
            attributes: attributes.mapValues(\.cut)
        )
        record.end = end
        record.status = status
        exporter?.export(record)
    }
}

/// Which traces are recorded: those whose parent is, and of those without a parent this share. The trace id decides, so
/// that every program with the same share decides alike.
public struct Sampler: Sendable {
    private let limit: UInt64

    /// - Parameter share: from 0 (none) to 1 (all).
    public static func ratio(_ share: Double) -> Sampler {
        Sampler(limit: share >= 1 ? 1 << 63 : share > 0 ? UInt64(share * 0x1p63) : 0)
    }

    func samples(_ traceID: TraceID, parent: SpanContext?) -> Bool {
        parent?.isSampled ?? (traceID.low >> 1 < limit)
    }
}
