public import Kubernetes

/// One request as it came, whatever was answered.
public struct LoggedRequest: Sendable {
    public var method: String
    public var path: String
    public var query: [(name: String, value: String)]
    public var contentType: String
    public var body: [UInt8]
    public var user: String
    /// Of the answer; nil while there is none.
    public var status: Int?

    /// The value of a parameter of the query.
    public func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }
    /// The body as JSON; null where it is none.
    public var json: JSON { (try? JSON(parsing: body)) ?? .null }
    /// Whether it would change something: a dry run and a question about access do not.
    public var isWrite: Bool {
        ["POST", "PUT", "PATCH", "DELETE"].contains(method) && parameter("dryRun") == nil
            && !path.hasPrefix("/apis/authorization.k8s.io/")
    }
}
