/// A JSON document.
public enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(Double)
    /// A whole number of 16 digits and more, which as a `Double` would become another one: ids have so many.
    case integer(Int)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// Each whole number in the one form that it has here, so that equal ones are equal.
    init(_ integer: Int) {
        self = integer.magnitude < 1_000_000_000_000_000 ? .number(Double(integer)) : .integer(integer)
    }

    /// `items.0.name`: keys of objects and places in arrays. A key that holds dots itself is found too.
    func at(_ path: String) -> JSONValue? {
        if path.isEmpty { return self }
        switch self {
        case .object(let members):
            if let found = members[path] { return found }
            // The shortest key that leads anywhere.
            for index in path.indices where path[index] == "." {
                if let member = members[String(path[..<index])],
                    let found = member.at(String(path[path.index(after: index)...]))
                {
                    return found
                }
            }
            return nil
        case .array(let items):
            let parts = path.split(separator: ".", maxSplits: 1)
            guard let first = parts.first, let index = plainNumber(first), items.indices.contains(index) else {
                return nil
            }
            return items[index].at(parts.count > 1 ? String(parts[1]) : "")
        default: return nil
        }
    }

    /// The text of a scalar, without quotes; nil of everything else, and of null.
    var text: String? {
        switch self {
        case .bool(let flag): "\(flag)"
        case .number(let number): number.shown
        case .integer(let integer): "\(integer)"
        case .string(let text): text
        case .null, .array, .object: nil
        }
    }

    /// For a message.
    var shown: String {
        switch self {
        case .null: "null"
        case .string(let text): quoted(text)
        case .array: "an array"
        case .object: "an object"
        case .bool, .number, .integer: text ?? ""
        }
    }
}

extension JSONValue: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .bool(flag)
        } else if let integer = try? container.decode(Int.self) {
            self.init(integer)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .string(text)
        } else if let items = try? container.decode([JSONValue].self) {
            self = .array(items)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let flag): try container.encode(flag)
        case .number(let number): try container.encode(number)
        case .integer(let integer): try container.encode(integer)
        case .string(let text): try container.encode(text)
        case .array(let items): try container.encode(items)
        case .object(let members): try container.encode(members)
        }
    }
}
