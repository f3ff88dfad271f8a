extension Undo {
    /// Takes back one object. What fails is told, and keeps nothing else from being taken back.
    func undo(_ entry: JournalEntry, _ log: @Sendable (String) -> Void) async -> Outcome {
        var outcome: Outcome
        do {
            outcome = try await outcomeOfTries(entry)
        } catch {
            outcome = .left(entry.id, "could not be taken back: \(error)")
        }
        switch outcome {
        case .nothing: break
        case .putBack(let id, _, _): log("\(id) put back")
        case .deleted(let id): log("\(id) deleted")
        case .left(let id, let reason): log("\(id) \(reason)")
        }
        return outcome
    }

    /// Looks, decides, acts on just what was looked at; if that has changed in between, again.
    private func outcomeOfTries(_ entry: JournalEntry) async throws -> Outcome {
        for _ in 0..<8 {
            let live = try await cluster.get(entry.id)
            do {
                switch UndoVerdict(entry, live: live, manager: manager) {
                case .nothing: return .nothing
                case .leave(let reason): return .left(entry.id, reason)
                case .delete:
                    guard let live else { return .nothing }
                    try await cluster.delete(entry.id, uid: live.uid, resourceVersion: live.resourceVersion)
                    return .deleted(entry.id)
                case .putBack:
                    guard let live, let before = entry.before else { return .nothing }
                    let restored = try await putBack(entry, before, live)
                    await freeBrokenPods(of: restored, since: live)
                    return .putBack(entry.id, from: live, to: restored)
                }
            } catch let error as KubernetesError where error.code == .conflict && error.conflicts.isEmpty {
                continue
            }
        }
        return .left(entry.id, "could not be taken back: it is changed all the time")
    }

    private func putBack(_ entry: JournalEntry, _ before: JSON, _ live: JSON) async throws -> JSON {
        let restoration = Restoration(entry, before: before, after: entry.after ?? live, manager: manager)
        var live = live
        for step in restoration.steps { live = try await take(step, live, restoration) }
        return live
    }

    /// After the first step the object is no longer as the release left it, so that nobody could judge it anew: here only
    /// what does not matter to the restoration may change in between, such as its status.
    ///
    /// A server under load may carry a step out and fail to say so: what is there tells.
    private func take(_ step: Restoration.Step, _ live: JSON, _ restoration: Restoration) async throws -> JSON {
        var live = live
        var pauses = Pauses(cluster.limits)
        for _ in 0..<8 {
            do {
                return try await take(step, live)
            } catch let error as KubernetesError where error.leavesOpen {
                guard let fresh = try await cluster.get(live.id), fresh.uid == live.uid else { throw error }
                if restoration.isDone(step, in: fresh) { return fresh }
                guard restoration.isSame(live, fresh) else { throw error }
                live = fresh
                try await cluster.sleep(pauses.take(atLeast: error.retryAfter))
            }
        }
        throw KubernetesError(.timeout, "it is changed all the time")
    }

    private func take(_ step: Restoration.Step, _ live: JSON) async throws -> JSON {
        switch step {
        case .apply(let manager, var object):
            object.set(["metadata", "resourceVersion"], .string(live.resourceVersion))
            return try await cluster.apply(object, ApplyOptions(manager: manager, force: true))
        case .update(let manager, nil, let values):
            var object = live
            for (path, value) in values { path.set(value, in: &object) }
            return try await cluster.replace(object, ApplyOptions(manager: manager))
        case .update(let manager, let subresource?, let values):
            var change = JSON.object([:])
            for (path, value) in values { path.set(value ?? .null, in: &change) }
            _ = try await cluster.patch(
                live.id,
                .merge(change),
                subresource: subresource,
                ApplyOptions(manager: manager)
            )
            return try await cluster.get(live.id) ?? live
        }
    }
}

extension KubernetesError {
    /// Whether the change may have been made all the same, or may be at the next try.
    fileprivate var leavesOpen: Bool {
        switch code {
        case .conflict: conflicts.isEmpty
        case .unreachable, .timeout, .tooManyRequests, .notKubernetes, .serverError: true
        default: false
        }
    }
}
