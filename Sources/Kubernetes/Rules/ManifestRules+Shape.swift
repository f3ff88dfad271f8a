/// What holds whatever the pipeline's rules are.
extension ManifestRules {
    /// A `List` (or `DeploymentList`, …) is only a way to write several objects.
    static func flattened(_ manifest: Manifest, _ faults: inout [ManifestFault]) -> [Manifest] {
        let object = manifest.object
        guard object.kind.hasSuffix("List"), case .array(let items)? = object["items"] else { return [manifest] }
        let (group, own) = (object.apiVersion, String(object.kind.dropLast(4)))
        return items.enumerated().flatMap { index, item in
            var item = item
            // The items of typed lists may leave out what the list's kind says.
            if !own.isEmpty, case .object = item {
                if item["kind"] == nil { item.set(["kind"], .string(own)) }
                if item["apiVersion"] == nil { item.set(["apiVersion"], .string(group)) }
            }
            return flattened(Manifest(item, source: "\(manifest.source) (item \(index + 1))"), &faults)
        }
    }

    static func shapeFault(_ manifest: Manifest) -> ManifestFault? {
        let object = manifest.object
        func fault(_ message: String) -> ManifestFault { ManifestFault(manifest, .incomplete, message) }
        guard case .object = object else {
            return fault("is not a Kubernetes object; it needs apiVersion, kind and metadata")
        }
        if object.apiVersion.isEmpty { return fault("has no apiVersion") }
        if object.kind.isEmpty { return fault("has no kind") }
        guard isVersion(object.apiVersion) else {
            return fault("has an apiVersion that is none: \(oneLine(object.apiVersion))")
        }
        guard object.kind.utf8.allSatisfy(isLetterOrDigit) else {
            return fault("has a kind that is none: \(oneLine(object.kind))")
        }
        if object[["metadata", "generateName"]] != nil, object.name.isEmpty {
            return fault("has generateName; an object needs a name of its own, or every deploy would make another one")
        }
        let name = object.name
        if name.isEmpty { return fault("has no metadata.name") }
        // What the API server refuses in a segment of a path (apimachinery, IsValidPathSegmentName).
        if name == "." || name == ".." || name.contains("/") || name.contains("%") || name.utf8.count > 253 {
            return fault("has a name that cannot be one: at most 253 characters, without / and %")
        }
        if let named = object[["metadata", "namespace"]] {
            let text = named.string ?? ""
            guard (1...63).contains(text.utf8.count),
                text.utf8.allSatisfy({ isLetterOrDigit($0) || $0 == UInt8(ascii: "-") })
            else { return fault("has a namespace that cannot be one") }
        }
        return mapFault(object).map(fault)
    }

    /// What we write into, beside what the manifest has there: something else in its place would be lost without a word.
    private static func mapFault(_ object: JSON) -> String? {
        for name in ["labels", "annotations"] {
            guard let value = object[["metadata", name]] else { continue }
            let key = "metadata.\(name)"
            guard case .object(let members) = value else {
                return
                    "has \(value.kindInWords) in \(key), where names and their values must be: write name: value below it"
            }
            // Null is what the API server takes for empty text.
            for (member, value) in members.sorted(by: { $0.key < $1.key }) where value != .null && value.string == nil {
                return "has \(value.kindInWords) in \(key).\(oneLine(member)), where text must be: put it in quotes"
            }
        }
        if object.groupKind == GroupKind("Secret") {
            for name in ["data", "stringData"] {
                guard let value = object[name] else { continue }
                guard case .object = value else {
                    return "has \(value.kindInWords) in \(name), where names and their values must be"
                }
            }
        }
        guard let path = PodTemplate.specification(of: object.groupKind) else { return nil }
        guard let secrets = object[path + ["imagePullSecrets"]] else { return nil }
        if case .array = secrets { return nil }
        return
            "has \(secrets.kindInWords) in \((path + ["imagePullSecrets"]).joined(separator: ".")), where a list must be"
    }

    private static func isVersion(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count <= 2
            && parts.allSatisfy { part in
                !part.isEmpty && part.utf8.allSatisfy { isLetterOrDigit($0) || "-.".utf8.contains($0) }
                    && part != "." && part != ".."
            }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    /// etcd takes 1.5 MiB in one request; ConfigMaps and Secrets hold at most 1 MiB (core validation, `MaxSecretSize`).
    static func sizeFault(_ manifest: Manifest) -> ManifestFault? {
        let object = manifest.object
        let kind = object.groupKind
        if kind == GroupKind("ConfigMap") || kind == GroupKind("Secret") {
            var size = 0
            for (name, value) in object["data"]?.members ?? [:] {
                let length = value.string?.utf8.count ?? 0
                size += name.utf8.count + (kind.kind == "Secret" ? length / 4 * 3 : length)
            }
            for (name, value) in object["binaryData"]?.members ?? [:] {
                size += name.utf8.count + (value.string?.utf8.count ?? 0) / 4 * 3
            }
            for (name, value) in object["stringData"]?.members ?? [:] {
                size += name.utf8.count + (value.string?.utf8.count ?? 0)
            }
            if size > 1 << 20 {
                return ManifestFault(
                    manifest,
                    .tooLarge,
                    "holds \(kilobytes(size)); a \(kind.kind) takes 1,024 KiB at most: put large files into the image or a volume"
                )
            }
        }
        let size = object.bytes.count
        guard size > 3 << 19 else { return nil }
        return ManifestFault(manifest, .tooLarge, "has \(kilobytes(size)); a cluster takes 1,536 KiB at most")
    }

    private static func kilobytes(_ bytes: Int) -> String {
        let count = (bytes + 1023) / 1024
        return (count >= 1000 ? "\(count / 1000)," + String(1000 + count % 1000).dropFirst() : "\(count)") + " KiB"
    }

    /// What says which objects are whose is not for a manifest to write.
    static func reservedFault(_ manifest: Manifest) -> ManifestFault? {
        let object = manifest.object
        let marks = object[["metadata", "labels"]]?.members ?? [:]
        let notes = object[["metadata", "annotations"]]?.members ?? [:]
        if let key = (Array(marks.keys) + Array(notes.keys)).sorted().first(where: {
            $0.hasPrefix("applyset.kubernetes.io/") || $0 == ApplySet.ownerLabel
        }) {
            return ManifestFault(manifest, .reserved, "has \(key), which only whoever applies it may write; remove it")
        }
        if object.groupKind == GroupKind("Secret"), object.name.hasPrefix("fairlead-registry-") {
            return ManifestFault(manifest, .reserved, "has the name of a Secret that Fairlead makes itself; rename it")
        }
        return nil
    }

    static func duplicates(_ manifests: [Manifest]) -> [ManifestFault] {
        struct Place: Hashable { let kind: GroupKind, namespace: String?, name: String }
        var first: [Place: Manifest] = [:]
        return manifests.compactMap { manifest in
            let id = manifest.id
            let place = Place(kind: id.groupKind, namespace: id.namespace, name: id.name)
            guard let other = first[place] else {
                first[place] = manifest
                return nil
            }
            return ManifestFault(manifest, .duplicate, "is written twice, the first time at \(other.source)")
        }
    }

    /// Kinds that the manifests themselves define.
    static func scopes(in manifests: [Manifest]) -> [GroupKind: Bool] {
        let definitions = manifests.map(\.object).filter { $0.kind == "CustomResourceDefinition" }
        let pairs = definitions.compactMap { object -> (GroupKind, Bool)? in
            guard let kind = object[["spec", "names", "kind"]]?.string, let group = object[["spec", "group"]]?.string,
                let scope = object[["spec", "scope"]]?.string
            else { return nil }
            return (GroupKind(kind, group), scope == "Namespaced")
        }
        return Dictionary(pairs) { first, _ in first }
    }
}

extension JSON {
    /// What only a server writes: manifests that were exported from a cluster have it, and applying it is an error or,
    /// with `resourceVersion`, a lock.
    mutating func removeServerFields() {
        for name in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"] {
            set(["metadata", name], nil)
        }
        set(["status"], nil)
    }

    /// A Secret's `stringData` as `data`. Server-side apply gives `stringData` to the manager and `data`, where the values
    /// are, to nobody: a key that a manifest no longer has would stay for ever.
    mutating func encodeStringData() {
        guard groupKind == GroupKind("Secret"), let strings = self["stringData"]?.members else { return }
        for (name, value) in strings {
            guard let text = value.string else { continue }
            set(["data", name], .string(base64(Array(text.utf8))))
            set(["stringData", name], nil)
        }
        // What is no string is for the server to refuse.
        if self["stringData"]?.members.isEmpty ?? true { set(["stringData"], nil) }
    }
}

extension JSON {
    fileprivate var kindInWords: String {
        switch self {
        case .null: "nothing"
        case .bool(let flag): flag ? "true" : "false"
        case .integer, .number: "a number"
        case .string: "text"
        case .array: "a list"
        case .object: "a mapping"
        }
    }
}
