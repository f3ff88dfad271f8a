/// Reads `env` and `envFrom` of a container.
struct EnvironmentReader {
    let lookup: DataLookup

    func read(_ container: FieldReader) throws -> [EnvironmentVariable] {
        let many = try container.children("envFrom").flatMap(readFrom)
        return try many + container.children("env").compactMap(readOne)
    }

    private func readFrom(_ source: FieldReader) throws -> [EnvironmentVariable] {
        try source.check(FieldRules(read: ["prefix", "configMapRef", "secretRef"]))
        let prefix = try source.text("prefix") ?? ""
        var entries: ManifestObjects.Entries = [:]
        if let reference = try source.child("configMapRef") {
            entries = try lookup.entries(.configMap, reference) ?? [:]
        } else if let reference = try source.child("secretRef") {
            entries = try lookup.entries(.secret, reference) ?? [:]
        } else {
            throw source.invalid("configMapRef", "or secretRef is missing")
        }
        return try entries.sorted { $0.key < $1.key }.compactMap { key, bytes in
            let name = prefix + key
            guard isVariable(name) else {
                source.warn(
                    "prefix",
                    "and the key \(quoted(key)) make no name of a variable: it is left out, as Kubernetes does"
                )
                return nil
            }
            return EnvironmentVariable(name: name, value: .resolved(try text(bytes, name, source)))
        }
    }

    private func readOne(_ variable: FieldReader) throws -> EnvironmentVariable? {
        try variable.check(FieldRules(read: ["name", "value", "valueFrom"]))
        let name = try variable.required("name")
        guard isVariable(name) else { throw variable.invalid("name", "cannot be the name of a variable") }
        guard let source = try variable.child("valueFrom") else {
            return EnvironmentVariable(name: name, value: .written(try variable.text("value") ?? ""))
        }
        let rules = FieldRules(
            read: ["configMapKeyRef", "secretKeyRef", "fieldRef"],
            refusals: [
                "resourceFieldRef": "is not known before the pod runs",
                "fileKeyRef": "is not known before the pod runs",
            ]
        )
        try source.check(rules)
        if let field = try source.child("fieldRef") {
            return EnvironmentVariable(name: name, value: try read(field))
        }
        let bytes: [UInt8]?
        if let reference = try source.child("configMapKeyRef") {
            bytes = try lookup.value(.configMap, reference)
        } else if let reference = try source.child("secretKeyRef") {
            bytes = try lookup.value(.secret, reference)
        } else {
            throw variable.invalid("valueFrom", "names no source")
        }
        guard let bytes else { return nil }
        return EnvironmentVariable(name: name, value: .resolved(try text(bytes, name, variable)))
    }

    /// Downward API, as far as it is known when the pod is made.
    private func read(_ field: FieldReader) throws -> EnvironmentVariable.Content {
        let path = try field.required("fieldPath")
        switch path {
        case "metadata.name": return .podName
        case "metadata.namespace": return .resolved(lookup.namespace)
        default:
            throw field.unsupported(
                "fieldPath",
                "says \(quoted(path)), which the podman target does not know before the pod runs"
            )
        }
    }

    private func text(_ bytes: [UInt8], _ name: String, _ reader: FieldReader) throws -> String {
        guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            throw reader.invalid("name", "gives the variable \(name) bytes that are not text: mount it as a file")
        }
        return text
    }

    /// As Kubernetes: any printable ASCII but the equals sign.
    private func isVariable(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "=") }
    }
}
