/// One mapping of a manifest, read field by field. Every complaint names file, line, object and field.
struct FieldReader {
    let source: ManifestSource
    /// `spec.template.spec.containers[0]`; empty at the root of an object.
    let path: String
    let value: Value
    let warnings: ManifestWarnings

    // MARK: - Fields

    /// A mapping; nil if the field is not there or null.
    func child(_ key: String) throws -> FieldReader? {
        guard let found = try present(key) else { return nil }
        guard case .map = found.content else { throw invalid(key, "must be a mapping") }
        return FieldReader(source: source, path: field(key), value: found, warnings: warnings)
    }

    /// The mappings of a list; none if the field is not there or null.
    func children(_ key: String) throws -> [FieldReader] {
        guard let found = try present(key) else { return [] }
        guard case .list(let items) = found.content else { throw invalid(key, "must be a list") }
        return try items.enumerated().map { index, item in
            guard case .map = item.content else { throw invalid("\(key)[\(index)]", "must be a mapping") }
            return FieldReader(source: source, path: field("\(key)[\(index)]"), value: item, warnings: warnings)
        }
    }

    func text(_ key: String) throws -> String? {
        guard let found = try present(key) else { return nil }
        return try text(found, key)
    }

    func required(_ key: String) throws -> String {
        guard let text = try text(key), !text.isEmpty else { throw invalid(key, "is missing") }
        return text
    }

    func texts(_ key: String) throws -> [String] {
        guard let found = try present(key) else { return [] }
        guard case .list(let items) = found.content else { throw invalid(key, "must be a list") }
        return try items.enumerated().map { try text($1, "\(key)[\($0)]") }
    }

    /// A mapping of texts, as labels are.
    func table(_ key: String) throws -> [String: String] {
        var table: [String: String] = [:]
        for entry in try child(key)?.value.entries ?? [] {
            table[entry.key] = try text(entry.value, "\(key).\(entry.key)")
        }
        return table
    }

    func flag(_ key: String) throws -> Bool? {
        guard let found = try present(key) else { return nil }
        guard let flag = found.flag else { throw invalid(key, "must be true or false") }
        return flag
    }

    func integer(_ key: String, _ range: ClosedRange<Int>) throws -> Int? {
        guard let found = try present(key) else { return nil }
        guard case .scalar(let scalar) = found.content, let number = found.integer, scalar.isCommonNumber,
            range.contains(number)
        else { throw invalid(key, "must be a whole number from \(range.lowerBound) to \(range.upperBound)") }
        return number
    }

    func integers(_ key: String, _ range: ClosedRange<Int>) throws -> [Int] {
        guard let found = try present(key) else { return [] }
        guard case .list(let items) = found.content else { throw invalid(key, "must be a list") }
        return try items.map { item in
            guard let number = item.integer, range.contains(number) else {
                throw invalid(key, "must be whole numbers from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
    }

    /// The bits of a file mode. YAML 1.1, which Kubernetes reads, takes a leading zero for octal.
    func fileMode(_ key: String) throws -> Int? {
        guard let found = try present(key) else { return nil }
        guard case .scalar(let scalar) = found.content, let mode = Self.fileMode(scalar) else {
            throw invalid(key, "must be a file mode from 0 to 0777")
        }
        return mode
    }

    private static func fileMode(_ scalar: Scalar) -> Int? {
        guard case .integer = scalar.kind else { return nil }
        let text = scalar.text
        let isOctal = text.utf8.count > 1 && text.utf8.first == UInt8(ascii: "0")
        let digits = text.begins(with: "0o") ? text.dropFirst(2) : text[...]
        guard let mode = Int(digits, radix: isOctal ? 8 : 10), (0...0o777).contains(mode) else { return nil }
        return mode
    }

    // MARK: - Rules

    /// Whether the field is there and says something.
    func has(_ key: String) -> Bool { (try? present(key)) != nil }

    /// Names every field that is read but not honoured, in a warning, and refuses what is not on the list.
    func check(_ rules: FieldRules) throws {
        for entry in value.entries {
            if case .scalar(let scalar) = entry.value.content, scalar.kind == .null { continue }
            if rules.read.contains(entry.key) || rules.harmless.contains(entry.key) { continue }
            if let allowed = rules.onlyAs[entry.key], allowed.contains(entry.value.text ?? "") { continue }
            if rules.skipped.contains(entry.key) {
                warnings.add("\(place(entry.value)): \(field(entry.key)) is not honoured by the podman target")
            } else {
                throw refused(entry.key, rules.refusals[entry.key])
            }
        }
    }

    /// A field whose value would give the pod more than a pod may have here.
    func refused(_ key: String, _ why: String? = nil) -> StageError {
        let reason = why ?? "is not on the podman target's list of fields"
        return .manifest("pod-field-not-allowed", "\(place(value[key])): \(field(key)) is not allowed: it \(reason)")
    }

    func invalid(_ key: String, _ message: String) -> StageError {
        .manifest("\(place(value[key])): \(field(key)) \(message)")
    }

    func unsupported(_ key: String, _ message: String) -> StageError {
        .manifest("manifest-not-supported", "\(place(value[key])): \(field(key)) \(message)")
    }

    func warn(_ key: String, _ message: String) {
        warnings.add("\(place(value[key])): \(field(key)) \(message)")
    }

    func field(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    // MARK: - Values

    private func place(_ value: Value?) -> String { source.at(value?.place.line) }

    private func present(_ key: String) throws -> Value? {
        guard case .map = value.content else { throw invalid(key, "is missing") }
        guard let found = value[key] else { return nil }
        if case .scalar(let scalar) = found.content, scalar.kind == .null { return nil }
        return found
    }

    private func text(_ found: Value, _ key: String) throws -> String {
        guard case .scalar(let scalar) = found.content else { throw invalid(key, "must be text") }
        switch scalar.kind {
        case .text: break
        case .null: return ""
        default: throw invalid(key, "must be text: put \(quoted(scalar.text)) in quotes")
        }
        guard !scalar.text.utf8.contains(0) else { throw invalid(key, "holds a NUL character") }
        return scalar.text
    }
}

/// Which fields a mapping may have.
struct FieldRules: Sendable {
    /// Honoured.
    var read: Set<String>
    /// Without meaning on one machine, or what happens anyway.
    var harmless: Set<String> = []
    /// Not honoured, and nothing gets dangerous by that: a warning.
    var skipped: Set<String> = []
    /// Allowed only with these values, which change nothing.
    var onlyAs: [String: Set<String>] = [:]
    /// Why others are refused, after "it".
    var refusals: [String: String] = [:]
}
