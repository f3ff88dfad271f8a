import Kubernetes

extension Cluster {
    /// - Throws: ``Failure`` where a ResourceQuota of the namespace counts objects of this kind and is used up.
    func checkQuota(_ object: JSON, _ resource: Resource) throws {
        guard let namespace = object.namespace else { return }
        for quota in store.list("resourcequotas", namespace: namespace) {
            for (name, limit) in quota[["spec", "hard"]]?.members ?? [:] {
                let counted = name.hasPrefix("count/") ? String(name.dropFirst(6)) : name
                let most = limit.integer ?? limit.string.flatMap { Int64($0) }
                guard counted == resource.key, let most else { continue }
                let used = Int64(store.list(resource.key, namespace: namespace).count)
                guard used + 1 > most else { continue }
                let why =
                    "exceeded quota: \(quota.name), requested: \(name)=1, used: \(name)=\(used), limited: \(name)=\(most)"
                throw Failure.forbidden(resource, object.name, why)
            }
        }
    }
}
