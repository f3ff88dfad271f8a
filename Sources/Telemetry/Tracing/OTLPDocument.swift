import FoundationEssentials

/// An export request of OTLP/HTTP in its JSON form: proto3 JSON, but ids in hexadecimal and enums as numbers.
/// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
struct OTLPDocument: Encodable {
    struct ResourceSpans: Encodable {
        var resource: Resource
        var scopeSpans: [ScopeSpans]
    }
    struct Resource: Encodable { var attributes: [Attribute] }
    struct ScopeSpans: Encodable {
        var scope: Scope
        var spans: [Span]
    }
    struct Scope: Encodable { var name: String }
    struct Span: Encodable {
        var traceId, spanId: String
        var traceState, parentSpanId: String?
        /// The lower eight bits are W3C's flags.
        var flags: Int
        var name: String
        var kind: Int
        /// 64-bit numbers are strings in proto3 JSON.
        var startTimeUnixNano, endTimeUnixNano: String
        var attributes: [Attribute]
        var events: [Event]
        var status: Status?
    }
    struct Event: Encodable {
        var timeUnixNano, name: String
        var attributes: [Attribute]
    }
    struct Status: Encodable {
        var code: Int
        var message: String?
    }
    struct Attribute: Encodable {
        var key: String
        var value: Value
    }
    struct Value: Encodable {
        var stringValue, intValue: String?
        var doubleValue: Double?
        var boolValue: Bool?
    }

    var resourceSpans: [ResourceSpans]

    init(_ spans: [SpanRecord], resource: [String: AttributeValue]) {
        resourceSpans = [
            ResourceSpans(
                resource: Resource(attributes: attributes(resource)),
                scopeSpans: [ScopeSpans(scope: Scope(name: "telemetry"), spans: spans.map(Span.init))]
            )
        ]
    }

    func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity",
            negativeInfinity: "-Infinity",
            nan: "NaN"
        )
        return Array(try encoder.encode(self))
    }
}

extension OTLPDocument.Span {
    fileprivate init(_ record: SpanRecord) {
        traceId = record.context.traceID.description
        spanId = record.context.spanID.description
        traceState = record.context.traceState
        parentSpanId = record.parent?.description
        flags = record.context.isSampled ? 1 : 0
        name = record.name
        kind = record.kind.rawValue
        startTimeUnixNano = String(record.start.nanoseconds)
        // A clock that was set back must not make a span end before it starts.
        endTimeUnixNano = String(max(record.end ?? record.start, record.start).nanoseconds)
        attributes = Telemetry.attributes(record.attributes)
        events = record.events.map {
            OTLPDocument.Event(
                timeUnixNano: String($0.time.nanoseconds),
                name: $0.name,
                attributes: Telemetry.attributes($0.attributes)
            )
        }
        status =
            switch record.status {
            case .unset: nil
            case .ok: OTLPDocument.Status(code: 1)
            case .error(let message): OTLPDocument.Status(code: 2, message: message.isEmpty ? nil : message)
            }
    }
}

private func attributes(_ attributes: [String: AttributeValue]) -> [OTLPDocument.Attribute] {
    attributes.sorted { $0.key < $1.key }.map { key, value in
        let value: OTLPDocument.Value =
            switch value {
            case .string(let text): OTLPDocument.Value(stringValue: text)
            case .int(let number): OTLPDocument.Value(intValue: String(number))
            case .double(let number): OTLPDocument.Value(doubleValue: number)
            case .bool(let flag): OTLPDocument.Value(boolValue: flag)
            }
        return OTLPDocument.Attribute(key: key, value: value)
    }
}
