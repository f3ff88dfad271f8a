/// What names one object of a cluster.
public struct ObjectID: Sendable, Hashable, Codable {
    /// `v1`, `apps/v1`.
    public var apiVersion: String
    public var kind: String
    /// Nil for objects of the cluster itself.
    public var namespace: String?
    public var name: String

    public init(apiVersion: String, kind: String, namespace: String? = nil, name: String) {
        self.apiVersion = apiVersion
        self.kind = kind
        self.namespace = namespace
        self.name = name
    }

    /// The API group; empty for the core's.
    public var group: String { apiVersion.contains("/") ? String(apiVersion.prefix { $0 != "/" }) : "" }
    /// `v1`.
    public var version: String { String(apiVersion.split(separator: "/").last ?? "") }
}

extension ObjectID: CustomStringConvertible {
    /// As people name it: `Deployment web`, `Namespace shop`.
    public var description: String { "\(kind) \(name)" }
}

extension JSON {
    public var apiVersion: String { self["apiVersion"]?.string ?? "" }
    public var kind: String { self["kind"]?.string ?? "" }
    public var name: String { self[["metadata", "name"]]?.string ?? "" }
    public var namespace: String? { self[["metadata", "namespace"]]?.string }
    public var uid: String { self[["metadata", "uid"]]?.string ?? "" }
    public var resourceVersion: String { self[["metadata", "resourceVersion"]]?.string ?? "" }
    public var generation: Int64 { self[["metadata", "generation"]]?.integer ?? 0 }
    public var labels: [String: String] { self["metadata"]?.strings("labels") ?? [:] }
    public var annotations: [String: String] { self["metadata"]?.strings("annotations") ?? [:] }
    /// Of an object of the API.
    public var id: ObjectID { ObjectID(apiVersion: apiVersion, kind: kind, namespace: namespace, name: name) }
}
