import Kubernetes

/// Makes objects of documents: each has a kind, a version and a name, and no other is the same.
struct ManifestList {
    private let namespace: String
    /// Objects that are taken.
    private let limit: Int
    private(set) var objects: [Manifest] = []
    private(set) var warnings: [String] = []
    private var places: [Key: String] = [:]

    /// Two versions of one group are two views of the same object.
    private struct Key: Hashable {
        var group: String
        var kind: String
        var namespace: String
        var name: String
    }

    init(namespace: String, limit: Int) {
        self.namespace = namespace
        self.limit = limit
    }

    /// - Parameter sources: of a chart's output: which template each line comes from.
    /// - Throws: `StageError` (failed, `manifest-invalid`, `manifest-too-large` or `manifest-too-many`) with file, line and
    ///   object.
    mutating func add(_ file: ManifestFile, sources: HelmSources? = nil) throws {
        for document in try ManifestYAML.documents(file) {
            let place = sources?.source(at: document.place.line) ?? "\(file.path):\(document.place.line)"
            let object = try ManifestJSON(place: place).convert(document)
            guard case .object = object else { throw StageError.manifest("\(place): not a mapping") }
            try add(object, place, isChart: sources != nil)
        }
    }

    mutating func removeLast(_ count: Int) { objects.removeLast(count) }

    private mutating func add(_ object: JSON, _ place: String, isChart: Bool) throws {
        guard !object.kind.isEmpty else { throw StageError.manifest("\(place): kind is missing") }
        guard !object.apiVersion.isEmpty else {
            throw StageError.manifest("\(place): \(object.kind): apiVersion is missing")
        }
        if object.kind.hasSuffix("List"), case .array(let items)? = object["items"] {
            for (index, item) in items.enumerated() {
                let place = "\(place): items[\(index)]"
                guard case .object = item else { throw StageError.manifest("\(place): not a mapping") }
                try add(item, place, isChart: isChart)
            }
            return
        }
        guard !object.name.isEmpty else {
            throw StageError.manifest("\(place): \(object.kind): metadata.name is missing")
        }
        if isChart, let hook = object.annotations["helm.sh/hook"] {
            // Tests are run by helm test and nobody else.
            if hook.hasPrefix("test") { return }
            warnings.append("\(place): \(object.id) is a hook of the chart (\(hook)) and left out: see deploy.before")
            return
        }
        let key = Key(
            group: object.id.group,
            kind: object.kind,
            namespace: object.namespace ?? namespace,
            name: object.name
        )
        if let first = places.updateValue(place, forKey: key) {
            throw StageError.manifest("\(place): \(object.id) is there twice: it is in \(first) already")
        }
        guard objects.count < limit else {
            throw StageError.manifest(
                "manifest-too-many",
                "\(place): \(object.id): a release has at most \(limit) objects, and this is one more; split it into several "
                    + "pipelines, or raise releaseObjects under limits: in fairlead.yaml"
            )
        }
        objects.append(Manifest(object, source: place))
    }
}
