import FoundationEssentials
import Glibc
public import Logging

/// Writes each log entry as one JSON object on a line of its own: `time`, `level`, `message`, `logger`, the metadata under
/// their own keys, and `trace_id` and `span_id` while the task works in a span.
public struct JSONLogHandler: LogHandler {
    public var logLevel: Logger.Level = .info
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let write: @Sendable ([UInt8]) -> Void

    /// To standard error, each line with one call.
    public init(label: String, metadataProvider: Logger.MetadataProvider? = nil) {
        self.init(label: label, metadataProvider: metadataProvider) { line in
            var rest = line[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
                guard count > 0 || errno == EINTR else { return }
                rest = rest.dropFirst(max(count, 0))
            }
        }
    }

    init(
        label: String,
        metadataProvider: Logger.MetadataProvider? = nil,
        write: @escaping @Sendable ([UInt8]) -> Void
    ) {
        self.label = label
        self.metadataProvider = metadataProvider
        self.write = write
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { $1 } }
        if let own = event.metadata { fields.merge(own) { $1 } }
        if let error = event.error { fields["error.message"] = "\(error)" }
        if let context = SpanContext.current {
            fields["trace_id"] = "\(context.traceID)"
            fields["span_id"] = "\(context.spanID)"
        }
        fields["time"] = "\(Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))"
        fields["level"] = "\(event.level)"
        fields["logger"] = "\(label)"
        fields["message"] = "\(event.message)"
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let line = try? encoder.encode(fields.mapValues(LogValue.init)) else { return }
        write(Array(line) + [UInt8(ascii: "\n")])
    }
}

/// Metadata as JSON: texts, lists and objects.
private struct LogValue: Encodable {
    let value: Logger.MetadataValue

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch value {
        case .string(let text): try container.encode(text)
        case .stringConvertible(let value): try container.encode("\(value)")
        case .array(let values): try container.encode(values.map(LogValue.init))
        case .dictionary(let values): try container.encode(values.mapValues(LogValue.init))
        }
    }
}
