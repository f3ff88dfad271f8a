import Foundation

/// Times as the API writes them: RFC 3339 in UTC.
enum Timestamp {
    static var now: String { text(Date()) }
    /// With microseconds.
    static var nowPrecise: String {
        let fraction = Int(Date().timeIntervalSince1970 * 1_000_000) % 1_000_000
        let digits = String(fraction)
        let padding = String(repeating: "0", count: 6 - digits.count)
        return now.dropLast() + "." + padding + digits + "Z"
    }

    static func text(_ date: Date) -> String { date.formatted(.iso8601) }

    static func date(_ text: String?) -> Date? {
        text.flatMap { try? Date($0, strategy: .iso8601) }
    }
}
