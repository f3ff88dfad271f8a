import HTTPServer
import Kubernetes

/// How an object is deleted, from the body or the query.
struct DeleteOptions {
    enum Propagation: String {
        case foreground = "Foreground"
        case background = "Background"
        case orphan = "Orphan"
    }

    var propagation: Propagation?
    var gracePeriod: Int64?
    var uid: String?
    var resourceVersion: String?
    var isDryRun = false

    init() {}

    init(_ call: Call) throws {
        let body = call.request.body.isEmpty ? [:] : try Document.object(call.request.body)
        let policy = body["propagationPolicy"]?.string ?? call.query("propagationPolicy")
        propagation = policy.flatMap(Propagation.init(rawValue:))
        if policy != nil, propagation == nil {
            throw Failure.badRequest("propagationPolicy: Unsupported value: \"\(policy ?? "")\"")
        }
        gracePeriod = body["gracePeriodSeconds"]?.integer ?? call.query("gracePeriodSeconds").flatMap { Int64($0) }
        uid = body[["preconditions", "uid"]]?.string
        resourceVersion = body[["preconditions", "resourceVersion"]]?.string
        isDryRun = try call.isDryRun() || body["dryRun"]?.items == ["All"]
    }
}

extension Cluster {
    /// Deletes an object, or marks it where a finalizer or its pods' grace hold it.
    /// - Returns: the marked object, or a Status where it is gone.
    mutating func delete(_ place: Place, _ resource: Resource, _ options: DeleteOptions) throws -> JSON {
        guard let live = store[place] else { throw Failure.notFound(resource, place.name) }
        if let uid = options.uid, uid != live.uid {
            let why =
                "the UID in the precondition (\(uid)) does not match the UID in record (\(live.uid)). The object might "
                + "have been deleted and then recreated"
            throw Failure.precondition(resource, place.name, why)
        }
        if let version = options.resourceVersion, version != live.resourceVersion {
            let why =
                "the ResourceVersion in the precondition (\(version)) does not match the ResourceVersion in record "
                + "(\(live.resourceVersion)). The object might have been modified"
            throw Failure.precondition(resource, place.name, why)
        }
        if resource.key == "namespaces", ["default", "kube-system", "kube-public"].contains(place.name) {
            throw Failure.forbidden(resource, place.name, "this namespace may not be deleted")
        }
        var object = live
        let holds = hold(&object, resource, options)
        if options.isDryRun { return holds ? object : deleted(live, resource) }
        guard holds else {
            let last = erase(place) ?? live
            return Cluster.answersDeleted.contains(resource.key) ? last : deleted(live, resource)
        }
        guard object != live else { return served(live, as: resource) }
        if object.generation > 0 { object.set(["metadata", "generation"], .integer(live.generation + 1)) }
        object = commit(object, at: place)
        agenda.add(.collect)
        return served(object, as: resource)
    }

    /// Marks the object as being deleted where something holds it.
    private func hold(_ object: inout JSON, _ resource: Resource, _ options: DeleteOptions) -> Bool {
        // Jobs keep their pods for those that know no policy, for compatibility.
        let policy = options.propagation ?? (resource.key == "jobs.batch" ? .orphan : .background)
        var finalizers = object[["metadata", "finalizers"]]?.items ?? []
        let own: JSON? =
            switch policy {
            case .foreground: "foregroundDeletion"
            case .orphan: "orphan"
            case .background: nil
            }
        if let own, !finalizers.contains(own) { finalizers.append(own) }
        if !finalizers.isEmpty { object.set(["metadata", "finalizers"], .array(finalizers)) }
        var grace: Int64 = 0
        if resource.key == "pods", object[["spec", "nodeName"]] != nil {
            grace = options.gracePeriod ?? object[["spec", "terminationGracePeriodSeconds"]]?.integer ?? 30
            if ["Succeeded", "Failed"].contains(object[["status", "phase"]]?.string ?? "") { grace = 0 }
        }
        let isNamespace = resource.key == "namespaces"
        if isNamespace { object.set(["status", "phase"], "Terminating") }
        guard !finalizers.isEmpty || grace > 0 || isNamespace else { return false }
        object.fill(["metadata", "deletionTimestamp"], .string(Timestamp.now))
        let before = object[["metadata", "deletionGracePeriodSeconds"]]?.integer
        if !isNamespace {
            object.set(["metadata", "deletionGracePeriodSeconds"], .integer(min(before ?? grace, grace)))
        }
        return !(grace == 0 && object.isFreeToGo)
    }

    /// Resources whose deletion answers with the object instead of a Status.
    private static let answersDeleted: Set<String> = [
        "namespaces", "persistentvolumeclaims", "persistentvolumes", "pods", "resourcequotas", "serviceaccounts",
        "services", "storageclasses.storage.k8s.io",
    ]

    private func deleted(_ object: JSON, _ resource: Resource) -> JSON {
        var details: JSON = [
            "name": .string(object.name), "kind": .string(resource.plural), "uid": .string(object.uid),
        ]
        if !resource.group.isEmpty { details.set(["group"], .string(resource.group)) }
        return ["kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "details": details]
    }

    /// Deletes everything of a list.
    mutating func deleteAll(_ route: Route, _ call: Call) throws -> JSON {
        let options = try DeleteOptions(call)
        let filter = try Filter(route, call)
        let items = store.list(route.resource.key, namespace: route.namespace).filter(filter.matches)
        for item in items { _ = try delete(place(of: item, route.resource), route.resource, options) }
        return [
            "kind": .string("\(route.resource.kind)List"), "apiVersion": .string(route.resource.apiVersion),
            "metadata": ["resourceVersion": .string(String(store.revision))], "items": .array(items),
        ]
    }
}
