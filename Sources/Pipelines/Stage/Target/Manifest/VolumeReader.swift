/// Reads the volumes of a pod template: empty folders, and files out of ConfigMaps and Secrets. Others are refused.
struct VolumeReader {
    static let maximumVolumes = 50

    let lookup: DataLookup

    func read(_ pod: FieldReader) throws -> [VolumeSpec] {
        let volumes = try pod.children("volumes").map(readOne)
        guard Set(volumes.map(\.name)).count == volumes.count else {
            throw pod.invalid("volumes", "has two volumes of one name")
        }
        guard volumes.count <= Self.maximumVolumes else {
            throw pod.invalid("volumes", "has more than \(Self.maximumVolumes) volumes")
        }
        return volumes
    }

    private func readOne(_ volume: FieldReader) throws -> VolumeSpec {
        let name = try volume.required("name")
        guard isLabel(name) else { throw volume.invalid("name", "must be lower-case letters, digits and hyphens") }
        let rules = FieldRules(
            read: ["name", "emptyDir", "configMap", "secret", "projected"],
            refusals: [
                "hostPath": "would open a path of the host", "downwardAPI": "is not known before the pod runs",
                "persistentVolumeClaim": "needs storage that outlives pods, which the podman target does not have",
            ]
        )
        try volume.check(rules)
        if let empty = try volume.child("emptyDir") {
            if let medium = try empty.text("medium"), !medium.isEmpty {
                empty.warn("medium", "is not honoured by the podman target: the folder is on the disk")
            }
            if empty.has("sizeLimit") { empty.warn("sizeLimit", "is not honoured by the podman target") }
            return VolumeSpec(name: name, files: nil)
        }
        if let source = try volume.child("configMap") {
            let mode = try source.fileMode("defaultMode") ?? 0o644
            return VolumeSpec(name: name, files: sorted(try files(.configMap, source, "name", mode)))
        }
        if let source = try volume.child("secret") {
            let mode = try source.fileMode("defaultMode") ?? 0o644
            return VolumeSpec(name: name, files: sorted(try files(.secret, source, "secretName", mode)))
        }
        guard let projected = try volume.child("projected") else {
            throw volume.invalid("emptyDir", "or another source is missing")
        }
        let mode = try projected.fileMode("defaultMode") ?? 0o644
        let parts = try projected.children("sources").map { try part($0, mode) }
        return VolumeSpec(name: name, files: sorted(parts.flatMap(\.self)))
    }

    private func part(_ source: FieldReader, _ mode: Int) throws -> [VolumeSpec.File] {
        let rules = FieldRules(
            read: ["configMap", "secret"],
            refusals: [
                "serviceAccountToken": "would need a cluster's token",
                "downwardAPI": "is not known before the pod runs",
            ]
        )
        try source.check(rules)
        if let map = try source.child("configMap") { return try files(.configMap, map, "name", mode) }
        if let secret = try source.child("secret") { return try files(.secret, secret, "name", mode) }
        throw source.invalid("configMap", "or secret is missing")
    }

    private func files(
        _ kind: DataLookup.Kind,
        _ source: FieldReader,
        _ nameKey: String,
        _ mode: Int
    ) throws -> [VolumeSpec.File] {
        guard let entries = try lookup.entries(kind, source, nameKey: nameKey) else { return [] }
        let items = try source.children("items")
        if items.isEmpty {
            return entries.map { VolumeSpec.File(path: $0.key, content: Base64.encode($0.value), mode: mode) }
        }
        return try items.compactMap { item in
            let key = try item.required("key")
            let path = try item.required("path")
            guard isInside(path) else { throw item.refused("path", "would lead out of the volume") }
            guard let bytes = entries[key] else {
                if try source.flag("optional") == true { return nil }
                let name = try source.required(nameKey)
                throw item.invalid(
                    "key",
                    "names the key \(quoted(key)), which \(kind.rawValue) \(quoted(name)) does not have"
                )
            }
            return VolumeSpec.File(
                path: FilePath.tidy(path),
                content: Base64.encode(bytes),
                mode: try item.fileMode("mode") ?? mode
            )
        }
    }

    private func isInside(_ path: String) -> Bool {
        let tidy = FilePath.tidy(path)
        return tidy != "." && !path.begins(with: "/") && !path.hasControls && !path.utf8.contains(UInt8(ascii: ":"))
            && !path.parts(at: "/").contains { $0.begins(with: "..") }
    }

    /// In order of path; of two files with one path the later one counts, as in Kubernetes.
    private func sorted(_ files: [VolumeSpec.File]) -> [VolumeSpec.File] {
        let last = Dictionary(files.map { ($0.path, $0) }, uniquingKeysWith: { _, later in later })
        return last.values.sorted { $0.path < $1.path }
    }
}
