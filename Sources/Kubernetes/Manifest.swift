/// One object that is to be applied, and where it was written.
public struct Manifest: Sendable, Hashable, Codable {
    public var object: JSON
    /// `k8s/web.yaml:12`, or the chart and template that it came from.
    public var source: String

    public init(_ object: JSON, source: String) {
        self.object = object
        self.source = source
    }

    public var id: ObjectID { object.id }
}
