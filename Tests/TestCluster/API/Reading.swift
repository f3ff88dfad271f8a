import HTTPServer
import Kubernetes

extension Cluster {
    func get(_ route: Route) throws -> JSON {
        guard let object = store[route.place] else {
            throw Failure.notFound(route.resource, route.name ?? "")
        }
        return served(object, as: route.resource)
    }

    /// An object as a version of its resource shows it.
    func served(_ object: JSON, as resource: Resource) -> JSON {
        guard object.apiVersion != resource.apiVersion else { return object }
        var object = object
        object.set(["apiVersion"], .string(resource.apiVersion))
        return object
    }

    /// An object in a list: those of built-in kinds do not name their kind.
    private func item(_ object: JSON, _ resource: Resource) -> JSON {
        guard !resource.isCustom else { return served(object, as: resource) }
        var object = object
        object.set(["kind"], nil)
        object.set(["apiVersion"], nil)
        return object
    }

    /// A list, in pages of `limit`. A page's token names the revision of the first page and the last object given.
    func list(_ route: Route, _ call: Call) throws -> JSON {
        let filter = try Filter(route, call)
        var items = store.list(route.resource.key, namespace: route.namespace).filter(filter.matches)
        var metadata: JSON = ["resourceVersion": .string(String(store.revision))]
        if let token = call.query("continue"), !token.isEmpty {
            let parts = token.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 3, let revision = Int64(parts[0]) else {
                throw Failure.badRequest("continue key is not valid: \(token)")
            }
            guard revision >= store.compacted else {
                throw Failure(
                    code: 410,
                    reason: "Expired",
                    message: "The provided continue parameter is too old to display a consistent list result."
                )
            }
            items = items.filter { (parts[1], parts[2]) < ($0.namespace ?? "", $0.name) }
            metadata.set(["resourceVersion"], .string(parts[0]))
        }
        if let limit = call.query("limit").flatMap({ Int($0) }), limit > 0, items.count > limit {
            metadata.set(["remainingItemCount"], .integer(Int64(items.count - limit)))
            items = Array(items.prefix(limit))
            let revision = metadata["resourceVersion"]?.string ?? ""
            let last = items[items.count - 1]
            metadata.set(["continue"], .string("\(revision)|\(last.namespace ?? "")|\(last.name)"))
        }
        return [
            "kind": .string("\(route.resource.kind)List"), "apiVersion": .string(route.resource.apiVersion),
            "metadata": metadata, "items": .array(items.map { item($0, route.resource) }),
        ]
    }
}

/// What a list or watch is limited to.
struct Filter {
    private let namespace: String?
    private let name: String?
    private let labels: Selector
    private let fields: Selector

    /// What else may be selected by; custom resources have their own list in their definition, which is not read.
    private static let fields: [String: [String]] = [
        "pods": [
            "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
            "status.phase", "status.podIP", "status.nominatedNodeName",
        ],
        "events": [
            "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
            "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
            "reportingComponent", "source", "type",
        ],
        "secrets": ["type"], "namespaces": ["status.phase"], "nodes": ["spec.unschedulable"],
        "jobs.batch": ["status.successful"], "replicasets.apps": ["status.replicas"],
    ]

    init(_ route: Route, _ call: Call) throws {
        namespace = route.namespace
        name = route.name
        labels = try call.query("labelSelector").map { try Selector($0) } ?? .everything
        fields = try call.query("fieldSelector").map { try Selector($0) } ?? .everything
        let known = ["metadata.name", "metadata.namespace"] + (Filter.fields[route.resource.key] ?? [])
        if let unknown = fields.keys.first(where: { !known.contains($0) }) {
            let list = known.map { "\"\($0)\"" }.joined(separator: ", ")
            throw Failure.badRequest("\"\(unknown)\" is not a known field selector: only \(list)")
        }
    }

    func matches(_ object: JSON) -> Bool {
        if let namespace, object.namespace != namespace { return false }
        if let name, object.name != name { return false }
        if !labels.isEverything, !labels.matches(labels: object.labels) { return false }
        return fields.isEverything || fields.matches(fields: object)
    }
}
