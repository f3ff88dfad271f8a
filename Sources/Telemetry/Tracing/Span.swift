import Glibc

/// What a span or event says of itself. Names: https://opentelemetry.io/docs/specs/semconv/
public enum AttributeValue: Sendable, Hashable {
    case string(String)
    case int(Int)
    case double(Double)
    case bool(Bool)
}

extension AttributeValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}

/// A piece of work in a trace, from its start to ``end(at:)``. What is said of it after that is not heard.
public final class Span: Sendable {
    /// OTLP's numbers.
    public enum Kind: Int, Sendable {
        case `internal` = 1
        case server, client, producer, consumer
    }

    public enum Status: Sendable, Hashable {
        case unset, ok
        case error(String)
    }

    /// More attributes or events than this are not kept, so that no span grows without end.
    static let mostAttributes = 64
    static let mostEvents = 64
    /// Longer texts are cut, in bytes.
    static let longestText = 4096

    public let context: SpanContext
    private let record: Lock<SpanRecord>
    private let finish: @Sendable (SpanRecord) -> Void

    init(_ record: SpanRecord, finish: @escaping @Sendable (SpanRecord) -> Void) {
        context = record.context
        self.record = Lock(record)
        self.finish = finish
    }

    public func set(_ key: String, _ value: AttributeValue) {
        change { record in
            guard record.attributes[key] != nil || record.attributes.count < Self.mostAttributes else { return }
            record.attributes[key] = value.cut
        }
    }

    public func addEvent(_ name: String, _ attributes: [String: AttributeValue] = [:], at time: TraceTime = .now) {
        change { record in
            guard record.events.count < Self.mostEvents else { return }
            record.events.append(SpanRecord.Event(name: name, time: time, attributes: attributes.mapValues(\.cut)))
        }
    }

    public func setStatus(_ status: Status) {
        change { $0.status = status }
    }

    /// The first call counts.
    public func end(at time: TraceTime = .now) {
        let ended: SpanRecord? = record.withLock { record in
            guard record.end == nil else { return nil }
            record.end = time
            return record
        }
        if let ended, context.isSampled { finish(ended) }
    }

    private func change(_ body: (inout SpanRecord) -> Void) {
        guard context.isSampled else { return }
        record.withLock { record in
            if record.end == nil { body(&record) }
        }
    }
}

/// Nanoseconds since 1970, UTC.
public struct TraceTime: Sendable, Hashable, Comparable {
    public let nanoseconds: UInt64

    public init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    public static var now: TraceTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return TraceTime(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    public static func < (left: TraceTime, right: TraceTime) -> Bool { left.nanoseconds < right.nanoseconds }
}

/// A span as it is exported.
struct SpanRecord: Sendable {
    struct Event: Sendable {
        var name: String
        var time: TraceTime
        var attributes: [String: AttributeValue]
    }

    var context: SpanContext
    var parent: SpanID?
    var name: String
    var kind: Span.Kind
    var start: TraceTime
    var end: TraceTime?
    var attributes: [String: AttributeValue]
    var events: [Event] = []
    var status: Span.Status = .unset
}

extension AttributeValue {
    var cut: AttributeValue {
        guard case .string(let text) = self, text.utf8.count > Span.longestText else { return self }
        return .string(String(decoding: text.utf8.prefix(Span.longestText), as: UTF8.self))
    }
}
