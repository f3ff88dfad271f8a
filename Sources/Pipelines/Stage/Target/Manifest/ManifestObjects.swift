/// The objects of a pipeline's manifests, sorted by what the podman target does with them.
struct ManifestObjects {
    /// A ConfigMap or a Secret.
    typealias Entries = [String: [UInt8]]

    let namespace: String
    let warnings: ManifestWarnings
    private(set) var deployments: [String: FieldReader] = [:]
    private(set) var services: [String: FieldReader] = [:]
    private(set) var jobs: [String: FieldReader] = [:]
    private(set) var configMaps: [String: Entries] = [:]
    private(set) var secrets: [String: Entries] = [:]

    init(namespace: String, warnings: ManifestWarnings) {
        self.namespace = namespace
        self.warnings = warnings
    }

    mutating func add(_ file: ManifestFile) throws {
        for document in try ManifestYAML.documents(file) { try add(document, file.path) }
    }

    /// The pipeline's own secrets. A Secret of that name in the repository is a mistake.
    mutating func add(secret name: String, _ entries: Entries) throws {
        guard secrets.updateValue(entries, forKey: name) == nil else {
            throw StageError.manifest(
                "The manifests define Secret \(name), which is made of the pipeline's secrets: leave it out"
            )
        }
    }

    private mutating func add(_ document: Value, _ file: String) throws {
        var source = ManifestSource(file: file, line: document.place.line, object: "")
        guard case .map = document.content else { throw StageError.manifest("\(source.at(nil)): not a mapping") }
        let bare = FieldReader(source: source, path: "", value: document, warnings: warnings)
        let kind = try bare.required("kind")
        let version = try bare.required("apiVersion")
        if kind == "List", version == "v1" {
            for item in try bare.children("items") { try add(item.value, file) }
            return
        }
        let name = try bare.child("metadata")?.text("name") ?? ""
        source.object = name.isEmpty ? kind : "\(kind) \(name)"
        let object = FieldReader(source: source, path: "", value: document, warnings: warnings)
        guard let known = Self.kinds[kind] else {
            warnings.add(
                "\(source.at(nil)): the podman target does not honour objects of kind \(kind) and skips this one"
            )
            return
        }
        guard version == known else {
            throw object.invalid("apiVersion", "must be \(known) for a \(kind), not \(quoted(version))")
        }
        try check(name, object)
        try keep(object, kind, name)
    }

    private static let kinds = [
        "Deployment": "apps/v1", "Job": "batch/v1", "Service": "v1", "ConfigMap": "v1", "Secret": "v1",
    ]

    private func check(_ name: String, _ object: FieldReader) throws {
        guard let metadata = try object.child("metadata"), !name.isEmpty else {
            throw object.invalid("metadata.name", "is missing")
        }
        guard isSubdomain(name) else {
            throw metadata.invalid("name", "must be lower-case letters, digits, hyphens and dots, at most 253")
        }
        if let namespace = try metadata.text("namespace"), namespace != self.namespace {
            throw metadata.invalid("namespace", "must be \(self.namespace), the pipeline's namespace, or left out")
        }
    }

    private mutating func keep(_ object: FieldReader, _ kind: String, _ name: String) throws {
        let isFirst: Bool
        switch kind {
        case "Deployment": isFirst = deployments.updateValue(object, forKey: name) == nil
        case "Service": isFirst = services.updateValue(object, forKey: name) == nil
        case "Job": isFirst = jobs.updateValue(object, forKey: name) == nil
        case "ConfigMap":
            isFirst =
                configMaps.updateValue(try entries(object, plain: "data", base64: "binaryData"), forKey: name) == nil
        default:
            isFirst = secrets.updateValue(try entries(object, plain: "stringData", base64: "data"), forKey: name) == nil
        }
        guard isFirst else { throw object.invalid("metadata.name", "is there twice: another \(kind) has this name") }
    }

    private func entries(_ object: FieldReader, plain: String, base64: String) throws -> Entries {
        var entries: Entries = [:]
        for (key, text) in try object.table(base64) {
            guard let bytes = Base64.decode(text) else { throw object.invalid("\(base64).\(key)", "is not base64") }
            entries[key] = bytes
        }
        // Kubernetes lets stringData win over data.
        for (key, text) in try object.table(plain) { entries[key] = Array(text.utf8) }
        for key in entries.keys where !isDataKey(key) {
            throw object.invalid("data", "has the key \(quoted(key)): keys are letters, digits, '-', '_' and '.'")
        }
        return entries
    }
}

/// RFC 1123, as Kubernetes wants the names of most objects.
func isSubdomain(_ text: String) -> Bool {
    text.utf8.count <= 253 && text.parts(at: ".").allSatisfy { isLabel(String($0)) }
}

/// RFC 1123, one label: names of containers, volumes and Services.
func isLabel(_ text: String) -> Bool {
    guard let first = text.utf8.first, let last = text.utf8.last, text.utf8.count <= 63 else { return false }
    return first.isLowerOrDigit && last.isLowerOrDigit
        && text.utf8.allSatisfy { $0.isLowerOrDigit || $0 == UInt8(ascii: "-") }
}

/// A key of a ConfigMap or Secret; it may become the name of a file.
func isDataKey(_ text: String) -> Bool {
    guard (1...253).contains(text.utf8.count), text != ".", !text.begins(with: "..") else { return false }
    return text.utf8.allSatisfy { $0.isLetterOrDigit || "-_.".utf8.contains($0) }
}
