import Kubernetes

/// Addresses and ports that services get.
struct AddressPool {
    private var host = 10
    private var port: Int64 = 30_000
    private var balancer = 0

    mutating func clusterIP() -> String {
        host += 1
        return "10.96.\(host / 250).\(host % 250 + 1)"
    }

    mutating func nodePort() -> Int64 {
        port += 1
        return port
    }

    mutating func loadBalancer() -> String {
        balancer += 1
        return "203.0.113.\(balancer % 250 + 1)"
    }
}

extension Cluster {
    /// With what the server chooses once, when an object is stored. Nobody owns these fields.
    mutating func allocated(_ sent: JSON, _ resource: Resource, live: JSON? = nil) -> JSON {
        var object = sent
        switch resource.key {
        case "namespaces" where live == nil: object.fill(["spec", "finalizers"], ["kubernetes"])
        case "persistentvolumeclaims" where live == nil:
            object.set(["metadata", "finalizers"], ["kubernetes.io/pvc-protection"])
            if let name = defaultStorageClass { object.fill(["spec", "storageClassName"], .string(name)) }
        case "services": allocateService(&object, live: live)
        case "jobs.batch":
            guard object[["spec", "manualSelector"]] != true else { break }
            let uid = JSON.string(object.uid)
            let labels: [(String, JSON)] = [
                ("batch.kubernetes.io/controller-uid", uid), ("batch.kubernetes.io/job-name", .string(object.name)),
                ("controller-uid", uid), ("job-name", .string(object.name)),
            ]
            for (name, value) in labels { object.set(["spec", "template", "metadata", "labels", name], value) }
            if object.labels.isEmpty {
                object.set(["metadata", "labels"], .object(Dictionary(uniqueKeysWithValues: labels)))
            }
            object.fill(["spec", "selector"], ["matchLabels": ["batch.kubernetes.io/controller-uid": uid]])
        default: break
        }
        return object
    }

    private var defaultStorageClass: String? {
        let mark = "storageclass.kubernetes.io/is-default-class"
        return store.list("storageclasses.storage.k8s.io").first { $0.annotations[mark] == "true" }?.name
    }

    private mutating func allocateService(_ object: inout JSON, live: JSON?) {
        let type = object[["spec", "type"]]?.string ?? "ClusterIP"
        guard type != "ExternalName" else { return }
        let kept = live?[["spec", "clusterIP"]]
        object.fill(["spec", "clusterIP"], kept ?? .string(addresses.clusterIP()))
        object.fill(["spec", "clusterIPs"], [object[["spec", "clusterIP"]] ?? .null])
        object.fill(["spec", "ipFamilies"], ["IPv4"])
        object.fill(["spec", "ipFamilyPolicy"], "SingleStack")
        if live == nil { object.fill(["status", "loadBalancer"], [:]) }
        guard type != "ClusterIP" else { return }
        let before = live?[["spec", "ports"]]?.items ?? []
        object.update(["spec", "ports"]) { port in
            let same = before.first { $0["port"] == port["port"] && $0["protocol"] == port["protocol"] }
            port.fill(["nodePort"], same?["nodePort"] ?? .integer(addresses.nodePort()))
        }
    }
}
