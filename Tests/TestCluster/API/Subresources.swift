import HTTPServer
import Kubernetes

extension Cluster {
    /// The scale of a workload, as autoscalers read and write it.
    mutating func scale(_ route: Route, _ call: Call) throws -> JSON {
        let live = try get(route)
        guard call.isWrite else { return scale(of: live) }
        var wanted = scale(of: live)
        let sent = try Document.object(call.request.body)
        switch call.contentType {
        case "application/json-patch+json": wanted = try Patch.applied(sent, to: wanted)
        default: wanted = Patch.merged(wanted, sent)
        }
        if let version = sent[["metadata", "resourceVersion"]]?.string, version != live.resourceVersion {
            throw Failure.conflict(route.resource, live.name)
        }
        guard let replicas = wanted[["spec", "replicas"]]?.integer, replicas >= 0 else {
            let value = wanted[["spec", "replicas"]] ?? .null
            let cause = Cause.invalid("spec.replicas", value, "must be greater than or equal to 0")
            throw Failure.invalid(route.resource, live.name, [cause])
        }
        guard Int32(exactly: replicas) != nil else {
            let place = "ScaleSpec.spec.replicas"
            let why = "json: cannot unmarshal number \(replicas) into Go struct field \(place) of type int32"
            throw Failure.undecodable(patched: wanted, why)
        }
        var options = try WriteOptions(call)
        options.subresource = "scale"
        var changed = live
        changed.set(["spec", "replicas"], .integer(replicas))
        let owned = options.fieldManager(route.resource, isApply: false).update(from: live, to: changed)
        return scale(of: try change(live, to: owned, route.resource, options))
    }

    private func scale(of object: JSON) -> JSON {
        var metadata: JSON = [:]
        for name in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            metadata.set([name], object[["metadata", name]])
        }
        let labels = object[["spec", "selector"]]?.strings("matchLabels") ?? [:]
        let selector = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
        return [
            "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
            "spec": ["replicas": object[["spec", "replicas"]] ?? 0],
            "status": ["replicas": object[["status", "replicas"]] ?? 0, "selector": .string(selector)],
        ]
    }

    /// The status of an object as a whole.
    mutating func replaceStatus(_ route: Route, _ call: Call) throws -> JSON {
        var options = try WriteOptions(call)
        options.subresource = "status"
        let sent = try checked(call.object(), route.resource, namespace: route.namespace, name: route.name)
        return try replace(try get(route), with: sent, route.resource, options)
    }

    /// Takes the finalizers of a namespace away.
    mutating func finalize(_ route: Route, _ call: Call) throws -> JSON {
        var object = try get(route)
        object.set(["spec", "finalizers"], try call.object()[["spec", "finalizers"]])
        if object[["metadata", "deletionTimestamp"]] != nil, object.isFreeToGo { return erase(route.place) ?? object }
        return commit(object, at: route.place)
    }
}
