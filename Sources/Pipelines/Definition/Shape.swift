/// What a value of one of our files may be. The reader checks files against shapes, and the JSON Schemas for editors
/// are made of the same shapes, so the two cannot drift apart.
indirect enum Shape: Sendable {
    case text(TextRule)
    case flag
    /// `true`, for a key that means something by being there.
    case mark
    case integer(ClosedRange<Int>)
    /// A number from 0 to 1.
    case share
    /// `500ms`, `30s`, `5m`, `1h`; at most 24 hours.
    case duration
    /// A duration, or `off`.
    case durationOrOff
    /// `14d`; at most 1000 days.
    case days
    /// `65536`, `64KiB`, `25MiB`, `1GiB`; in the given number of bytes.
    case size(ClosedRange<Int>)
    case choice([String])
    /// Text, a number, true, false or null.
    case scalar
    /// Anything that JSON has, but null at its root.
    case json
    case list(Shape, count: ClosedRange<Int>)
    /// A mapping whose keys the author chooses.
    case table(keys: TextRule, values: Shape, count: ClosedRange<Int>)
    /// A mapping whose keys we know.
    case object(ObjectShape)
    /// Text, or a mapping in its place.
    case textOrObject(TextRule, ObjectShape)
}

/// The keys of a mapping and what they may not do together.
struct ObjectShape: Sendable {
    var keys: [Key]
    /// Of each group exactly one key must be there.
    var exactlyOne: [[String]] = []
    /// A key → the keys that must be there with it.
    var together: [String: [String]] = [:]
    /// Keys that say nothing, or something else, beside another one.
    var apart: [Apart] = []

    struct Apart: Sendable {
        var key: String
        var others: [String]
        /// Why, and what to do.
        var reason: String
    }

    func key(_ name: String) -> Key? { keys.first { $0.name == name } }
}

struct Key: Sendable {
    enum Presence: Sendable, Equatable {
        case required
        case optional
    }

    var name: String
    var shape: Shape
    /// What editors show: what the key does, its unit, its default.
    var about: String
    var presence: Presence

    static func required(_ name: String, _ shape: Shape, _ about: String) -> Key {
        Key(name: name, shape: shape, about: about, presence: .required)
    }

    static func optional(_ name: String, _ shape: Shape, _ about: String) -> Key {
        Key(name: name, shape: shape, about: about, presence: .optional)
    }
}

/// What a text must be like. `pattern` says the same to editors as `complaint` to the reader; a test holds them
/// together.
struct TextRule: Sendable {
    /// ECMA 262, anchored.
    var pattern: String
    /// In characters.
    var length: ClosedRange<Int>
    /// What is wanted, e.g. "a branch such as main".
    var wanted: String
    /// What is wrong with a text, or nil; it is asked only about texts of the right length.
    var complaint: @Sendable (String) -> String?

    /// What is wrong with a text, or nil.
    func fault(in text: String) -> String? {
        guard length.contains(text.unicodeScalars.count) else {
            return text.isEmpty ? "it is empty" : "it has more than \(length.upperBound) characters"
        }
        return complaint(text)
    }
}

extension Shape {
    /// What is wanted, as it follows "must be".
    var wanted: String {
        switch self {
        case .text(let rule), .textOrObject(let rule, _): rule.wanted
        case .flag: "true or false"
        case .mark: "true: leave the key out if it does not hold"
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .share: "a number from 0 to 1"
        case .duration: "a duration such as 500ms, 30s, 5m or 1h, above 0 and at most 24h"
        case .durationOrOff: "a duration such as 30s, 5m or 1h, above 0 and at most 24h, or off"
        case .days: "a number of days such as 14d, from 1d to 1000d"
        case .size(let range): "a size such as 64KiB or 25MiB, from \(range.lowerBound) to \(range.upperBound) bytes"
        case .choice(let words): words.count == 1 ? words[0] : "one of " + words.joined(separator: ", ")
        case .scalar: "text, a number, true, false or null"
        case .json: "a mapping, a list, text, a number, true or false"
        case .list(_, let count): count.lowerBound > 0 ? "a list with at least one item" : "a list"
        case .table: "a mapping"
        case .object(let object):
            if object.keys.isEmpty {
                "an empty mapping: {}"
            } else {
                "a mapping with " + object.keys.map(\.name).joined(separator: ", ")
            }
        }
    }
}
