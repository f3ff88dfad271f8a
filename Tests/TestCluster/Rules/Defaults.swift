import Kubernetes

/// What the API server fills in where a manifest says nothing.
enum Defaults {
    /// - Parameter live: the object before, whose allocated values stay.
    static func applied(to sent: JSON, after live: JSON? = nil) -> JSON {
        var object = sent
        switch (object.apiVersion, object.kind) {
        case ("apps/v1", _): PodTemplates.workload(&object, live)
        case ("batch/v1", _): PodTemplates.batch(&object)
        case ("v1", "Pod"):
            if object["spec"] != nil { PodDefaults.spec(&object, at: ["spec"], restarts: "Always") }
            object.fill(["spec", "enableServiceLinks"], true)
            for list in ["containers", "initContainers"] { object.update(["spec", list], PodDefaults.requests) }
        case ("v1", "Service"): service(&object, live)
        case ("v1", "Secret"): secret(&object)
        case ("v1", "Namespace"):
            object.set(["metadata", "labels", "kubernetes.io/metadata.name"], .string(object.name))
            if live == nil { object.fill(["status", "phase"], "Active") }
        case ("v1", "PersistentVolumeClaim"):
            object.fill(["spec", "volumeMode"], "Filesystem")
            if live == nil { object.fill(["status", "phase"], "Pending") }
        case ("autoscaling/v2", "HorizontalPodAutoscaler"):
            object.fill(["spec", "minReplicas"], 1)
        case ("networking.k8s.io/v1", "NetworkPolicy"): policy(&object)
        case ("rbac.authorization.k8s.io/v1", "RoleBinding"), ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"):
            object.fill(["roleRef", "apiGroup"], "rbac.authorization.k8s.io")
        case ("apiextensions.k8s.io/v1", "CustomResourceDefinition"):
            let kind = object[["spec", "names", "kind"]]?.string ?? ""
            object.fill(["spec", "names", "singular"], .string(kind.lowercased()))
            object.fill(["spec", "names", "listKind"], .string(kind + "List"))
            object.fill(["spec", "conversion"], ["strategy": "None"])
        default: break
        }
        return object
    }

    private static func service(_ object: inout JSON, _ live: JSON?) {
        object.fill(["spec", "type"], "ClusterIP")
        object.fill(["spec", "sessionAffinity"], "None")
        let type = object[["spec", "type"]]?.string
        object.update(["spec", "ports"]) { port in
            port.fill(["protocol"], "TCP")
            port.fill(["targetPort"], port["port"] ?? .null)
        }
        guard type != "ExternalName" else { return }
        object.fill(["spec", "internalTrafficPolicy"], "Cluster")
        if type != "ClusterIP" { object.fill(["spec", "externalTrafficPolicy"], "Cluster") }
        if type == "LoadBalancer" { object.fill(["spec", "allocateLoadBalancerNodePorts"], true) }
    }

    private static func secret(_ object: inout JSON) {
        object.fill(["type"], "Opaque")
        for (name, value) in object.strings("stringData") {
            object.set(["data", name], .string(Base64.encoded(Array(value.utf8))))
        }
        object.set(["stringData"], nil)
    }

    private static func policy(_ object: inout JSON) {
        let hasEgress = object[["spec", "egress"]] != nil
        object.fill(["spec", "policyTypes"], hasEgress ? ["Ingress", "Egress"] : ["Ingress"])
        for direction in ["ingress", "egress"] {
            object.update(["spec", direction]) { rule in
                rule.update(["ports"]) { $0.fill(["protocol"], "TCP") }
            }
        }
    }
}

extension JSON {
    /// Sets what is at a path unless something is there; objects on the way are made.
    mutating func fill(_ path: [String], _ value: JSON) {
        if value != .null, self[path] == nil { set(path, value) }
    }

    /// Changes every item of the list at a path.
    mutating func update(_ path: [String], _ change: (inout JSON) -> Void) {
        guard case .array(var items)? = self[path] else { return }
        for index in items.indices { change(&items[index]) }
        set(path, .array(items))
    }
}
