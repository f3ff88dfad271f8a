/// The kinds that a cluster serves.
struct Catalogue: Sendable {
    struct Key: Hashable {
        var apiVersion: String
        var kind: String
    }

    private(set) var resources: [Key: APIResource] = [:]
    /// The versions of each group, the preferred one first.
    private var versions: [String: [String]] = [:]
    /// By `apiVersion`: groups whose kinds could not be learned, and why.
    var unavailable: [String: String] = [:]

    subscript(apiVersion: String, kind: String) -> APIResource? {
        resources[Key(apiVersion: apiVersion, kind: kind)]
    }

    func preferred(group: String, kind: String) -> APIResource? {
        (versions[group] ?? []).lazy
            .compactMap { self[group.isEmpty ? $0 : "\(group)/\($0)", kind] }
            .first
    }

    func error(apiVersion: String, kind: String) -> KubernetesError {
        if let reason = unavailable[apiVersion] {
            return KubernetesError(
                .serverError,
                "\(apiVersion) \(kind): the server behind this API group does not answer the cluster now: \(reason)"
            )
        }
        let others = resources.values.filter { $0.kind == kind }.map(\.apiVersion).sorted()
        let hint =
            others.isEmpty
            ? "install its definition first, or correct the spelling"
            : "it has \(kind) as \(others.joined(separator: ", "))"
        return KubernetesError(.unknownKind, "the cluster has no kind \(kind) in \(apiVersion): \(hint)")
    }

    // MARK: Reading

    /// `APIGroupDiscoveryList`.
    mutating func add(aggregated document: JSON) {
        for item in document["items"]?.items ?? [] {
            let group = item.name
            for version in item["versions"]?.items ?? [] {
                let name = version["version"]?.string ?? ""
                versions[group, default: []].append(name)
                for resource in version["resources"]?.items ?? [] {
                    add(
                        APIResource(
                            group: group,
                            version: name,
                            kind: resource[["responseKind", "kind"]]?.string ?? "",
                            plural: resource["resource"]?.string ?? "",
                            isNamespaced: resource["scope"]?.string == "Namespaced",
                            verbs: (resource["verbs"]?.items ?? []).compactMap(\.string),
                            subresources: (resource["subresources"]?.items ?? [])
                                .compactMap { $0["subresource"]?.string }
                        )
                    )
                }
                if version["freshness"]?.string == "Stale" {
                    unavailable[group.isEmpty ? name : "\(group)/\(name)"] = "what the cluster knows of it is stale"
                }
            }
        }
    }

    /// `APIVersions` or `APIGroupList`.
    ///
    /// - Returns: every `apiVersion` that is to be asked for.
    mutating func add(roots document: JSON) -> [String] {
        var found = (document["versions"]?.items ?? []).compactMap(\.string)
        if !found.isEmpty { versions["", default: []] += found }
        for group in document["groups"]?.items ?? [] {
            let name = group["name"]?.string ?? ""
            let all = (group["versions"]?.items ?? []).compactMap { $0["version"]?.string }
            let preferred = group[["preferredVersion", "version"]]?.string
            versions[name] = all.filter { $0 == preferred } + all.filter { $0 != preferred }
            found += all.map { "\(name)/\($0)" }
        }
        return found
    }

    /// `APIResourceList`.
    mutating func add(list document: JSON, of apiVersion: String) {
        let id = ObjectID(apiVersion: apiVersion, kind: "", name: "")
        let entries = document["resources"]?.items ?? []
        for entry in entries {
            guard let plural = entry["name"]?.string, !plural.contains("/") else { continue }
            add(
                APIResource(
                    group: id.group,
                    version: id.version,
                    kind: entry.kind,
                    plural: plural,
                    isNamespaced: entry["namespaced"]?.bool == true,
                    verbs: (entry["verbs"]?.items ?? []).compactMap(\.string),
                    subresources: entries.compactMap { $0["name"]?.string }
                        .filter { $0.hasPrefix(plural + "/") }
                        .map { String($0.dropFirst(plural.count + 1)) }
                )
            )
        }
    }

    /// Where two resources have one kind, the one that can be read counts.
    private mutating func add(_ resource: APIResource) {
        guard !resource.kind.isEmpty, !resource.plural.isEmpty else { return }
        let key = Key(apiVersion: resource.apiVersion, kind: resource.kind)
        guard resources[key] == nil || resource.verbs.contains("get") else { return }
        resources[key] = resource
    }
}
