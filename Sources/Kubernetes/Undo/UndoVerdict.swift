/// What is to be done about one object of a release that failed.
enum UndoVerdict: Sendable, Hashable {
    /// Nothing was changed, or nothing is left of it.
    case nothing
    /// The release made it.
    case delete
    /// The release made it, and it is being deleted already: an undo before this one, or somebody, has seen to it.
    case awaitDeletion
    /// The release changed it.
    case putBack
    /// Stays as it is; why, in words that follow its name.
    case leave(String)

    /// - Parameter live: the object as it is now; nil if it is gone.
    init(_ entry: JournalEntry, live: JSON?, manager: String) {
        if entry.id.groupKind == GroupKind("Job", "batch") {
            self = Self.job(entry, live)
            return
        }
        guard let before = entry.before else {
            self = Self.created(entry, live, manager)
            return
        }
        guard let live else {
            self = .leave("was deleted by somebody meanwhile")
            return
        }
        if live.uid != before.uid {
            self = .leave("was deleted and made anew by somebody meanwhile")
        } else if live.isTerminating {
            self = .leave("is being deleted by somebody")
        } else if live.resourceVersion == before.resourceVersion || !entry.changedSomething {
            self = .nothing
        } else if let after = entry.after,
            Restoration(entry, before: before, after: after, manager: manager).isDone(in: live)
        {
            self = .nothing
        } else if let after = entry.after {
            let change = ForeignChange(since: after, before: before, live: live, manager: manager)
            self = change.ofOurs.map { .leave($0) } ?? .putBack
        } else {
            // We were not told whether it was changed.
            self = live.wasApplied(by: manager, since: before) ? .putBack : .nothing
        }
    }

    /// What a Job has done is done. One that the release made and that still works at it is stopped, or it would go on
    /// beside the next one's.
    private static func job(_ entry: JournalEntry, _ live: JSON?) -> UndoVerdict {
        guard let live else { return .nothing }
        if entry.before == nil {
            if live.isTerminating { return .awaitDeletion }
            if !live.hasEnded { return .delete }
        }
        return .leave("is a Job, and Jobs are not undone: what it has done is done")
    }

    private static func created(_ entry: JournalEntry, _ live: JSON?, _ manager: String) -> UndoVerdict {
        guard let live else { return .nothing }
        if live.isTerminating {
            let isOurs = entry.after.map { $0.uid == live.uid } ?? live.wasApplied(by: manager, since: nil)
            return isOurs ? .awaitDeletion : .nothing
        }
        guard let after = entry.after else {
            // If the request came through, the object has nobody's fields but ours.
            guard live.wasApplied(by: manager, since: nil) else { return .nothing }
            let change = ForeignChange(since: nil, before: nil, live: live, manager: manager)
            return change.atAll.map { .leave($0) } ?? .delete
        }
        if live.uid != after.uid { return .leave("was deleted and made anew by somebody meanwhile") }
        let change = ForeignChange(since: after, before: nil, live: live, manager: manager)
        return (change.ofOurs ?? change.atAll).map { .leave($0) } ?? .delete
    }
}

/// What others have done to an object since a release was applied.
struct ForeignChange {
    /// As it came out; nil if we were not told.
    let since: JSON?
    let before: JSON?
    let live: JSON
    let manager: String

    init(since: JSON?, before: JSON?, live: JSON, manager: String) {
        self.since = since
        self.before = before
        self.live = live
        self.manager = manager
    }

    /// A sentence's end if a field of ours is not what we made it.
    var ofOurs: String? {
        guard let since else { return nil }
        let (ours, now) = (since.applied(by: manager), live.applied(by: manager))
        if let path = ours.subtracting(now).leaves.paths.first {
            let owners = live.owners(of: path).map(\.name).filter { $0 != manager }.sorted()
            return "was changed meanwhile by \(owners.first ?? "somebody") (\(path))"
        }
        if let path = ours.leaves.paths.first(where: { $0.value(in: live) != $0.value(in: since) }) {
            return "was changed meanwhile (\(path))"
        }
        if let path = now.subtracting(ours).leaves.paths.first { return "was applied again meanwhile (\(path))" }
        // What the release took away somebody may have put there again.
        let removed = (before?.applied(by: manager) ?? FieldSet()).subtracting(ours).leaves.paths
        if let path = removed.first(where: { $0.value(in: since) == nil && $0.value(in: live) != nil }) {
            return "was changed meanwhile by \(live.owners(of: path).first?.name ?? "somebody") (\(path))"
        }
        return nil
    }

    /// A sentence's end if anybody but the cluster itself has written anything into an object that we made.
    var atAll: String? {
        for other in live.managers where other.name != manager || other.operation != .apply {
            if other.subresource != nil || Self.isControlPlane(other.name) { continue }
            let known = since?.managers.first { $0.isSame(as: other) }?.fields ?? FieldSet()
            guard let path = other.fields.subtracting(known).leaves.paths.first(where: { !other.isHousekeeping($0) })
            else { continue }
            return "was changed meanwhile by \(other.name) (\(path))"
        }
        return nil
    }

    /// Programs of the cluster that look after every object.
    private static func isControlPlane(_ name: String) -> Bool {
        ["kube-controller-manager", "kube-scheduler", "kube-apiserver", "kubelet", "cloud-controller-manager"].contains(
            name
        )
    }
}

extension FieldManager {
    /// Controllers mark the objects that they look after; that is no change of anybody's mind.
    fileprivate func isHousekeeping(_ path: FieldPath) -> Bool {
        let isController = ["controller", "operator", "manager", "provisioner"].contains { name.contains($0) }
        guard isController, path.steps.first == .field("metadata"), path.steps.count > 1 else { return false }
        return ["annotations", "finalizers", "ownerReferences"].contains { path.steps[1] == .field($0) }
    }
}

extension JSON {
    /// Of a Job: whether it is complete or has failed.
    fileprivate var hasEnded: Bool {
        (self[["status", "conditions"]]?.items ?? []).contains {
            ["Complete", "Failed"].contains($0["type"]?.string) && $0["status"]?.string == "True"
        }
    }
}
