/// ConfigMaps and Secrets of the manifests, looked up as Kubernetes does: what is missing is an error unless the
/// reference says `optional: true`.
struct DataLookup {
    enum Kind: String {
        case configMap = "ConfigMap"
        case secret = "Secret"
    }

    let configMaps: [String: ManifestObjects.Entries]
    let secrets: [String: ManifestObjects.Entries]
    let namespace: String

    /// - Parameter reference: has `optional` and the name.
    func entries(_ kind: Kind, _ reference: FieldReader, nameKey: String = "name") throws -> ManifestObjects.Entries? {
        let name = try reference.required(nameKey)
        if let found = (kind == .configMap ? configMaps : secrets)[name] { return found }
        if try reference.flag("optional") == true { return nil }
        throw reference.invalid(nameKey, "names \(kind.rawValue) \(quoted(name)), which the manifests do not define")
    }

    /// One key's value.
    func value(_ kind: Kind, _ reference: FieldReader) throws -> [UInt8]? {
        guard let entries = try entries(kind, reference) else { return nil }
        let key = try reference.required("key")
        if let found = entries[key] { return found }
        if try reference.flag("optional") == true { return nil }
        let name = try reference.required("name")
        throw reference.invalid(
            "key",
            "names the key \(quoted(key)), which \(kind.rawValue) \(quoted(name)) does not have"
        )
    }
}
