import Kubernetes
import Yams

/// Bodies of requests: JSON, or YAML as people send it with curl.
enum Document {
    /// - Throws: ``Failure`` for what is not one object.
    static func object(_ bytes: [UInt8]) throws -> JSON {
        let value: JSON
        let first = bytes.first { $0 > 0x20 }
        do {
            value =
                first == UInt8(ascii: "{") || first == UInt8(ascii: "[") ? try JSON(parsing: bytes) : try yaml(bytes)
        } catch {
            throw Failure.badRequest("the object provided is unrecognized: \(error)")
        }
        return value
    }

    private static func yaml(_ bytes: [UInt8]) throws -> JSON {
        guard let node = try Yams.compose(yaml: String(decoding: bytes, as: UTF8.self)) else { return .null }
        return json(node)
    }

    private static func json(_ node: Node) -> JSON {
        switch node {
        case .mapping(let mapping):
            let pairs = mapping.map { ($0.key.string ?? "", json($0.value)) }
            return .object(Dictionary(pairs) { _, last in last })
        case .sequence(let sequence): return .array(sequence.map(json))
        default:
            if let flag = node.bool { return .bool(flag) }
            if let number = node.int { return .integer(Int64(number)) }
            if let number = node.float { return .number(number) }
            if node.null != nil { return .null }
            return .string(node.string ?? "")
        }
    }
}
