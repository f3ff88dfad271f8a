import HTTPServer
import Kubernetes

/// What somebody asks to do.
struct AccessQuestion {
    var user: String
    var verb: String
    var group: String
    /// `pods`, `pods/log`.
    var resource: String
    /// Empty for all namespaces and for objects of the cluster itself.
    var namespace: String
    var name: String
}

extension AccessRule {
    func covers(_ question: AccessQuestion) -> Bool {
        func holds(_ list: [String], _ value: String) -> Bool { list.contains("*") || list.contains(value) }
        return holds(users, question.user) && holds(verbs, question.verb) && holds(groups, question.group)
            && holds(resources, question.resource) && holds(namespaces, question.namespace)
    }
}

extension Cluster {
    func allows(_ question: AccessQuestion) -> Bool { access.contains { $0.covers(question) } }

    /// - Throws: ``Failure`` 401 for a token that is unknown or revoked.
    func user(bearing header: String?) throws -> String {
        guard let header else {
            guard options.allowsAnonymous else { throw Failure.unauthorized }
            return "system:anonymous"
        }
        guard header.hasPrefix("Bearer "), let user = tokens[String(header.dropFirst(7))] else {
            throw Failure.unauthorized
        }
        return user
    }

    /// - Throws: ``Failure`` 403 in the words of the API server.
    func authorize(_ route: Route, _ call: Call) throws {
        let verb =
            switch call.request.method {
            case "GET": call.isWatch ? "watch" : route.name == nil ? "list" : "get"
            case "POST": "create"
            case "PUT": "update"
            case "PATCH": "patch"
            default: route.name == nil ? "deletecollection" : "delete"
            }
        let resource = route.resource.plural + (route.subresource.map { "/\($0)" } ?? "")
        let question = AccessQuestion(
            user: call.user,
            verb: verb,
            group: route.resource.group,
            resource: resource,
            // A namespace is in itself: a Role there may allow to look at it (apiserver, RequestInfo).
            namespace: route.namespace ?? (route.resource.plural == "namespaces" ? route.name : nil) ?? "",
            name: route.name ?? ""
        )
        guard !allows(question) else { return }
        let place = route.namespace.map { "in the namespace \"\($0)\"" } ?? "at the cluster scope"
        let why =
            "User \"\(call.user)\" cannot \(verb) resource \"\(resource)\" in API group \"\(route.resource.group)\" "
            + place
        throw Failure.forbidden(route.resource, route.name ?? "", why)
    }

    /// Answers a SelfSubjectAccessReview.
    func review(_ call: Call) throws -> JSON {
        var review = try call.object()
        let asked = review[["spec", "resourceAttributes"]] ?? [:]
        let name = asked["subresource"].flatMap(\.string).map { "/\($0)" } ?? ""
        let question = AccessQuestion(
            user: call.user,
            verb: asked["verb"]?.string ?? "",
            group: asked["group"]?.string ?? "",
            resource: (asked["resource"]?.string ?? "") + name,
            namespace: asked["namespace"]?.string ?? "",
            name: asked["name"]?.string ?? ""
        )
        let isAllowed = review[["spec", "nonResourceAttributes"]] != nil || allows(question)
        review.set(["status"], ["allowed": .bool(isAllowed)])
        if !isAllowed { review.set(["status", "reason"], "") }
        return review
    }
}
