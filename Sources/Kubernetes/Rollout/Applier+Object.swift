extension Applier {
    /// Applies one object: looks at it, writes down what it is, changes only what was looked at, writes down what came out.
    ///
    /// - Parameter seen: the object as a list has just shown it. Were it another one by now, that would be noticed.
    func apply(_ step: Step, seen: JSON? = nil, isMember: Bool = true) async throws -> JournalEntry {
        let (id, source) = (step.manifest.id, step.manifest.source)
        let object = isMember ? release.marked(step.manifest.object) : step.manifest.object
        await open.begin(id)
        do {
            // Controllers write into the status of what they look after; few do it all the time.
            for attempt in 0..<8 {
                let before = if attempt == 0, let seen, !seen.isTerminating { seen } else { try await settled(id) }
                var entry = JournalEntry(seq: step.seq, id: id, before: before, sent: object)
                if isMember, !options.force { try await cluster.checkMembership(of: entry.before, in: release.set) }
                try await journal(entry)
                guard let after = try await send(entry, isExact: attempt < 7) else { continue }
                entry.after = after
                await outcomes.write(entry)
                log("\(id) \(entry.outcome)")
                await open.end(id)
                return entry
            }
            throw KubernetesError(.conflict, "\(id): somebody changes it all the time; try again later")
        } catch let error as KubernetesError {
            throw RolloutFailure(error, source: source)
        }
    }

    /// - Parameter isExact: whether it fails if the object is no longer the one that was written down.
    /// - Returns: nil if it is not.
    private func send(_ entry: JournalEntry, isExact: Bool) async throws -> JSON? {
        var object = entry.sent
        if isExact, let before = entry.before {
            object.set(["metadata", "resourceVersion"], .string(before.resourceVersion))
        }
        do {
            let how = ApplyOptions(manager: options.manager, force: options.force)
            return try await finishing(within: options.writeGrace) { [object] in try await cluster.apply(object, how) }
        } catch let error as KubernetesError where error.code == .conflict && error.conflicts.isEmpty && isExact {
            // The connection may have broken after the object was changed and before we were told: then the second try
            // fails, and what is there must not be taken for what was there.
            let live = try await cluster.get(entry.id)
            return live?.wasApplied(by: options.manager, since: entry.before) ?? false ? live : nil
        }
    }

    /// The object as it is. One that is being deleted is waited for: what is applied to it goes with it.
    private func settled(_ id: ObjectID) async throws -> JSON? {
        var live = try await cluster.get(id)
        guard live?.isTerminating ?? false else { return live }
        log("\(id) is still being deleted: waits until it is gone")
        var pauses = Pauses.looking(cluster.limits)
        while let going = live, going.isTerminating {
            await open.note(id, going.deletion)
            try await cluster.sleep(pauses.take(atLeast: nil))
            live = try await cluster.get(id)
        }
        await open.begin(id)
        return live
    }
}

extension JournalEntry {
    fileprivate var outcome: String {
        before == nil ? "created" : changedSomething ? "changed" : "unchanged"
    }
}

extension JSON {
    /// Whether a manager has applied something since the object was like that. Others may have taken fields from it; only
    /// the manager itself gets further ones, changes those that are its own, or has a new time (of whole seconds).
    func wasApplied(by manager: String, since before: JSON?) -> Bool {
        let (now, then) = (applied(by: manager), before?.applied(by: manager) ?? FieldSet())
        if now.isEmpty { return false }
        if !now.subtracting(then).isEmpty || timeOfApply(by: manager) != before?.timeOfApply(by: manager) {
            return true
        }
        return now.leaves.paths.contains { path in path.value(in: self) != before.flatMap { path.value(in: $0) } }
    }

    private func timeOfApply(by manager: String) -> String? {
        (self[["metadata", "managedFields"]]?.items ?? []).first {
            $0["manager"]?.string == manager && $0["operation"]?.string == "Apply"
                && $0["subresource"]?.string ?? "" == ""
        }?["time"]?.string
    }
}
