import HTTPClient

extension Cluster {
    /// - Returns: nil if there is none.
    public func get(_ id: ObjectID) async throws -> JSON? {
        do {
            return try await json(try await call("GET", id))
        } catch let error as KubernetesError where error.code == .notFound {
            return nil
        }
    }

    /// Server-side apply: makes the object, or changes the fields that are given and takes away those that the same
    /// manager gave before and no longer does.
    ///
    /// - Returns: the object as it is now; with ``ApplyOptions/dryRun``, as it would be.
    @discardableResult
    public func apply(_ object: JSON, _ options: ApplyOptions = ApplyOptions()) async throws -> JSON {
        var object = object
        // The server refuses an object that says who owns its fields.
        object.set(["metadata", "managedFields"], nil)
        var call = try await call("PATCH", object.id)
        call.query = options.query + [("force", options.force ? "true" : "false")]
        // JSON is YAML.
        call.contentType = "application/apply-patch+yaml"
        call.body = object.bytes
        return try await json(call)
    }

    /// Makes a new object. Not repeated if the connection breaks, so there are no two.
    @discardableResult
    public func create(_ object: JSON, _ options: ApplyOptions = ApplyOptions()) async throws -> JSON {
        let id = object.id
        let resource = try await resource(apiVersion: id.apiVersion, kind: id.kind)
        let call = APICall(
            subject: "\(id)",
            method: "POST",
            path: try path(of: id, resource),
            query: options.query,
            body: object.bytes,
            mayRepeat: false
        )
        return try await json(call)
    }

    /// Puts the object in place of the one that is there; if it has a resource version, only if that is still the
    /// object's.
    @discardableResult
    public func replace(_ object: JSON, _ options: ApplyOptions = ApplyOptions()) async throws -> JSON {
        var call = try await call("PUT", object.id)
        call.query = options.query
        call.body = object.bytes
        // The second time the version would be another, and the first success look like a conflict.
        call.mayRepeat = object.resourceVersion.isEmpty
        return try await json(call)
    }

    /// - Parameter subresource: `status`, `scale`.
    @discardableResult
    public func patch(
        _ id: ObjectID,
        _ patch: ObjectPatch,
        subresource: String? = nil,
        _ options: ApplyOptions = ApplyOptions()
    ) async throws -> JSON {
        var call = try await call("PATCH", id)
        if let subresource { call.path += "/" + subresource.percentEncoded }
        call.query = options.query
        switch patch {
        case .merge(let change):
            call.contentType = "application/merge-patch+json"
            call.body = change.bytes
            call.mayRepeat = change.resourceVersion.isEmpty
        case .json(let operations):
            call.contentType = "application/json-patch+json"
            call.body = JSON.array(operations).bytes
            call.mayRepeat = false
        }
        return try await json(call)
    }

    /// Returns as soon as the server has taken it up: finalizers may keep the object for a while.
    ///
    /// - Parameters:
    ///   - uid: only if the object still has this one; else it fails with code `conflict`.
    ///   - resourceVersion: likewise.
    /// - Returns: whether there was something to delete.
    @discardableResult
    public func delete(
        _ id: ObjectID,
        uid: String? = nil,
        resourceVersion: String? = nil,
        propagation: DeletePropagation = .background,
        dryRun: Bool = false
    ) async throws -> Bool {
        var options: JSON = ["apiVersion": "v1", "kind": "DeleteOptions"]
        options.set(["propagationPolicy"], .string(propagation.rawValue))
        if let uid { options.set(["preconditions", "uid"], .string(uid)) }
        if let resourceVersion { options.set(["preconditions", "resourceVersion"], .string(resourceVersion)) }
        var call = try await call("DELETE", id)
        if dryRun { call.query = [("dryRun", "All")] }
        call.body = options.bytes
        do {
            _ = try await json(call)
            return true
        } catch let error as KubernetesError where error.code == .notFound {
            return false
        }
    }

    private func call(_ method: String, _ id: ObjectID) async throws -> APICall {
        let resource = try await resource(apiVersion: id.apiVersion, kind: id.kind)
        let path = try path(of: id, resource) + "/" + pathSegment(id.name)
        return APICall(subject: "\(id)", method: method, path: path)
    }

    /// Where the objects are that this is one of.
    private func path(of id: ObjectID, _ resource: APIResource) throws -> String {
        guard !resource.isNamespaced || id.namespace != nil else {
            throw KubernetesError(.invalid, "\(id): objects of this kind belong to a namespace, and none is given")
        }
        return try resource.path(namespace: id.namespace)
    }
}

extension ApplyOptions {
    fileprivate var query: [(String, String)] {
        [("fieldManager", manager)] + (dryRun ? [("dryRun", "All")] : [])
    }
}
