import Kubernetes

extension Cluster {
    /// Writes an Event about an object; the same one again only counts.
    mutating func event(_ object: JSON, _ type: String, _ reason: String, _ message: String, from component: String) {
        let namespace = object.namespace ?? "default"
        let name = "\(object.name).\(Fingerprint.hex("\(object.uid)\(reason)\(message)"))"
        let place = Place(resource: "events", namespace: namespace, name: name)
        let now = JSON.string(Timestamp.now)
        if var known = store[place] {
            known.set(["count"], .integer((known["count"]?.integer ?? 1) + 1))
            known.set(["lastTimestamp"], now)
            _ = commit(known, at: place)
            return
        }
        var about: JSON = ["namespace": .string(namespace)]
        for (key, path) in [
            ("apiVersion", ["apiVersion"]), ("kind", ["kind"]), ("name", ["metadata", "name"]),
            ("uid", ["metadata", "uid"]), ("resourceVersion", ["metadata", "resourceVersion"]),
        ] {
            about.set([key], object[path])
        }
        arrange([
            "apiVersion": "v1", "kind": "Event",
            "metadata": ["name": .string(name), "namespace": .string(namespace)], "involvedObject": about,
            "type": .string(type), "reason": .string(reason), "message": .string(message), "count": 1,
            "firstTimestamp": now, "lastTimestamp": now, "eventTime": .null,
            "source": ["component": .string(component)], "reportingComponent": .string(component),
        ])
    }
}
