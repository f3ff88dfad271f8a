@testable import Pipelines

/// JSON whose keys keep their order, for files that people read.
indirect enum JSONText {
    case text(String)
    case number(String)
    case flag(Bool)
    case null
    case list([JSONText])
    case object([(String, JSONText)])

    /// Two spaces a level; short lists and objects on one line.
    func written(indent: Int = 0) -> String {
        let flat = onOneLine
        if flat.utf8.count + indent <= 100 { return flat }
        let inner = String(repeating: " ", count: indent + 2)
        let end = "\n" + String(repeating: " ", count: indent)
        switch self {
        case .list(let items):
            return "[\n" + items.map { inner + $0.written(indent: indent + 2) }.joined(separator: ",\n") + end + "]"
        case .object(let pairs):
            let lines = pairs.map { inner + Self.quote($0.0) + ": " + $0.1.written(indent: indent + 2) }
            return "{\n" + lines.joined(separator: ",\n") + end + "}"
        default: return flat
        }
    }

    var onOneLine: String {
        switch self {
        case .text(let text): Self.quote(text)
        case .number(let number): number
        case .flag(let flag): flag ? "true" : "false"
        case .null: "null"
        case .list(let items): "[" + items.map(\.onOneLine).joined(separator: ", ") + "]"
        case .object(let pairs):
            pairs.isEmpty
                ? "{}" : "{ " + pairs.map { Self.quote($0.0) + ": " + $0.1.onOneLine }.joined(separator: ", ") + " }"
        }
    }

    private static func quote(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\" + String(scalar)
            case "\n": quoted += "\\n"
            case "\0"..<" ", "\u{7F}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

extension JSONText {
    /// A checked document as JSON has it.
    init(_ value: Value) {
        switch value.content {
        case .list(let items): self = .list(items.map(JSONText.init))
        case .map(let entries): self = .object(entries.map { ($0.key, JSONText($0.value)) })
        case .scalar(let scalar):
            switch scalar.kind {
            case .text: self = .text(scalar.text)
            case .null: self = .null
            case .flag(let flag): self = .flag(flag)
            case .integer(let integer): self = .number("\(integer)")
            case .number(let number): self = number.isFinite ? .number("\(number)") : .text(scalar.text)
            }
        }
    }
}

/// The JSON Schema of a file's shape.
func schemaText(_ shape: Shape, title: String, about: String) -> String {
    let head: [(String, JSONText)] = [
        ("$schema", .text("https://json-schema.org/draft/2020-12/schema")), ("title", .text(title)),
        ("description", .text(about)),
    ]
    return JSONText.object(head + schema(shape)).written() + "\n"
}

/// As ``seconds(of:)`` reads them.
private let durations =
    "([1-9][0-9]{0,6}|[1-7][0-9]{7}|8[0-5][0-9]{6}|86[0-3][0-9]{5}|86400000)ms"
    + "|([1-9][0-9]{0,3}|[1-7][0-9]{4}|8[0-5][0-9]{3}|86[0-3][0-9]{2}|86400)s"
    + "|([1-9][0-9]{0,2}|1[0-3][0-9]{2}|14[0-3][0-9]|1440)m|([1-9]|1[0-9]|2[0-4])h"

/// Editors read patterns with JavaScript's rules, where `\u0000` is written so.
private func schema(_ shape: Shape) -> [(String, JSONText)] {
    switch shape {
    case .text(let rule): [("type", .text("string"))] + schema(rule)
    case .flag: [("type", .text("boolean"))]
    case .mark: [("const", .flag(true))]
    case .integer(let range):
        [
            ("type", .text("integer")), ("minimum", .number("\(range.lowerBound)")),
            ("maximum", .number("\(range.upperBound)")),
        ]
    case .share: [("type", .text("number")), ("minimum", .number("0")), ("maximum", .number("1"))]
    case .duration: [("type", .text("string")), ("pattern", .text("^(\(durations))$"))]
    case .durationOrOff:
        [
            ("type", .list([.text("string"), .text("boolean")])), ("pattern", .text("^(\(durations)|off)$")),
            ("not", .object([("const", .flag(true))])),
        ]
    case .days: [("type", .text("string")), ("pattern", .text("^([1-9][0-9]{0,2}|1000)d$"))]
    case .size(let range):
        [
            ("type", .list([.text("integer"), .text("string")])), ("minimum", .number("\(range.lowerBound)")),
            ("maximum", .number("\(range.upperBound)")), ("pattern", .text("^[1-9][0-9]{0,6}(KiB|MiB|GiB)$")),
        ]
    case .choice(let words): [("type", .text("string")), ("enum", .list(words.map(JSONText.text)))]
    case .scalar: [("type", .list(["string", "number", "boolean", "null"].map(JSONText.text)))]
    case .json:
        [("type", .list(["object", "array", "string", "number", "boolean"].map(JSONText.text)))]
    case .list(let item, let count):
        [("type", .text("array"))] + bounds("Items", count) + [("items", .object(schema(item)))]
    case .table(let keys, let values, let count):
        [("type", .text("object"))] + bounds("Properties", count)
            + [("propertyNames", .object(schema(keys))), ("additionalProperties", .object(schema(values)))]
    case .object(let object): schema(object)
    case .textOrObject(let rule, let object):
        [("oneOf", .list([.object(schema(.text(rule))), .object(schema(object))]))]
    }
}

func schema(_ rule: TextRule) -> [(String, JSONText)] {
    [
        ("minLength", .number("\(rule.length.lowerBound)")), ("maxLength", .number("\(rule.length.upperBound)")),
        ("pattern", .text(rule.pattern)),
    ]
}

private func bounds(_ what: String, _ count: ClosedRange<Int>) -> [(String, JSONText)] {
    (count.lowerBound > 0 ? [("min\(what)", .number("\(count.lowerBound)"))] : [])
        + [("max\(what)", .number("\(count.upperBound)"))]
}

private func schema(_ object: ObjectShape) -> [(String, JSONText)] {
    var keywords: [(String, JSONText)] = [("type", .text("object")), ("additionalProperties", .flag(false))]
    let required = object.keys.filter { $0.presence == .required }.map { JSONText.text($0.name) }
    if !required.isEmpty { keywords.append(("required", .list(required))) }
    let choices = object.exactlyOne.map { group in
        JSONText.object([("oneOf", .list(group.map { .object([("required", .list([.text($0)]))]) }))])
    }
    if !choices.isEmpty { keywords.append(("allOf", .list(choices))) }
    if !object.together.isEmpty {
        let pairs = object.together.sorted { $0.key < $1.key }
        keywords.append(("dependentRequired", .object(pairs.map { ($0.key, .list($0.value.map(JSONText.text))) })))
    }
    if !object.apart.isEmpty {
        let keys = Set(object.apart.map(\.key)).sorted()
        let excluded = keys.map { key in
            let others = object.apart.filter { $0.key == key }.flatMap(\.others)
            return (key, JSONText.object([("properties", .object(others.map { ($0, .flag(false)) }))]))
        }
        keywords.append(("dependentSchemas", .object(excluded)))
    }
    let properties = object.keys.map { key in
        (key.name, JSONText.object([("description", .text(key.about))] + schema(key.shape)))
    }
    if !properties.isEmpty { keywords.append(("properties", .object(properties))) }
    return keywords
}
