/// What a trace is known by, everywhere: 16 bytes that are not all zero.
public struct TraceID: Sendable, Hashable, CustomStringConvertible {
    let high: UInt64
    let low: UInt64

    /// Nil for zero, which W3C's text keeps for "none".
    public init?(high: UInt64, low: UInt64) {
        guard high | low != 0 else { return nil }
        self.high = high
        self.low = low
    }

    /// 32 lower case hexadecimal digits.
    public init?(hex: some StringProtocol) {
        guard hex.utf8.count == 32, let high = parseHex(hex.utf8.prefix(16)), let low = parseHex(hex.utf8.dropFirst(16))
        else { return nil }
        self.init(high: high, low: low)
    }

    public static func random() -> TraceID {
        TraceID(high: .random(in: 0 ... .max), low: .random(in: 1 ... .max))!
    }

    public var description: String { hex(high) + hex(low) }
}

/// What a span is known by in its trace: 8 bytes that are not all zero.
public struct SpanID: Sendable, Hashable, CustomStringConvertible {
    let value: UInt64

    public init?(_ value: UInt64) {
        guard value != 0 else { return nil }
        self.value = value
    }

    /// 16 lower case hexadecimal digits.
    public init?(hex: some StringProtocol) {
        guard hex.utf8.count == 16, let value = parseHex(hex.utf8) else { return nil }
        self.init(value)
    }

    public static func random() -> SpanID { SpanID(.random(in: 1 ... .max))! }

    public var description: String { hex(value) }
}

/// Where something stands in a trace, and what is passed on to those who are asked: W3C Trace Context,
/// https://www.w3.org/TR/trace-context/
public struct SpanContext: Sendable, Hashable {
    public let traceID: TraceID
    public let spanID: SpanID
    /// Whether somebody up the line records this trace, so that we should too.
    public let isSampled: Bool
    /// Other vendors' part, passed on as it came (the header `tracestate`).
    public let traceState: String?

    /// The context of the work that this task does: log lines carry its ids, and new spans are its children.
    @TaskLocal public static var current: SpanContext?

    public init(traceID: TraceID, spanID: SpanID, isSampled: Bool, traceState: String? = nil) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
        self.traceState = traceState
    }

    /// From the headers of a request. Nil unless `traceparent` is well formed; a `tracestate` that is too long or has what
    /// no header may have is left out (3.2.2.2 and 3.3 of the recommendation).
    public init?(traceparent: String, tracestate: String? = nil) {
        let parts = traceparent.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0].utf8.count == 2, let version = parseHex(parts[0].utf8), version != 0xff,
            // Later versions may add fields; version 0 has none.
            parts.count == 4 || version > 0,
            let traceID = TraceID(hex: parts[1]), let spanID = SpanID(hex: parts[2]),
            parts[3].utf8.count == 2, let flags = parseHex(parts[3].utf8)
        else { return nil }
        let state = tracestate.flatMap { text in
            !text.isEmpty && text.utf8.count <= Self.longestTraceState
                && text.utf8.allSatisfy { (0x20...0x7e).contains($0) || $0 == 0x09 } ? text : nil
        }
        self.init(traceID: traceID, spanID: spanID, isSampled: flags & 1 == 1, traceState: state)
    }

    /// What a vendor must at least pass on.
    static let longestTraceState = 512

    /// The value of the header `traceparent`.
    public var traceparent: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }

    /// The headers for a request that this context asks: `traceparent`, and `tracestate` if there is one.
    public var headers: [(String, String)] {
        [("traceparent", traceparent)] + (traceState.map { [("tracestate", $0)] } ?? [])
    }
}

private func parseHex(_ digits: some Collection<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    for digit in digits {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(digit - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
        default: return nil
        }
    }
    return value
}

private func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}
