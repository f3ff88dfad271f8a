extension Undo {
    /// Takes back one object. What fails is told, and keeps nothing else from being taken back.
    func undo(
        _ entry: JournalEntry,
        until deadline: ContinuousClock.Instant,
        _ log: @Sendable (String) -> Void
    ) async -> Outcome {
        var outcome: Outcome
        do {
            outcome = try await outcomeOfTries(entry, until: min(deadline, .now + cluster.limits.contention))
        } catch let error as KubernetesError where error.code == .cancelled {
            outcome = .left(entry.id, "could not be taken back: the time was over")
        } catch {
            outcome = .left(entry.id, "could not be taken back: \(error)")
        }
        switch outcome {
        case .nothing: break
        case .putBack(let id, _, _): log("\(id) put back")
        case .deleted(let id): log("\(id) deleted")
        case .going(let object): log("\(object.id) \(object.deletion)")
        case .left(let id, let reason): log("\(id) \(reason)")
        }
        return outcome
    }

    /// Looks, decides, acts on just what was looked at; if that has changed in between, again.
    private func outcomeOfTries(_ entry: JournalEntry, until end: ContinuousClock.Instant) async throws -> Outcome {
        var pauses = Pauses.looking(cluster.limits)
        while true {
            let live = try await cluster.get(entry.id)
            do {
                switch UndoVerdict(entry, live: live, manager: manager) {
                case .nothing: return .nothing
                case .leave(let reason): return .left(entry.id, reason)
                case .awaitDeletion: return live.map(Outcome.going) ?? .deleted(entry.id)
                case .delete:
                    guard let live else { return .nothing }
                    try await cluster.delete(entry.id, uid: live.uid, resourceVersion: live.resourceVersion)
                    // That it is deleted is known; if nobody tells what is left of it, it is looked at again later.
                    return (try? await standing(of: live)) ?? .going(live)
                case .putBack:
                    guard let live, let before = entry.before else { return .nothing }
                    let restored = try await putBack(entry, before, live, until: end)
                    await freeBrokenPods(of: restored, since: live)
                    return .putBack(entry.id, from: live, to: restored)
                }
            } catch let error as KubernetesError where error.code == .conflict && error.conflicts.isEmpty {
                let pause = pauses.take(atLeast: error.retryAfter)
                guard .now + pause < end else {
                    return .left(entry.id, "could not be taken back: \(restlessness(of: live, manager))")
                }
                try await cluster.sleep(pause)
            }
        }
    }

    /// What has become of an object that was deleted: gone, or held by something.
    func standing(of object: JSON) async throws -> Outcome {
        try await cluster.remains(of: object).map(Outcome.going) ?? .deleted(object.id)
    }

    private func putBack(
        _ entry: JournalEntry,
        _ before: JSON,
        _ live: JSON,
        until end: ContinuousClock.Instant
    ) async throws -> JSON {
        let restoration = Restoration(entry, before: before, after: entry.after ?? live, manager: manager)
        var live = live
        for step in restoration.steps { live = try await take(step, live, restoration, until: end) }
        return live
    }

    /// After the first step the object is no longer as the release left it, so that nobody could judge it anew: here only
    /// what does not matter to the restoration may change in between, such as its status.
    ///
    /// A server under load may carry a step out and fail to say so: what is there tells.
    private func take(
        _ step: Restoration.Step,
        _ live: JSON,
        _ restoration: Restoration,
        until end: ContinuousClock.Instant
    ) async throws -> JSON {
        var live = live
        var isContended = false
        var pauses = Pauses.looking(cluster.limits)
        while true {
            do {
                return try await take(step, live)
            } catch let error as KubernetesError where error.code == .cancelled && isContended {
                throw KubernetesError(.timeout, restlessness(of: live, manager))
            } catch let error as KubernetesError where error.leavesOpen {
                guard let fresh = try await cluster.get(live.id), fresh.uid == live.uid else { throw error }
                if restoration.isDone(step, in: fresh) { return fresh }
                guard restoration.isSame(live, fresh) else { throw error }
                live = fresh
                isContended = error.code == .conflict
                let pause = pauses.take(atLeast: error.retryAfter)
                guard .now + pause < end else {
                    throw isContended ? KubernetesError(.timeout, restlessness(of: live, manager)) : error
                }
                try await cluster.sleep(pause)
            }
        }
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

/// What to say of an object that is never as it was a moment before.
private func restlessness(of object: JSON?, _ manager: String) -> String {
    let others = (object?[["metadata", "managedFields"]]?.items ?? []).filter { $0["manager"]?.string != manager }
    let last = others.max { ($0["time"]?.string ?? "") < ($1["time"]?.string ?? "") }?["manager"]?.string
    return "it is changed all the time\(last.map { ", last by \($0)" } ?? "")"
}
