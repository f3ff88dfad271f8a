import Kubernetes

/// A label or field selector: requirements that all have to hold.
struct Selector {
    private enum Rule {
        case equals(String, String)
        case differs(String, String)
        case among(String, Set<String>)
        case notAmong(String, Set<String>)
        case exists(String)
        case absent(String)
    }

    private var rules: [Rule] = []

    static let everything = Selector()

    private init() {}

    /// - Throws: ``Failure`` for one that cannot be read.
    init(_ text: String) throws {
        for part in Selector.split(text) { rules.append(try Selector.rule(part)) }
    }

    /// From `spec.selector` of a workload.
    init(labelSelector: JSON) {
        for (key, value) in labelSelector.strings("matchLabels") { rules.append(.equals(key, value)) }
        for item in labelSelector["matchExpressions"]?.items ?? [] {
            let key = item["key"]?.string ?? ""
            let values = Set((item["values"]?.items ?? []).compactMap(\.string))
            switch item["operator"]?.string {
            case "In": rules.append(.among(key, values))
            case "NotIn": rules.append(.notAmong(key, values))
            case "Exists": rules.append(.exists(key))
            default: rules.append(.absent(key))
            }
        }
    }

    var isEverything: Bool { rules.isEmpty }

    /// What it asks for.
    var keys: [String] {
        rules.map { rule in
            switch rule {
            case .equals(let key, _), .differs(let key, _), .among(let key, _), .notAmong(let key, _), .exists(let key),
                .absent(let key):
                key
            }
        }
    }

    func matches(labels: [String: String]) -> Bool { matches { labels[$0] } }

    /// Of fields: `metadata.name`, `status.phase`, any path to a string.
    func matches(fields object: JSON) -> Bool {
        matches { path in
            let value = object[path.split(separator: ".").map(String.init)]
            return value?.string ?? value?.integer.map { String($0) } ?? ""
        }
    }

    private func matches(_ value: (String) -> String?) -> Bool {
        rules.allSatisfy { rule in
            switch rule {
            case .equals(let key, let wanted): value(key) == wanted
            case .differs(let key, let other): value(key) != other
            case .among(let key, let wanted): value(key).map(wanted.contains) ?? false
            case .notAmong(let key, let others): !(value(key).map(others.contains) ?? false)
            case .exists(let key): value(key) != nil
            case .absent(let key): value(key) == nil
            }
        }
    }

    private static func split(_ text: String) -> [String] {
        var parts = [""]
        var depth = 0
        for character in text {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == ",", depth == 0 { parts.append("") } else { parts[parts.count - 1].append(character) }
        }
        return parts.map(trimmed).filter { !$0.isEmpty }
    }

    private static func rule(_ text: String) throws -> Rule {
        for (sign, isEqual) in [("!=", false), ("==", true), ("=", true)] {
            guard let range = text.firstRange(of: sign) else { continue }
            let key = trimmed(text[..<range.lowerBound])
            let value = trimmed(text[range.upperBound...])
            return isEqual ? .equals(key, value) : .differs(key, value)
        }
        if text.hasPrefix("!") {
            let key = trimmed(text.dropFirst())
            guard !key.isEmpty, !key.hasPrefix("!") else {
                throw Failure.badRequest("unable to parse requirement: found '!', expected: identifier")
            }
            return .absent(key)
        }
        guard let open = text.firstIndex(of: "("), text.hasSuffix(")") else {
            guard !text.contains(" ") else {
                throw Failure.badRequest("unable to parse requirement: found '\(text)', expected: in, notin, =, ==, !=")
            }
            return .exists(text)
        }
        let head = text[..<open].split(separator: " ").map(String.init)
        let values = Set(text[text.index(after: open)...].dropLast().split(separator: ",").map { trimmed($0) })
        switch head.last {
        case "in" where head.count == 2: return .among(head[0], values)
        case "notin" where head.count == 2: return .notAmong(head[0], values)
        default:
            throw Failure.badRequest("unable to parse requirement: found '\(text)', expected: in, notin")
        }
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
