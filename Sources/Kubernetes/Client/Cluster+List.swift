extension Cluster {
    /// All objects of a query, page by page. The pages are of one moment; if the server no longer has that moment when it
    /// is asked for a later page, everything is asked for again, in one piece.
    public func list(_ query: ObjectQuery) async throws -> ObjectList {
        do {
            return try await list(query, pageSize: limits.pageSize)
        } catch let error as KubernetesError where error.code == .gone {
            return try await list(query, pageSize: nil)
        }
    }

    private func list(_ query: ObjectQuery, pageSize: Int?) async throws -> ObjectList {
        let resource = try await resource(apiVersion: query.apiVersion, kind: query.kind)
        var call = APICall(subject: query.subject, path: try resource.path(namespace: query.namespace))
        var items: [JSON] = []
        var token: String?
        repeat {
            call.query = query.selectors
            if let pageSize { call.query.append(("limit", "\(pageSize)")) }
            if let token { call.query.append(("continue", token)) }
            let page = try await json(call)
            items += (page["items"]?.items ?? []).map { $0.typed(query) }
            token = page[["metadata", "continue"]]?.string.flatMap { $0.isEmpty ? nil : $0 }
            if token == nil { return ObjectList(items: items, resourceVersion: page.resourceVersion) }
        } while true
    }
}

extension ObjectQuery {
    /// `Pods in shop`.
    var subject: String { "list of \(kind)" + (namespace.map { " in \($0)" } ?? "") }

    var selectors: [(String, String)] {
        [("labelSelector", labelSelector), ("fieldSelector", fieldSelector)].compactMap { name, value in
            value.map { (name, $0) }
        }
    }
}

extension JSON {
    /// Lists of the built-in kinds leave it to the list to say what their items are.
    func typed(_ query: ObjectQuery) -> JSON {
        guard case .object(var members) = self else { return self }
        if members["kind"] == nil { members["kind"] = .string(query.kind) }
        if members["apiVersion"] == nil { members["apiVersion"] = .string(query.apiVersion) }
        return .object(members)
    }
}
