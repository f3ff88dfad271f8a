import Kubernetes

/// Server-side apply and the tracking of ownership by every other write (structured merge and diff, KEP-555).
struct FieldManager {
    var manager: ManagedFields.Manager
    var apiVersion: String
    var shape: Shape
    /// What this endpoint does not set: the status where the object itself is written, all else where it is the status.
    var ignored: FieldSet
    var time: String

    /// Nobody owns these.
    private static let stripped = FieldSet(
        [.field("apiVersion")],
        [.field("kind")],
        [.field("metadata")],
        [.field("metadata"), .field("name")],
        [.field("metadata"), .field("namespace")],
        [.field("metadata"), .field("creationTimestamp")],
        [.field("metadata"), .field("selfLink")],
        [.field("metadata"), .field("uid")],
        [.field("metadata"), .field("generation")],
        [.field("metadata"), .field("managedFields")],
        [.field("metadata"), .field("resourceVersion")]
    )

    struct Conflict {
        var manager: String
        var path: String
    }

    struct Conflicts: Error {
        var all: [Conflict]
    }

    /// The object after a plain write, with its managed fields.
    func update(from live: JSON, to object: JSON) -> JSON {
        let old = ManagedFields(of: live)
        var managed = old
        let before = FieldManager.bare(live)
        let after = FieldManager.bare(object)
        let change = Comparison(from: before, to: after, shape)
        _ = settle(&managed, change)
        var own = managed.entries[manager]?.fields ?? FieldSet()
        own = own.difference(change.removed).union(change.modified).union(change.added)
        own = own.recursiveDifference(ignored).difference(FieldManager.stripped)
        var stamp = old.entries[manager]?.time
        let taken = change.modified.union(change.added).recursiveDifference(ignored)
        // The ownership of a scale has no time.
        if !taken.difference(FieldManager.stripped).isEmpty, manager.subresource != "scale" { stamp = time }
        managed.entries[manager] = .init(apiVersion: apiVersion, fields: own, time: stamp)
        return finish(after, managed)
    }

    /// The object after an apply, with its managed fields.
    /// - Throws: ``Conflicts`` with the fields that others own, unless `force`.
    func apply(_ config: JSON, to live: JSON, force: Bool) throws -> JSON {
        var managed = ManagedFields(of: live)
        let before = FieldManager.bare(live)
        if managed.entries.isEmpty, !before.members.isEmpty {
            let everything = Structure.fields(of: before, shape).difference(FieldManager.stripped)
            let unknown = ManagedFields.Manager(
                name: "before-first-apply",
                isApply: false,
                apiVersion: apiVersion,
                subresource: ""
            )
            managed.entries[unknown] = .init(apiVersion: apiVersion, fields: everything, time: time)
        }
        var merged = Structure.merge(before, FieldManager.bare(config), shape)
        let last = managed.entries[manager]?.fields
        let own = Structure.fields(of: FieldManager.bare(config), shape).recursiveDifference(ignored)
            .difference(FieldManager.stripped)
        managed.entries[manager] = .init(
            apiVersion: apiVersion,
            fields: own,
            time: managed.entries[manager]?.time
        )
        if let last, !last.isEmpty { merged = prune(merged, managed, last) }
        let change = Comparison(from: before, to: merged, shape).excluding(ignored)
        let conflicts = settle(&managed, change)
        if !force, !conflicts.isEmpty { throw Conflicts(all: conflicts) }
        // An apply that changes nothing but ownership leaves the time as it was.
        if merged != before { managed.entries[manager]?.time = time }
        return finish(merged, managed)
    }

    /// Takes what was changed or removed from the other managers.
    /// - Returns: what was taken because of a change.
    private func settle(_ managed: inout ManagedFields, _ change: Comparison) -> [Conflict] {
        var conflicts: [Conflict] = []
        let changed = change.modified.union(change.added)
        for (other, entry) in managed.entries where other != manager {
            let lost = entry.fields.intersection(changed)
            let name = other.description(entry)
            conflicts += lost.paths.map { Conflict(manager: name, path: $0.text) }
            managed.entries[other]?.fields = entry.fields.difference(lost).difference(change.removed)
        }
        managed.dropEmpty()
        return conflicts.sorted { ($0.manager, $0.path) < ($1.manager, $1.path) }
    }

    /// Removes what the manager applied last time, does not apply now, and nobody else owns.
    private func prune(_ merged: JSON, _ managed: ManagedFields, _ last: FieldSet) -> JSON {
        let all = Structure.fields(of: merged, shape).withNamedFields
        let owned = managed.entries.values.reduce(FieldSet()) { $0.union($1.fields) }.withNamedFields
        let cut = Structure.removing(last.withNamedFields, from: merged, shape)
        let kept = Structure.fields(of: cut, shape).withNamedFields.union(owned)
        let pruned = Structure.removing(all.difference(kept), from: merged, shape)
        let left = Structure.fields(of: pruned, shape).withNamedFields
        let gone = all.difference(left).intersection(last.withNamedFields)
        return Structure.removing(gone, from: merged, shape)
    }

    private func finish(_ object: JSON, _ managed: ManagedFields) -> JSON {
        var managed = managed
        managed.dropEmpty()
        var object = object
        object.set(["metadata", "managedFields"], managed.entries.isEmpty ? .none : managed.json)
        return object
    }

    private static func bare(_ object: JSON) -> JSON {
        var object = object
        object.set(["metadata", "managedFields"], nil)
        return object
    }
}

extension Comparison {
    fileprivate func excluding(_ ignored: FieldSet) -> Comparison {
        var result = self
        result.added = added.recursiveDifference(ignored)
        result.modified = modified.recursiveDifference(ignored)
        result.removed = removed.recursiveDifference(ignored)
        return result
    }
}
