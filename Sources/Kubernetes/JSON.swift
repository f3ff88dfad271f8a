/// Any JSON value. What the API server sends is kept whole, whatever its kind: we read the fields that we know and give
/// the others back untouched.
public enum JSON: Sendable, Hashable {
    case null
    case bool(Bool)
    /// Whole numbers are never rounded through a double.
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])
}

extension JSON {
    /// - Throws: if the bytes are not one JSON value; the error's description says where.
    public init(parsing bytes: [UInt8]) throws {
        self = try bytes.withUnsafeBufferPointer { (bytes) throws(JSONFault) in try JSONParser.parse(bytes) }
    }

    /// One line, keys in order: equal values give equal bytes.
    public var bytes: [UInt8] {
        var writer = JSONWriter()
        writer.write(self)
        return writer.bytes
    }
}

// MARK: - Reading

extension JSON {
    /// A member of an object; null is as good as absent.
    public subscript(key: String) -> JSON? {
        guard case .object(let members) = self, let value = members[key], value != .null else { return nil }
        return value
    }

    /// What is found by going down member after member.
    public subscript(path: [String]) -> JSON? {
        path.reduce(self) { $0?[$1] }
    }

    public var string: String? { if case .string(let text) = self { text } else { nil } }
    public var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    public var integer: Int64? { if case .integer(let number) = self { number } else { nil } }
    /// The items of an array; of anything else, none.
    public var items: [JSON] { if case .array(let items) = self { items } else { [] } }
    /// The members of an object; of anything else, none.
    public var members: [String: JSON] { if case .object(let members) = self { members } else { [:] } }
    /// A member that is an object of strings, such as labels.
    public func strings(_ key: String) -> [String: String] { (self[key]?.members ?? [:]).compactMapValues(\.string) }
}

// MARK: - Changing

extension JSON {
    /// Sets, or with nil removes, what is at a path of members; objects on the way are made.
    public mutating func set(_ path: [String], _ value: JSON?) {
        guard let first = path.first else {
            self = value ?? .null
            return
        }
        var members = self.members
        if path.count == 1 {
            members[first] = value
        } else {
            var child = members[first] ?? .object([:])
            if value == nil && members[first] == nil { return }
            child.set(Array(path.dropFirst()), value)
            members[first] = child
        }
        self = .object(members)
    }
}

// MARK: - Coding

extension JSON: Codable {
    /// As text in a string: value by value, Foundation's coders take ten times as long.
    public init(from decoder: any Decoder) throws {
        self = try JSON(parsing: Array(try decoder.singleValueContainer().decode(String.self).utf8))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(String(decoding: bytes, as: UTF8.self))
    }
}

// MARK: - Literals

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public typealias Key = String
    public typealias Value = JSON

    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(Dictionary(elements) { _, last in last })
    }
    public init(nilLiteral: ()) { self = .null }
}
