import Kubernetes

/// Whether a manifest has only fields that its kind knows, with values of their types.
enum Schema {
    /// What is wrong, where it is.
    struct Fault: Error {
        enum Kind {
            case unknown
            case wrongType(expected: String, found: String)
            case duplicate(key: String)
            /// Of a field of 32 bits.
            case outOfRange(Int64)
        }

        var path: String
        var kind: Kind
    }

    private static let types: [String: [String: String]] = {
        var types: [String: [String: String]] = [:]
        var name = ""
        for line in SchemaTable.text.split(separator: "\n") {
            var words = line.split(separator: " ").map(String.init)
            if !line.hasPrefix(" ") { name = String(words.removeFirst().dropLast()) }
            for word in words {
                let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
                types[name, default: [:]][parts[0]] = parts[1]
            }
        }
        return types
    }()

    /// - Returns: nothing for kinds that are not in the table, custom resources among them.
    static func faults(_ object: JSON, _ resource: Resource) -> [Fault] {
        guard !resource.isCustom, types[resource.kind] != nil else { return [] }
        var faults: [Fault] = []
        check(object, resource.kind, resource.shape, at: "", into: &faults)
        return faults
    }

    private static func check(
        _ value: JSON,
        _ type: String,
        _ shape: Shape,
        at path: String,
        into faults: inout [Fault]
    ) {
        guard value != .null else { return }
        func expect(_ expected: String, _ isRight: Bool) {
            guard !isRight else { return }
            faults.append(Fault(path: path, kind: .wrongType(expected: expected, found: value.typeName)))
        }
        switch type {
        case "*": return
        case "s": expect("string", value.string != nil)
        case "i":
            expect("numeric (int or float)", value.integer != nil)
            if let number = value.integer, Int32(exactly: number) == nil {
                faults.append(Fault(path: path, kind: .outOfRange(number)))
            }
        case "l": expect("numeric (int or float)", value.integer != nil)
        case "b": expect("boolean", value.bool != nil)
        case _ where type.hasPrefix("["):
            guard case .array(let items) = value else { return expect("list", false) }
            var seen: Set<PathElement> = []
            for (index, item) in items.enumerated() {
                let element = shape.item == nil ? nil : shape.element(for: item)
                if let element, !seen.insert(element).inserted {
                    faults.append(Fault(path: path, kind: .duplicate(key: element.description)))
                }
                let place = path + (element?.description ?? "[\(index)]")
                check(item, String(type.dropFirst()), shape.item ?? .builtIn, at: place, into: &faults)
            }
        case _ where type.hasPrefix("{"):
            guard case .object(let members) = value else { return expect("map", false) }
            for (name, member) in members.sorted(by: { $0.key < $1.key }) {
                check(member, String(type.dropFirst()), .free, at: "\(path).\(name)", into: &faults)
            }
        default:
            guard case .object(let members) = value else { return expect("map", false) }
            let fields = types[type] ?? [:]
            for (name, member) in members.sorted(by: { $0.key < $1.key }) {
                if let field = fields[name] {
                    check(member, field, shape.member(name), at: "\(path).\(name)", into: &faults)
                } else if name != "status" || !path.isEmpty {
                    faults.append(Fault(path: "\(path).\(name)", kind: .unknown))
                }
            }
        }
    }
}

extension Schema {
    /// The object as an apply makes it: numbers of 32 bits lose what is above those, without a word
    /// (apimachinery, pkg/runtime/converter.go, `fromUnstructured`).
    static func narrowed(_ object: JSON, _ resource: Resource) -> JSON {
        guard !resource.isCustom, types[resource.kind] != nil else { return object }
        return narrowed(object, resource.kind)
    }

    private static func narrowed(_ value: JSON, _ type: String) -> JSON {
        switch (type, value) {
        case ("i", .integer(let number)): return .integer(Int64(Int32(truncatingIfNeeded: number)))
        case (_, .array(let items)) where type.hasPrefix("["):
            return .array(items.map { narrowed($0, String(type.dropFirst())) })
        case (_, .object(let members)) where type.hasPrefix("{"):
            return .object(members.mapValues { narrowed($0, String(type.dropFirst())) })
        case (_, .object(var members)):
            for (name, field) in types[type] ?? [:] {
                if let member = members[name] { members[name] = narrowed(member, field) }
            }
            return .object(members)
        default: return value
        }
    }
}

extension Schema.Fault {
    /// Why the value cannot be decoded, in the words of Go's JSON; nil if it can.
    func unmarshalling(_ resource: Resource) -> String? {
        let value: (found: String, type: String)
        switch kind {
        case .wrongType(let expected, let found):
            value = (found, expected == "numeric (int or float)" ? "int32" : expected)
        case .outOfRange(let number): value = ("number \(number)", "int32")
        case .unknown, .duplicate: return nil
        }
        let place = "\(resource.kind)Spec.\(path.dropFirst())"
        return "json: cannot unmarshal \(value.found) into Go struct field \(place) of type \(value.type)"
    }
}

extension Failure {
    /// Of a patch whose result cannot be decoded.
    static func undecodable(patched object: JSON, _ why: String) -> Failure {
        let cause = Cause.invalid("patch", .string(object.text), why)
        let message = " \"\" is invalid: \(cause.text)"
        return Failure(code: 422, reason: "Invalid", message: message, details: ["causes": [cause.json]])
    }

    /// Of an apply: a 500, though the manifest is to blame.
    static func untyped(_ fault: Schema.Fault, _ object: JSON) -> Failure {
        let why =
            switch fault.kind {
            case .unknown: "field not declared in schema"
            case .wrongType(let expected, let found): "expected \(expected), got \(found)"
            case .duplicate(let key): "duplicate entries for key \(key)"
            case .outOfRange(let number): "\(number) has more than 32 bits"
            }
        // The core's group is empty, and written down all the same.
        let version = object.apiVersion.contains("/") ? object.apiVersion : "/" + object.apiVersion
        let name = "\(object.namespace ?? "")/\(object.name); \(version), Kind=\(object.kind)"
        let message = "failed to create typed patch object (\(name)): \(fault.path): \(why)"
        return Failure(code: 500, reason: "", message: message)
    }

    /// Of a plain write.
    static func undecodable(_ resource: Resource, _ why: String) -> Failure {
        .badRequest(
            "\(resource.kind) in version \"\(resource.version)\" cannot be handled as a \(resource.kind): \(why)"
        )
    }
}

extension JSON {
    fileprivate var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer, .number: "number"
        case .string: "string"
        case .array: "list"
        case .object: "map"
        }
    }
}
