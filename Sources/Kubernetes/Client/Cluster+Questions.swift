import HTTPClient

/// Whether we may do something: the attributes of a SelfSubjectAccessReview.
public struct AccessQuestion: Sendable, Hashable {
    /// `get`, `list`, `watch`, `create`, `patch`, `delete`.
    public var verb: String
    /// Empty for the core's; `*` for all.
    public var group: String
    /// In the plural, as in addresses: `deployments`; `*` for all.
    public var resource: String
    /// `log`, `status`.
    public var subresource: String?
    /// Nil for all namespaces, and for kinds that have none.
    public var namespace: String?
    /// Nil for all.
    public var name: String?

    public init(
        _ verb: String,
        group: String = "",
        resource: String,
        subresource: String? = nil,
        namespace: String? = nil,
        name: String? = nil
    ) {
        self.verb = verb
        self.group = group
        self.resource = resource
        self.subresource = subresource
        self.namespace = namespace
        self.name = name
    }
}

extension Cluster {
    public func may(_ question: AccessQuestion) async throws -> Bool {
        var review: JSON = [
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": [
                "resourceAttributes": [
                    "verb": .string(question.verb), "group": .string(question.group),
                    "resource": .string(question.resource),
                ]
            ],
        ]
        let attributes = ["spec", "resourceAttributes"]
        if let subresource = question.subresource { review.set(attributes + ["subresource"], .string(subresource)) }
        if let namespace = question.namespace { review.set(attributes + ["namespace"], .string(namespace)) }
        if let name = question.name { review.set(attributes + ["name"], .string(name)) }
        // It stores nothing, although it is a POST.
        let call = APICall(
            subject: "question for permission to \(question.verb) \(question.resource)",
            method: "POST",
            path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            body: review.bytes
        )
        return try await json(call)[["status", "allowed"]]?.bool == true
    }

    /// Asks all at once.
    ///
    /// - Returns: an answer for each question.
    public func may(_ questions: some Sequence<AccessQuestion>) async throws -> [AccessQuestion: Bool] {
        try await withThrowingTaskGroup(of: (AccessQuestion, Bool).self) { group in
            for question in Set(questions) { group.addTask { (question, try await may(question)) } }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    /// What a container wrote, the end of it.
    ///
    /// - Parameters:
    ///   - container: may be nil if the pod has only one.
    ///   - previous: of the run of the container before the present one.
    ///   - tailLines: as many lines from the end; nil for all, up to ``ClusterLimits/logBytes``.
    public func log(
        pod: String,
        namespace: String,
        container: String? = nil,
        previous: Bool = false,
        tailLines: Int? = nil
    ) async throws -> String {
        var call = APICall(
            subject: "log of Pod \(pod)",
            path: "/api/v1/namespaces/\(try pathSegment(namespace))/pods/\(try pathSegment(pod))/log",
            query: [("limitBytes", "\(limits.logBytes)")],
            accept: "*/*"
        )
        if let container { call.query.append(("container", container)) }
        if previous { call.query.append(("previous", "true")) }
        if let tailLines { call.query.append(("tailLines", "\(tailLines)")) }
        return String(decoding: try await send(call).body, as: UTF8.self)
    }
}
