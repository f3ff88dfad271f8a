import HTTPServer
import Kubernetes

/// The three kinds of patches besides server-side apply.
enum Patch {
    /// RFC 7396.
    static func merged(_ value: JSON?, _ patch: JSON) -> JSON {
        guard case .object(let changes) = patch else { return patch }
        var members = value?.members ?? [:]
        for (name, change) in changes {
            members[name] = change == .null ? .none : merged(members[name], change)
        }
        return .object(members)
    }

    /// Kubernetes' own: as a merge patch, but associative lists are merged item by item.
    static func strategic(_ value: JSON?, _ patch: JSON, _ shape: Shape) -> JSON {
        switch patch {
        case .object(let changes):
            switch changes["$patch"] {
            case "replace": return .object(changes.filter { $0.key != "$patch" })
            case "delete": return [:]
            default: break
            }
            var members = value?.members ?? [:]
            if let kept = changes["$retainKeys"]?.items.compactMap(\.string) {
                members = members.filter { kept.contains($0.key) }
            }
            for (name, change) in changes {
                if name.hasPrefix("$deleteFromPrimitiveList/") {
                    let list = String(name.dropFirst("$deleteFromPrimitiveList/".count))
                    members[list] = .array((members[list]?.items ?? []).filter { !change.items.contains($0) })
                } else if !name.hasPrefix("$") {
                    // Atomic for ownership, but a strategic merge still goes into it.
                    let member = shape.member(name).isAtomic ? .free : shape.member(name)
                    members[name] = change == .null ? .none : strategic(members[name], change, member)
                }
            }
            return .object(members)
        case .array(let changes) where shape.item != nil:
            return .array(strategic(value?.items ?? [], changes, shape))
        default:
            return patch
        }
    }

    private static func strategic(_ items: [JSON], _ changes: [JSON], _ shape: Shape) -> [JSON] {
        var result = items
        for change in changes {
            if change["$patch"] == "replace" { return changes.filter { $0["$patch"] == nil } }
            guard let element = shape.element(for: change) else { continue }
            let position = result.firstIndex { shape.element(for: $0) == element }
            if change["$patch"] == "delete" {
                if let position { result.remove(at: position) }
            } else if let position {
                result[position] = strategic(result[position], change, shape.item ?? .free)
            } else {
                result.append(strategic(nil, change, shape.item ?? .free))
            }
        }
        return result
    }

    /// RFC 6902.
    /// - Throws: ``Failure`` for a patch that does not fit.
    static func applied(_ operations: JSON, to value: JSON) throws -> JSON {
        var value = value
        for operation in operations.items {
            let path = pointer(operation["path"]?.string ?? "")
            let name = operation["op"]?.string ?? ""
            switch name {
            case "add", "replace":
                guard let new = operation.members["value"] else { throw unfit }
                value = try edited(value, path[...]) { name == "add" ? .insert(new) : .replace($0, new) }
            case "remove":
                value = try edited(value, path[...]) { .remove($0) }
            case "test":
                guard try found(value, path) == operation.members["value"] else {
                    throw unfit
                }
            case "copy", "move":
                let from = pointer(operation["from"]?.string ?? "")
                let taken = try found(value, from)
                if name == "move" { value = try edited(value, from[...]) { .remove($0) } }
                value = try edited(value, path[...]) { _ in .insert(taken) }
            default:
                throw unfit
            }
        }
        return value
    }

    private enum Edit {
        case insert(JSON)
        case replace(JSON?, JSON)
        case remove(JSON?)
    }

    private static func pointer(_ text: String) -> [String] {
        text.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
            String($0).replacing("~1", with: "/").replacing("~0", with: "~")
        }
    }

    private static func found(_ value: JSON, _ path: [String]) throws -> JSON {
        try path.reduce(value) { value, step in
            switch value {
            case .array(let items):
                guard let index = Int(step), items.indices.contains(index) else { throw unfit }
                return items[index]
            default:
                guard let member = value.members[step] else { throw unfit }
                return member
            }
        }
    }

    private static func edited(_ value: JSON, _ path: ArraySlice<String>, _ edit: (JSON?) -> Edit) throws -> JSON {
        guard let step = path.first else {
            if case .insert(let new) = edit(value) { return new }
            if case .replace(_, let new) = edit(value) { return new }
            return .null
        }
        let rest = path.dropFirst()
        switch value {
        case .array(var items):
            let index = step == "-" ? items.count : Int(step) ?? -1
            guard rest.isEmpty else {
                guard items.indices.contains(index) else { throw unfit }
                items[index] = try edited(items[index], rest, edit)
                return .array(items)
            }
            let old = items.indices.contains(index) ? items[index] : nil
            switch edit(old) {
            case .insert(let new) where (0...items.count).contains(index): items.insert(new, at: index)
            case .replace(.some, let new): items[index] = new
            case .remove(.some): items.remove(at: index)
            default: throw unfit
            }
            return .array(items)
        case .object(var members):
            guard rest.isEmpty else {
                guard let member = members[step] else { throw unfit }
                members[step] = try edited(member, rest, edit)
                return .object(members)
            }
            switch edit(members[step]) {
            case .insert(let new), .replace(.some, let new): members[step] = new
            case .remove(.some): members[step] = nil
            default: throw unfit
            }
            return .object(members)
        default:
            throw unfit
        }
    }

    /// The real server does not say why either.
    private static var unfit: Failure {
        Failure(
            code: 422,
            reason: "Invalid",
            message: "the server rejected our request due to an error in our request",
            details: [:]
        )
    }
}

extension Cluster {
    /// A patch of an object or of its status.
    /// - Returns: the object, and whether it was made.
    mutating func patch(_ route: Route, _ call: Call) throws -> (object: JSON, isNew: Bool) {
        var options = try WriteOptions(call)
        options.subresource = route.subresource ?? ""
        if call.contentType == "application/apply-patch+yaml" {
            guard let manager = call.query("fieldManager"), !manager.isEmpty else {
                let cause = Cause.required("fieldManager", "is required for apply patch")
                throw Failure.invalidOptions("PatchOptions", cause)
            }
            options.isForced = call.isSet("force")
            return try apply(call.object(), route, options)
        }
        let live = try get(route)
        let patch = try Document.object(call.request.body)
        var changed: JSON
        switch call.contentType {
        case "application/merge-patch+json": changed = Patch.merged(live, patch)
        case "application/json-patch+json": changed = try Patch.applied(patch, to: live)
        case "application/strategic-merge-patch+json" where !route.resource.isCustom:
            changed = Patch.strategic(live, patch, route.resource.shape)
        default:
            throw Failure(
                code: 415,
                reason: "UnsupportedMediaType",
                message: "415: Unsupported Media Type",
                details: [:]
            )
        }
        changed = try checked(changed, route.resource, namespace: route.namespace, name: route.name)
        if let why = Schema.faults(changed, route.resource).compactMap({ $0.unmarshalling(route.resource) }).first {
            throw Failure.undecodable(patched: changed, why)
        }
        return (try replace(live, with: changed, route.resource, options), false)
    }
}
