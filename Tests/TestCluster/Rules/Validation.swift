import Kubernetes

/// The obvious things that make an object invalid.
enum Validation {
    static func causes(_ object: JSON, _ resource: Resource) -> [Cause] {
        var causes = metadata(object)
        switch resource.key {
        case "deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps":
            causes += workload(object)
        case "jobs.batch": causes += template(object, ["spec", "template"]) + job(object)
        case "cronjobs.batch":
            if (object[["spec", "schedule"]]?.string ?? "").isEmpty { causes.append(.required("spec.schedule")) }
            causes += template(object, ["spec", "jobTemplate", "spec", "template"])
        case "pods": causes += pod(object["spec"] ?? [:], "spec")
        case "services": causes += service(object)
        case "configmaps": causes += configMap(object)
        default: break
        }
        return causes
    }

    private static func metadata(_ object: JSON) -> [Cause] {
        var causes: [Cause] = []
        let name = object.name
        if name.isEmpty {
            causes.append(.required("metadata.name", "name or generateName is required"))
        } else if object.apiVersion.hasPrefix("rbac.") ? name.contains("/") || name.contains("%") : !isSubdomain(name) {
            causes.append(.invalid("metadata.name", .string(name), Validation.subdomainRule))
        }
        for value in object.labels.values.sorted() where !isLabel(value) {
            causes.append(.invalid("metadata.labels", .string(value), Validation.labelRule))
        }
        return causes
    }

    private static func workload(_ object: JSON) -> [Cause] {
        var causes: [Cause] = []
        if let replicas = object[["spec", "replicas"]]?.integer, replicas < 0 {
            causes.append(.invalid("spec.replicas", .integer(replicas), "must be greater than or equal to 0"))
        }
        if object[["spec", "strategy", "type"]] == "Recreate", object[["spec", "strategy", "rollingUpdate"]] != nil {
            let rule = "may not be specified when strategy `type` is 'Recreate'"
            causes.append(.forbidden("spec.strategy.rollingUpdate", rule))
        }
        if let selector = object[["spec", "selector"]] {
            let labels = object[["spec", "template", "metadata"]]?.strings("labels") ?? [:]
            if !Selector(labelSelector: selector).matches(labels: labels) {
                let shown = object[["spec", "template", "metadata", "labels"]] ?? [:]
                causes.append(
                    .invalid("spec.template.metadata.labels", shown, "`selector` does not match template `labels`")
                )
            }
        } else {
            causes.append(.required("spec.selector"))
            let labels = object[["spec", "template", "metadata", "labels"]] ?? [:]
            let rule = "`selector` does not match template `labels`"
            causes.append(.invalid("spec.template.metadata.labels", labels, rule))
        }
        // Claims are volumes of the pods, too.
        let claims = Set((object[["spec", "volumeClaimTemplates"]]?.items ?? []).map(\.name))
        return causes + template(object, ["spec", "template"], claims: claims)
    }

    private static func template(_ object: JSON, _ path: [String], claims: Set<String> = []) -> [Cause] {
        pod(object[path + ["spec"]] ?? [:], (path + ["spec"]).joined(separator: "."), claims: claims)
    }

    private static func job(_ object: JSON) -> [Cause] {
        let policy = object[["spec", "template", "spec", "restartPolicy"]]?.string ?? ""
        guard policy != "Never", policy != "OnFailure" else { return [] }
        let field = "spec.template.spec.restartPolicy"
        return policy.isEmpty
            ? [.required(field, "valid values: \"OnFailure\", \"Never\"")]
            : [.unsupported(field, policy, ["OnFailure", "Never"])]
    }

    private static func pod(_ spec: JSON, _ field: String, claims: Set<String> = []) -> [Cause] {
        var causes: [Cause] = []
        if spec["containers"]?.items.isEmpty ?? true { causes.append(.required("\(field).containers")) }
        var names: Set<String> = []
        for list in ["initContainers", "containers"] {
            for (index, container) in (spec[list]?.items ?? []).enumerated() {
                let place = "\(field).\(list)[\(index)]"
                let name = container["name"]?.string ?? ""
                if name.isEmpty { causes.append(.required("\(place).name")) }
                if !names.insert(name).inserted { causes.append(.duplicate("\(place).name", .string(name))) }
                if (container["image"]?.string ?? "").isEmpty { causes.append(.required("\(place).image")) }
                causes += mounts(container, spec, place, claims)
            }
        }
        return causes
    }

    private static func mounts(_ container: JSON, _ spec: JSON, _ place: String, _ claims: Set<String>) -> [Cause] {
        let volumes = Set((spec["volumes"]?.items ?? []).compactMap { $0["name"]?.string })
        var causes: [Cause] = []
        for (index, mount) in (container["volumeMounts"]?.items ?? []).enumerated() {
            let name = mount["name"]?.string ?? ""
            guard !volumes.contains(name), !claims.contains(name) else { continue }
            causes.append(
                Cause(
                    reason: "FieldValueNotFound",
                    field: "\(place).volumeMounts[\(index)].name",
                    message: "Not found: \"\(name)\""
                )
            )
        }
        return causes
    }

    private static func service(_ object: JSON) -> [Cause] {
        var causes: [Cause] = []
        let type = object[["spec", "type"]]?.string ?? "ClusterIP"
        let types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]
        if !types.contains(type) { causes.append(.unsupported("spec.type", type, types)) }
        let ports = object[["spec", "ports"]]?.items ?? []
        if ports.isEmpty, type != "ExternalName", object[["spec", "clusterIP"]] != "None" {
            causes.append(.required("spec.ports"))
        }
        for (index, port) in ports.enumerated() {
            let number = port["port"]?.integer ?? 0
            if !(1...65_535).contains(number) {
                let rule = "must be between 1 and 65535, inclusive"
                causes.append(.invalid("spec.ports[\(index)].port", .integer(number), rule))
            }
            if let target = port["targetPort"]?.integer, !(1...65_535).contains(target) {
                let rule = "must be between 1 and 65535, inclusive"
                causes.append(.invalid("spec.ports[\(index)].targetPort", .integer(target), rule))
            }
            if ports.count > 1, port["name"] == nil { causes.append(.required("spec.ports[\(index)].name")) }
        }
        return causes
    }

    private static func configMap(_ object: JSON) -> [Cause] {
        let size = object.strings("data").values.reduce(0) { $0 + $1.utf8.count }
        guard size > 1 << 20 else { return [] }
        return [
            Cause(
                reason: "FieldValueTooLong",
                field: "[]",
                message: "Too long: may not be more than 1048576 bytes"
            )
        ]
    }

    static let subdomainRule =
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        + "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
        + #"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#
    static let labelRule =
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
        + "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
        + "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

    private static func isSubdomain(_ name: String) -> Bool {
        name.utf8.count <= 253
            && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
                !part.isEmpty && part.first != "-" && part.last != "-"
                    && part.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
            }
    }

    private static func isLabel(_ value: String) -> Bool {
        guard value.utf8.count <= 63 else { return false }
        guard let first = value.utf8.first, let last = value.utf8.last else { return true }
        func isPlain(_ byte: UInt8) -> Bool {
            (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
        }
        return isPlain(first) && isPlain(last)
            && value.utf8.allSatisfy { isPlain($0) || [0x2D, 0x5F, 0x2E].contains($0) }
    }
}
