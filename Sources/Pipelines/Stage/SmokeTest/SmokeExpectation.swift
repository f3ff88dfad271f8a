import HTTPClient

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Compares a response with what a check expects.
struct SmokeExpectation {
    private let expected: Definition.Expectation
    /// Seconds; nil: any certificate that is valid now.
    private let certificateValidFor: Double?
    /// Seconds since 1970 UTC.
    private let now: Int64

    init(_ check: Definition.SmokeCheck, now: Int64) {
        expected = check.expect
        certificateValidFor = check.tls?.validFor
        self.now = now
    }

    /// The first thing that is not as expected, in words; nil if everything is.
    func problem(with response: HTTPResponse) -> String? {
        if response.status != expected.status {
            return "expected status \(expected.status), got \(response.status)"
        }
        for (name, value) in expected.headers.sorted(by: { $0.key < $1.key }) {
            let found = response.header(name)
            if found != value {
                return "expected header \(name) to be \(quoted(value)), got \(found.map(quoted) ?? "none")"
            }
        }
        if let text = expected.body, !String(decoding: response.body, as: UTF8.self).holds(text) {
            return "expected the body to contain \(quoted(text))"
        }
        if let problem = jsonProblem(response.body) { return problem }
        if let within = expected.within, response.duration.seconds > within {
            let took = (response.duration.seconds * 1000).rounded().shown
            return "expected an answer within \((within * 1000).rounded().shown) ms, took \(took) ms"
        }
        return certificateProblem(response.certificateExpiry)
    }

    private func certificateProblem(_ expiry: Int64?) -> String? {
        guard let wanted = certificateValidFor else { return nil }
        guard let expiry else { return "the server showed no certificate" }
        let left = expiry - now
        if Double(left) >= wanted { return nil }
        let days = max(0, left / 86_400)
        return "expected a certificate that is valid for \(Int(wanted / 86_400)) days more, this one ends in \(days)"
    }

    private func jsonProblem(_ body: [UInt8]) -> String? {
        guard !expected.json.isEmpty else { return nil }
        guard let document = try? JSONDecoder().decode(JSONValue.self, from: Data(body)) else {
            return "expected JSON, got something else"
        }
        for (path, value) in expected.json.sorted(by: { $0.key < $1.key }) {
            let wanted = JSONValue(value)
            let found = document.at(path)
            if found != wanted {
                return "expected \(path) to be \(wanted.shown), got \(found?.shown ?? "nothing")"
            }
        }
        return nil
    }
}

/// A JSON document, for looking into.
enum JSONValue: Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(_ scalar: Definition.JSONScalar) {
        switch scalar {
        case .string(let text): self = .string(text)
        case .number(let number): self = .number(number)
        case .bool(let flag): self = .bool(flag)
        case .null: self = .null
        }
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

    /// For a message.
    var shown: String {
        switch self {
        case .null: "null"
        case .bool(let flag): "\(flag)"
        case .number(let number): number.shown
        case .string(let text): quoted(text)
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONValue: Decodable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .bool(flag)
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
}

/// The beginning of a body as a page can show it.
enum SmokeExcerpt {
    /// Bytes.
    static let limit = 1024

    static func of(_ body: [UInt8]) -> String {
        var result = ""
        var size = 0
        for scalar in String(decoding: body.prefix(limit), as: UTF8.self).unicodeScalars {
            let isPlain =
                scalar == "\n" || scalar == "\t" || (scalar.value >= 0x20 && !(0x7F..<0xA0).contains(scalar.value))
            // What turns the direction of text or is invisible would deceive a reader.
            let isShown =
                isPlain && ![.format, .control].contains(scalar.properties.generalCategory) || scalar == "\n"
                || scalar == "\t"
            let shown: Unicode.Scalar = isShown ? scalar : "."
            size += UTF8.width(shown)
            if size > limit { break }
            result.unicodeScalars.append(shown)
        }
        return result
    }
}
