/// How an object becomes what it was: which fields go back to whom.
///
/// Server-side apply as the same manager, with just what it had before, takes away what the release added and sets again
/// what it changed. What the release took from others by force would be gone with it, or be ours for good. So the others
/// write first, in their own names and in their own way, and we let go last: the object stays valid all the time.
struct Restoration: Sendable {
    /// A request in the name of a manager.
    enum Step: Sendable, Hashable {
        /// PUT with these values, where nil takes a field away.
        case update(manager: String, subresource: String?, values: [FieldPath: JSON?])
        /// Server-side apply of all that the manager had.
        case apply(manager: String, object: JSON)
    }

    let steps: [Step]
    private let before: JSON

    init(_ entry: JournalEntry, before: JSON, after: JSON, manager: String) {
        self.before = before
        let (had, has) = (before.applied(by: manager), after.applied(by: manager))
        // What is ours now, was not, and reads otherwise.
        let taken = has.subtracting(had).leaves.paths.filter { path in
            guard let old = path.value(in: before) else { return false }
            return old != path.value(in: after)
        }
        var updates: [FormerOwner: [FieldPath: JSON?]] = [:]
        var applies: [String] = []
        for path in taken {
            let owners = before.managers.filter {
                ($0.name != manager || $0.operation == .update) && $0.fields.holds(path)
            }
            for owner in owners {
                if owner.operation == .apply {
                    if !applies.contains(owner.name) { applies.append(owner.name) }
                } else {
                    updates[FormerOwner(name: owner.name, subresource: owner.subresource), default: [:]][path] =
                        path.value(in: before)
                }
            }
            // Whose it was nobody knows; the API server says so in these words.
            if owners.isEmpty {
                updates[FormerOwner(name: "before-first-apply", subresource: nil), default: [:]][path] = path.value(
                    in: before
                )
            }
        }
        let asUpdates = updates.sorted {
            ($0.key.name, $0.key.subresource ?? "") < ($1.key.name, $1.key.subresource ?? "")
        }
        .map { Step.update(manager: $0.key.name, subresource: $0.key.subresource, values: $0.value) }
        let asApplies = applies.sorted().map { Self.step(before, as: $0) }
        steps = asUpdates + asApplies + [Self.step(before, as: manager)]
    }

    /// Whether two states of the object are the same where it matters here.
    func isSame(_ one: JSON, _ other: JSON) -> Bool {
        steps.allSatisfy { step in
            switch step {
            case .update(_, _, let values): values.keys.allSatisfy { $0.value(in: one) == $0.value(in: other) }
            case .apply(let manager, _):
                other.applied(by: manager) == one.applied(by: manager)
                    && one.applied(by: manager).leaves.paths.allSatisfy { $0.value(in: one) == $0.value(in: other) }
            }
        }
    }

    /// Whether nothing is left to do: a server that was killed may have put the object back before.
    func isDone(in object: JSON) -> Bool { steps.allSatisfy { isDone($0, in: object) } }

    /// Whether an object is as a step leaves it: it may have come through although nobody told us.
    func isDone(_ step: Step, in object: JSON) -> Bool {
        switch step {
        case .update(_, _, let values): return values.allSatisfy { $0.key.value(in: object) == $0.value }
        case .apply(let manager, _):
            let had = before.applied(by: manager)
            return object.applied(by: manager) == had
                && had.leaves.paths.allSatisfy { $0.value(in: object) == $0.value(in: before) }
        }
    }

    private struct FormerOwner: Hashable {
        let name: String
        let subresource: String?
    }

    /// All that a manager had by apply.
    private static func step(_ before: JSON, as manager: String) -> Step {
        let others = before.managers.filter { $0.name != manager || $0.operation != .apply }
            .reduce(FieldSet()) { $0.union($1.fields) }
        var object = before.applied(by: manager).extract(from: before, others: others)
        object.set(["apiVersion"], .string(before.apiVersion))
        object.set(["kind"], .string(before.kind))
        object.set(["metadata", "name"], .string(before.name))
        object.set(["metadata", "namespace"], before.namespace.map(JSON.string))
        return .apply(manager: manager, object: object)
    }
}

extension FieldSet {
    /// Whether a field is in the set, or is part of one that is in it whole.
    fileprivate func holds(_ path: FieldPath) -> Bool {
        var set = self
        for step in path.steps {
            if set.isMember && set.children.isEmpty { return true }
            guard let next = set.children[step] else { return false }
            set = next
        }
        return !set.isEmpty
    }
}
