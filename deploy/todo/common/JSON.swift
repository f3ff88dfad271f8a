import FoundationEssentials

/// JSON as all our programs write and read it.
public enum JSON {
    /// Keys are sorted, so that equal values have equal bytes.
    public static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }

    public static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}

/// A moment, to the millisecond; in JSON as RFC 3339 writes it, in UTC: `2026-01-31T12:00:00.000Z`.
public struct Timestamp: Codable, Sendable, Hashable, Comparable {
    /// Since 1970.
    public let milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    public static var now: Timestamp {
        Timestamp(milliseconds: Int64((Date().timeIntervalSince1970 * 1000).rounded()))
    }

    /// - Parameter text: with or without a fraction of a second, of which three digits count.
    public init?(_ text: String) {
        // Fractions are read here: Foundation makes a floating-point number of them, and cuts it when it writes.
        guard let dot = text.firstIndex(of: ".") else {
            guard let date = try? Date.ISO8601FormatStyle().parse(text),
                Self.writable.contains(date.timeIntervalSince1970)
            else { return nil }
            milliseconds = Int64(date.timeIntervalSince1970) * 1000
            return
        }
        let digits = text[text.index(after: dot)...].prefix { $0.isASCII && $0.isNumber }
        let rest = text[digits.endIndex...]
        guard !digits.isEmpty, let whole = Timestamp(String(text[..<dot] + rest)),
            let fraction = Int64((digits + "00").prefix(3))
        else { return nil }
        milliseconds = whole.milliseconds + fraction
    }

    /// Seconds of the years 0001 to 9999, which have four digits in UTC. Others can be written in RFC 3339 with an offset,
    /// but what we would write of them nobody could read again.
    private static let writable = -62_135_596_800.0..<253_402_300_800

    public var text: String {
        let second = milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000
        let fraction = String(milliseconds - second * 1000 + 1000).dropFirst()
        return Date(timeIntervalSince1970: Double(second)).formatted(.iso8601).dropLast() + ".\(fraction)Z"
    }
    public var seconds: Double { Double(milliseconds) / 1000 }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let read = Timestamp(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a time as RFC 3339 writes it")
        }
        self = read
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }
}

/// Makes identifiers.
public enum Identifier {
    /// A UUID that nobody can guess (RFC 9562, version 4), in lower case.
    public static func random() -> String { UUID().uuidString.lowercased() }

    /// A UUID that begins with the time (RFC 9562, version 7), in lower case: later ones sort after earlier ones.
    public static func timeOrdered(_ time: Timestamp = .now) -> String {
        var generator = SystemRandomNumberGenerator()
        let high = UInt64(bitPattern: time.milliseconds) << 16 | 0x7000 | generator.next() & 0x0fff
        let low = generator.next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        let digits = hexadecimal(high) + hexadecimal(low)
        let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].map { digits[$0.0..<$0.1] }
        return parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "-")
    }

    /// Whether this is a UUID as we write them: 36 characters, hexadecimal digits in lower case.
    public static func isValid(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return false }
        return bytes.enumerated().allSatisfy { index, byte in
            if [8, 13, 18, 23].contains(index) { return byte == UInt8(ascii: "-") }
            return (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
        }
    }

    private static func hexadecimal(_ number: UInt64) -> [UInt8] {
        let digits = Array(String(number, radix: 16).utf8)
        return Array(repeating: UInt8(ascii: "0"), count: 16 - digits.count) + digits
    }
}

/// A hash that is the same in every process and version (FNV-1a, 64 bits): it says in which document something is kept.
public func stableHash(_ text: String) -> UInt64 {
    text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
}
