/// What the manifests of a pipeline may be. All that is wrong is told at once, before the cluster is touched.
public struct ManifestRules: Sendable {
    /// The pipeline's: filled in where a manifest names none.
    public var namespace: String
    /// Further namespaces that a manifest may name.
    public var otherNamespaces: Set<String>
    public var kinds: KindList
    /// Whether objects of a kind live in a namespace; nil if nobody knows the kind (yet).
    public var isNamespaced: @Sendable (ObjectID) -> Bool?

    public init(
        namespace: String,
        otherNamespaces: Set<String> = [],
        kinds: KindList = .standard,
        isNamespaced: @escaping @Sendable (ObjectID) -> Bool?
    ) {
        self.namespace = namespace
        self.otherNamespaces = otherNamespaces
        self.kinds = kinds
        self.isNamespaced = isNamespaced
    }

    /// - Returns: the manifests as they can be applied: lists taken apart, namespaces filled in, what only a server
    ///   writes removed. With any fault, nothing of it should be applied.
    public func check(_ manifests: [Manifest]) -> (manifests: [Manifest], faults: [ManifestFault]) {
        var faults: [ManifestFault] = []
        var good: [Manifest] = []
        let flat = manifests.flatMap { Self.flattened($0, &faults) }
        let defined = Self.scopes(in: flat)
        for var manifest in flat {
            if let fault = Self.shapeFault(manifest) {
                faults.append(fault)
                continue
            }
            manifest.object.removeServerFields()
            manifest.object.encodeStringData()
            let known = isNamespaced(manifest.id) ?? defined[manifest.id.groupKind]
            if known == false {
                manifest.object.set(["metadata", "namespace"], nil)
            } else if known == true, manifest.object.namespace == nil {
                manifest.object.set(["metadata", "namespace"], .string(namespace))
            }
            let found = [
                kindFault(manifest), namespaceFault(manifest), Self.sizeFault(manifest), Self.reservedFault(manifest),
            ].compactMap(\.self)
            faults += found
            if found.isEmpty { good.append(manifest) }
        }
        faults += Self.duplicates(good)
        return (good, faults)
    }

    /// The same for what is to run before the rollout.
    ///
    /// - Returns: the one Job that it must be; nil with any fault.
    public func checkJob(_ manifests: [Manifest]) -> (job: Manifest?, faults: [ManifestFault]) {
        var (good, faults) = check(manifests)
        for manifest in good where manifest.id.groupKind != GroupKind("Job", "batch") {
            faults.append(ManifestFault(manifest, .notOneJob, "is not a Job; only a Job can run before the rollout"))
        }
        for manifest in good.dropFirst() where faults.isEmpty {
            let message = "is one Job too many; one Job can run before the rollout, with several containers if need be"
            faults.append(ManifestFault(manifest, .notOneJob, message))
        }
        if good.isEmpty && faults.isEmpty {
            let nothing = Manifest(.null, source: manifests.first?.source ?? "before")
            faults.append(ManifestFault(nothing, .notOneJob, "is not there; a Job must be written here"))
        }
        return (faults.isEmpty ? good.first : nil, faults)
    }

    private func kindFault(_ manifest: Manifest) -> ManifestFault? {
        let kind = manifest.id.groupKind
        guard !kinds.contains(kind) else { return nil }
        return ManifestFault(
            manifest,
            .kindNotAllowed,
            "this pipeline may not touch objects of kind \(kind); an operator can add it to the server's list of kinds"
        )
    }

    private func namespaceFault(_ manifest: Manifest) -> ManifestFault? {
        guard let named = manifest.object.namespace, named != namespace, !otherNamespaces.contains(named) else {
            return nil
        }
        return ManifestFault(
            manifest,
            .namespace,
            "is in namespace \(named), but the pipeline deploys to \(namespace); correct or remove metadata.namespace"
        )
    }
}

/// Something about a manifest that keeps it from being applied.
public struct ManifestFault: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable {
        case incomplete, duplicate
        case tooLarge = "too-large"
        case namespace
        case kindNotAllowed = "kind-not-allowed"
        case notOneJob = "not-one-job"
        case reserved
    }

    public let code: Code
    /// Where it is written.
    public let source: String
    /// Which object, as far as the manifest says.
    public let object: String
    public let message: String

    init(_ manifest: Manifest, _ code: Code, _ message: String) {
        self.code = code
        source = manifest.source
        let words = [manifest.object.kind, manifest.object.name].filter { !$0.isEmpty }
        object = words.isEmpty ? "an object" : words.joined(separator: " ")
        self.message = message
    }

    /// `k8s/web.yaml:12: Deployment web: …`.
    public var description: String { "\(source): \(object): \(message)" }
}
