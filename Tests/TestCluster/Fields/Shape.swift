import Kubernetes

/// How the fields of a value are told apart: which lists are associative and by which keys, which objects are one field
/// as a whole. For built-in kinds it is known by the name of the field, for custom resources from their schema.
///
/// Source: the `x-kubernetes-list-type`, `-list-map-keys` and `-map-type` of Kubernetes' OpenAPI document, 1.36.
indirect enum Shape: Sendable {
    /// An object of a built-in kind; its members go by their names.
    case builtIn
    /// One field, whatever is in it.
    case atomic
    case keyed([String], of: Shape)
    /// A list of scalars, each a field of its own.
    case set
    /// An object whose schema names its fields.
    case structure([String: Shape])
    /// An object of arbitrary members of one shape.
    case map(of: Shape)
    /// Without a schema: objects are maps, lists are atomic.
    case free

    private static let builtInMembers: [String: Shape] = {
        var shapes: [String: Shape] = [
            "ports": .keyed(["port", "protocol"], of: .builtIn), "finalizers": .set, "podCIDRs": .set,
        ]
        let keys: [String: [String]] = [
            "addresses": ["type"], "claims": ["name"], "conditions": ["type"], "containers": ["name"],
            "env": ["name"], "ephemeralContainers": ["name"], "hostAliases": ["ip"],
            "initContainers": ["name"], "podIPs": ["ip"],
            "resourceClaimStatuses": ["name"], "resourceClaims": ["name"], "schedulingGates": ["name"],
            "topologySpreadConstraints": ["topologyKey", "whenUnsatisfiable"],
            "volumeDevices": ["devicePath"], "volumeMounts": ["mountPath"], "volumes": ["name"],
        ]
        // Their items are references, each one field.
        for name in ["imagePullSecrets", "secrets"] { shapes[name] = .keyed(["name"], of: .atomic) }
        shapes["ownerReferences"] = .keyed(["uid"], of: .atomic)
        for (name, keys) in keys { shapes[name] = .keyed(keys, of: .builtIn) }
        let atomic = [
            "configMapKeyRef", "dataSource", "fieldRef", "fileKeyRef", "involvedObject", "labelSelector",
            "nodeSelector", "podSelector", "related", "required", "requiredDuringSchedulingIgnoredDuringExecution",
            "resource", "resourceFieldRef", "roleRef", "secretKeyRef", "secretRef", "selector",
        ]
        for name in atomic { shapes[name] = .atomic }
        shapes["uncountedTerminatedPods"] = .structure(["failed": .set, "succeeded": .set])
        return shapes
    }()

    func member(_ name: String) -> Shape {
        switch self {
        case .builtIn: Shape.builtInMembers[name] ?? .builtIn
        case .structure(let fields): fields[name] ?? .free
        case .map(let shape): shape
        default: .free
        }
    }

    var isAtomic: Bool { if case .atomic = self { true } else { false } }

    /// Whether a member is a field of its own even where it holds others.
    func isOpen(_ name: String) -> Bool {
        switch self {
        case .builtIn: false
        case .structure(let fields): fields[name] == nil
        default: true
        }
    }

    /// The shape of a list's items; nil where the list is one field.
    var item: Shape? {
        switch self {
        case .keyed(_, let shape): shape
        case .set: .atomic
        default: nil
        }
    }

    /// What names an item of an associative list. Nil where one of its keys is missing.
    func element(for item: JSON) -> PathElement? {
        switch self {
        case .set: return .value(item.text)
        case .keyed(var keys, _):
            // The two lists of ports have one name.
            if keys == ["port", "protocol"], item["containerPort"] != nil { keys = ["containerPort", "protocol"] }
            var found: [String: JSON] = [:]
            for key in keys {
                if let value = item[key] { found[key] = value } else if key == "protocol" { found[key] = "TCP" }
            }
            return found.isEmpty ? nil : .key(JSON.object(found).text)
        default: return nil
        }
    }

    /// Fields that a new object of a built-in kind has before anybody sets them: they are structures, not pointers.
    static let inherent: Set<String> = [
        "containers", "jobTemplate", "metadata", "podSelector", "resources", "scaleTargetRef", "spec", "status",
        "strategy", "template", "updateStrategy",
    ]
}

// MARK: - Custom resources

extension Shape {
    /// From the structural schema of a CustomResourceDefinition.
    init(schema: JSON) {
        if schema["x-kubernetes-embedded-resource"]?.bool == true {
            self = .structure(["metadata": .builtIn])
            return
        }
        switch schema["type"]?.string {
        case "array":
            switch schema["x-kubernetes-list-type"]?.string {
            case "map":
                let keys = schema["x-kubernetes-list-map-keys"]?.items.compactMap(\.string) ?? []
                self = .keyed(keys, of: Shape(schema: schema["items"] ?? [:]))
            case "set": self = .set
            default: self = .atomic
            }
        case "object":
            if schema["x-kubernetes-map-type"]?.string == "atomic" {
                self = .atomic
            } else if let properties = schema["properties"] {
                self = .structure(properties.members.mapValues(Shape.init(schema:)))
            } else if case .object(let additional)? = schema["additionalProperties"] {
                self = .map(of: Shape(schema: .object(additional)))
            } else {
                self = .free
            }
        default: self = .free
        }
    }

    /// A custom resource as a whole: its metadata are those of every kind.
    static func custom(schema: JSON?) -> Shape {
        guard case .structure(var fields) = Shape(schema: schema ?? [:]) else {
            return .structure(["metadata": .builtIn])
        }
        fields["metadata"] = .builtIn
        fields["apiVersion"] = .atomic
        fields["kind"] = .atomic
        return .structure(fields)
    }
}
