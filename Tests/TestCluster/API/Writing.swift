import Foundation
import Kubernetes

extension Cluster {
    /// Creates an object, whose fields its maker then owns.
    mutating func create(
        _ sent: JSON,
        _ resource: Resource,
        namespace: String?,
        _ options: WriteOptions
    ) throws -> JSON {
        var object = try typed(checked(sent, resource, namespace: namespace, name: nil), resource, options)
        if object.name.isEmpty, let prefix = object[["metadata", "generateName"]]?.string {
            object.set(["metadata", "name"], .string(prefix + NameSuffix.random()))
        }
        object.set(["metadata", "managedFields"], nil)
        object = fresh(object, resource, options)
        object = Defaults.applied(to: object)
        object = options.fieldManager(resource, isApply: false).update(from: [:], to: object)
        return try add(object, resource, options)
    }

    /// Replaces an object by what was sent, as PUT does.
    mutating func replace(_ live: JSON, with sent: JSON, _ resource: Resource, _ options: WriteOptions) throws -> JSON {
        if let version = sent[["metadata", "resourceVersion"]]?.string, !version.isEmpty, version != "0" {
            guard version == live.resourceVersion else { throw Failure.conflict(resource, live.name) }
        } else if resource.isCustom, options.user != "test" {
            let cause = Cause.invalid("metadata.resourceVersion", 0, "must be specified for an update")
            throw Failure.invalid(resource, live.name, [cause])
        }
        if !sent.uid.isEmpty, sent.uid != live.uid {
            throw Failure.otherObject(resource, live, sent.uid)
        }
        let object = try typed(Inherited.restored(sent, from: live, resource, options), resource, options)
        let owned = options.fieldManager(resource, isApply: false)
            .update(from: live, to: Defaults.applied(to: object, after: live))
        return try change(live, to: owned, resource, options)
    }

    /// Server-side apply: makes the object or lays the configuration over it.
    mutating func apply(
        _ sent: JSON,
        _ route: Route,
        _ options: WriteOptions
    ) throws -> (object: JSON, isNew: Bool) {
        let resource = route.resource
        guard !sent.kind.isEmpty, !sent.apiVersion.isEmpty else {
            throw Failure.badRequest("Object 'Kind' is missing in '\(sent.text)'")
        }
        guard !sent.name.isEmpty else {
            throw Failure.badRequest(
                "the name of the object (\(route.name ?? "") based on URL) was undeterminable: name must be provided"
            )
        }
        var config = try checked(sent, resource, namespace: route.namespace, name: route.name)
        guard config[["metadata", "managedFields"]] == nil else {
            throw Failure.badRequest("metadata.managedFields must be nil")
        }
        config.set(["metadata", "creationTimestamp"], nil)
        // What is too long for its field is no fault of an apply: it is cut.
        let faults = Schema.faults(sent, resource).filter { if case .outOfRange = $0.kind { false } else { true } }
        if let fault = faults.first { throw Failure.untyped(fault, sent) }
        let manager = options.fieldManager(resource, isApply: true)
        do {
            guard let live = store[route.place] else {
                guard options.subresource.isEmpty else { throw Failure.notFound(resource, route.name ?? "") }
                guard config.uid.isEmpty else {
                    let why =
                        "uid mismatch: the provided object specified uid \(config.uid), and no existing object was found"
                    throw Failure.conflict(resource, config.name, why)
                }
                config = fresh(config, resource, options)
                let applied = try manager.apply(config, to: [:], force: options.isForced)
                let owned = Schema.narrowed(applied, resource)
                return (try add(Defaults.applied(to: owned), resource, options), true)
            }
            if let version = config[["metadata", "resourceVersion"]]?.string, version != live.resourceVersion {
                throw Failure.conflict(resource, live.name)
            }
            if !config.uid.isEmpty, config.uid != live.uid {
                throw Failure.otherObject(resource, live, config.uid)
            }
            let applied = try manager.apply(config, to: live, force: options.isForced)
            let owned = Schema.narrowed(applied, resource)
            let object = Inherited.restored(owned, from: live, resource, options, managed: owned)
            return (try change(live, to: Defaults.applied(to: object, after: live), resource, options), false)
        } catch let conflicts as FieldManager.Conflicts {
            throw Failure.applyConflict(conflicts.all)
        }
    }

    /// Stores a new object, unless it is not allowed.
    private mutating func add(_ prepared: JSON, _ resource: Resource, _ options: WriteOptions) throws -> JSON {
        var object = prepared
        let place = place(of: object, resource)
        guard store[place] == nil else { throw Failure.alreadyExists(resource, object.name) }
        try checkNamespace(place, resource)
        let causes = Validation.causes(object, resource)
        guard causes.isEmpty else { throw Failure.invalid(resource, object.name, causes) }
        try checkQuota(object, resource)
        object = allocated(object, resource)
        guard object.bytes.count < 1_500_000 else { throw Failure.tooLarge }
        if options.isDryRun { return object }
        return commit(object, at: place)
    }

    /// Stores a changed object, unless nothing changed or it is not allowed.
    mutating func change(
        _ live: JSON,
        to changed: JSON,
        _ resource: Resource,
        _ options: WriteOptions
    ) throws -> JSON {
        var object = allocated(changed, resource, live: live)
        object.set(["metadata", "resourceVersion"], .string(live.resourceVersion))
        let causes = Validation.causes(object, resource) + Immutability.causes(live, object, resource)
        guard causes.isEmpty else { throw Failure.invalid(resource, live.name, causes) }
        if object == live { return live }
        if resource.hasGeneration, Inherited.isNewGeneration(live, object, resource) {
            object.set(["metadata", "generation"], .integer(live.generation + 1))
        }
        guard object.bytes.count < 1_500_000 else { throw Failure.tooLarge }
        if options.isDryRun { return object }
        let place = place(of: live, resource)
        if object[["metadata", "deletionTimestamp"]] != nil, object.isFreeToGo {
            _ = store.put(object, at: place)
            return erase(place) ?? object
        }
        return commit(object, at: place)
    }

    /// What was sent, if it belongs to the path that it was sent to.
    func checked(_ sent: JSON, _ resource: Resource, namespace: String?, name: String?) throws -> JSON {
        var object = sent.withoutNulls
        guard case .object = object else { throw Failure.badRequest("the body is not an object") }
        object.fill(["kind"], .string(resource.kind))
        object.fill(["apiVersion"], .string(resource.apiVersion))
        guard object.apiVersion == resource.apiVersion else {
            throw Failure.badRequest(
                "the API version in the data (\(object.apiVersion)) does not match the expected API version "
                    + "(\(resource.apiVersion))"
            )
        }
        guard object.kind == resource.kind else {
            throw Failure.badRequest(
                "\(object.kind) in version \"\(resource.version)\" cannot be handled as a \(resource.kind)"
            )
        }
        if let name {
            guard object.name.isEmpty || object.name == name else {
                throw Failure.badRequest(
                    "the name of the object (\(object.name)) does not match the name on the URL (\(name))"
                )
            }
            object.set(["metadata", "name"], .string(name))
        }
        if resource.isNamespaced, let namespace {
            guard object.namespace == nil || object.namespace == namespace else {
                throw Failure.badRequest(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
            }
            object.set(["metadata", "namespace"], .string(namespace))
        } else if !resource.isNamespaced {
            object.set(["metadata", "namespace"], nil)
        }
        return object
    }

    /// Without fields that the kind does not know: they are dropped, unless the client asks for a refusal.
    private func typed(_ object: JSON, _ resource: Resource, _ options: WriteOptions) throws -> JSON {
        var object = object
        for fault in Schema.faults(object, resource) {
            let path = String(fault.path.dropFirst())
            switch fault.kind {
            case .unknown where options.isStrict:
                throw Failure.undecodable(resource, "strict decoding error: unknown field \"\(path)\"")
            case .unknown where !path.contains("["): object.set(path.split(separator: ".").map(String.init), nil)
            case .wrongType, .outOfRange: throw Failure.undecodable(resource, fault.unmarshalling(resource) ?? "")
            case .unknown, .duplicate: break
            }
        }
        guard resource.key == "secrets" else { return object }
        for value in object.strings("data").values where !Base64.isValid(value) {
            throw Failure.undecodable(resource, "illegal base64 data at input byte 0")
        }
        return object
    }

    /// With the metadata of a new object.
    private func fresh(_ sent: JSON, _ resource: Resource, _ options: WriteOptions) -> JSON {
        var object = sent
        for name in ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink"] {
            object.set(["metadata", name], nil)
        }
        object.set(["metadata", "uid"], .string(UUID().uuidString.lowercased()))
        object.set(["metadata", "creationTimestamp"], .string(Timestamp.now))
        if resource.hasGeneration { object.set(["metadata", "generation"], 1) }
        if resource.subresources.contains("status"), !options.keepsStatus { object.set(["status"], nil) }
        return object
    }

    private func checkNamespace(_ place: Place, _ resource: Resource) throws {
        guard !place.namespace.isEmpty, let namespaces = resources.find("", "v1", "namespaces") else { return }
        let home = Place(resource: "namespaces", namespace: "", name: place.namespace)
        guard let namespace = store[home] else { throw Failure.notFound(namespaces, place.namespace) }
        guard namespace[["metadata", "deletionTimestamp"]] == nil else {
            let why = "unable to create new content in namespace \(place.namespace) because it is being terminated"
            var failure = Failure.forbidden(resource, place.name, why)
            let cause: JSON = [
                "reason": "NamespaceTerminating", "field": "metadata.namespace",
                "message": .string("namespace \(place.namespace) is being terminated"),
            ]
            failure.details?.set(["causes"], [cause])
            throw failure
        }
    }
}

extension Failure {
    fileprivate static func otherObject(_ resource: Resource, _ live: JSON, _ uid: String) -> Failure {
        let path = [resource.plural, live.namespace ?? "", live.name].filter { !$0.isEmpty }.joined(separator: "/")
        let why =
            "StorageError: invalid object, Code: 4, Key: /registry/\(path), ResourceVersion: 0, AdditionalErrorMsg: "
            + "Precondition failed: UID in precondition: \(uid), UID in object meta: \(live.uid)"
        return .conflict(resource, live.name, why)
    }

    static let tooLarge = Failure(code: 500, reason: "", message: "etcdserver: request is too large")
}

extension JSON {
    /// Without members that are null: the API treats them as absent.
    var withoutNulls: JSON {
        switch self {
        case .object(let members): .object(members.filter { $0.value != .null }.mapValues(\.withoutNulls))
        case .array(let items): .array(items.map(\.withoutNulls))
        default: self
        }
    }

    /// Whether nothing holds an object that is being deleted.
    var isFreeToGo: Bool {
        self[["metadata", "finalizers"]]?.items.isEmpty ?? true
            && (kind != "Namespace" || self[["spec", "finalizers"]]?.items.isEmpty ?? true)
            && (self[["metadata", "deletionGracePeriodSeconds"]]?.integer ?? 0) == 0
    }
}

/// The random part of a generated name, without vowels.
enum NameSuffix {
    static func random() -> String {
        String((0..<5).map { _ in "bcdfghjklmnpqrstvwxz2456789".randomElement() ?? "x" })
    }
}
