import Kubernetes

/// A document as Kubernetes' own tools read it (sigs.k8s.io/yaml: YAML 1.1).
struct ManifestJSON {
    let place: String

    func convert(_ value: Value) throws -> JSON {
        switch value.content {
        case .list(let items): return .array(try items.map(convert))
        case .map(let entries):
            var members: [String: JSON] = [:]
            for entry in entries { members[entry.key] = try convert(entry.value) }
            return .object(members)
        case .scalar(let scalar):
            switch scalar.kind {
            case .text: return .string(scalar.text)
            case .null: return .null
            case .flag(let flag): return .bool(flag)
            case .integer(let integer): return .integer(octal(scalar.text) ?? Int64(integer))
            case .number(let number):
                guard number.isFinite else {
                    throw StageError.manifest("\(place): \(quoted(scalar.text)) is no number that JSON has")
                }
                return .number(number)
            }
        }
    }

    /// A leading zero means octal: `defaultMode: 0644`.
    private func octal(_ text: String) -> Int64? {
        let isNegative = text.begins(with: "-")
        let digits = text.filter { $0 != "_" && $0 != "-" && $0 != "+" }
        guard digits.utf8.count > 1, digits.begins(with: "0"), let number = Int64(digits, radix: 8) else { return nil }
        return isNegative ? -number : number
    }
}
