import Kubernetes

/// One step of the path to a field, as `fieldsV1` writes them (structured merge and diff, KEP-555).
enum PathElement: Hashable {
    case field(String)
    /// An item of an associative list, by the JSON object of its keys in order: `{"name":"web"}`.
    case key(String)
    /// An item of a set, by its JSON value.
    case value(String)
    case index(Int)

    /// `f:name`, `k:{"name":"web"}`, `v:"a"`, `i:0`.
    var encoded: String {
        switch self {
        case .field(let name): "f:\(name)"
        case .key(let keys): "k:\(keys)"
        case .value(let value): "v:\(value)"
        case .index(let index): "i:\(index)"
        }
    }

    init?(encoded: String) {
        let rest = String(encoded.dropFirst(2))
        switch encoded.prefix(2) {
        case "f:": self = .field(rest)
        case "k:": self = .key(PathElement.canonical(rest))
        case "v:": self = .value(PathElement.canonical(rest))
        case "i:":
            guard let index = Int(rest) else { return nil }
            self = .index(index)
        default: return nil
        }
    }

    private static func canonical(_ text: String) -> String {
        guard let value = try? JSON(parsing: Array(text.utf8)) else { return text }
        return value.text
    }

    /// As conflicts name it: `.replicas`, `[name="web"]`, `[="a"]`.
    var description: String {
        switch self {
        case .field(let name): return ".\(name)"
        case .key(let keys):
            let members = ((try? JSON(parsing: Array(keys.utf8))) ?? .null).members
            let pairs = members.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.text)" }
            return "[\(pairs.joined(separator: ","))]"
        case .value(let value): return "[=\(value)]"
        case .index(let index): return "[\(index)]"
        }
    }
}

typealias FieldPath = [PathElement]

extension FieldPath {
    var text: String { map(\.description).joined() }
}

extension JSON {
    /// One line with keys in order.
    var text: String { String(decoding: bytes, as: UTF8.self) }
}
