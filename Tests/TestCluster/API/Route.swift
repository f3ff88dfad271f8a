import Kubernetes

/// Which object or list a path names.
struct Route {
    var resource: Resource
    /// Nil for all namespaces, and for objects of the cluster itself.
    var namespace: String?
    var name: String?
    var subresource: String?
    /// What follows the subresource: of a proxy the path.
    var rest: String = ""

    /// Reads `/api/v1/…` and `/apis/GROUP/VERSION/…`; nil for a path of another form.
    init?(_ path: String, _ table: ResourceTable) throws {
        var parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        let group: String
        switch parts.first {
        case "api" where parts.count > 2:
            group = ""
            parts.removeFirst(1)
        case "apis" where parts.count > 3:
            group = parts[1]
            parts.removeFirst(2)
        default: return nil
        }
        let version = parts.removeFirst()
        // The namespace of an object, or a namespace itself.
        if parts.count > 2, parts[0] == "namespaces", !["status", "finalize"].contains(parts[2]) {
            namespace = parts[1]
            parts.removeFirst(2)
        }
        // Answered by nobody, not even with a Status.
        guard table.groups.contains(where: { $0.name == group && $0.versions.contains(version) }) else { return nil }
        guard let plural = parts.first, let resource = table.find(group, version, plural) else {
            throw Failure.noSuchResource
        }
        self.resource = resource
        name = parts.count > 1 && !parts[1].isEmpty ? parts[1] : nil
        subresource = parts.count > 2 ? parts[2] : nil
        if parts.count > 3 { rest = "/" + parts[3...].joined(separator: "/") }
        guard resource.isNamespaced || namespace == nil else { throw Failure.noSuchResource }
    }

    /// Where the object is.
    var place: Place { Place(resource: resource.key, namespace: namespace ?? "", name: name ?? "") }
}
