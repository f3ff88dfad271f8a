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
    private struct Member: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    public init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: Member.self) {
            var members: [String: JSON] = [:]
            for key in container.allKeys { members[key.stringValue] = try container.decode(JSON.self, forKey: key) }
            self = .object(members)
            return
        }
        if var container = try? decoder.unkeyedContainer() {
            var items: [JSON] = []
            while !container.isAtEnd { items.append(try container.decode(JSON.self)) }
            self = .array(items)
            return
        }
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .bool(flag)
        } else if let integer = try? container.decode(Int64.self) {
            self = .integer(integer)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else {
            self = .string(try container.decode(String.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .object(let members):
            var container = encoder.container(keyedBy: Member.self)
            for (key, value) in members { try container.encode(value, forKey: Member(stringValue: key)) }
        case .array(let items):
            var container = encoder.unkeyedContainer()
            for item in items { try container.encode(item) }
        case .null, .bool, .integer, .number, .string:
            var container = encoder.singleValueContainer()
            switch self {
            case .bool(let flag): try container.encode(flag)
            case .integer(let integer): try container.encode(integer)
            case .number(let number): try container.encode(number)
            case .string(let text): try container.encode(text)
            default: try container.encodeNil()
            }
        }
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
