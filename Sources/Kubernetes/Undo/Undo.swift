/// Takes back what a release has done, by what was written down before: what it made is deleted, what it changed is put
/// back. What somebody else has changed meanwhile is named and left, and fields that others own are not touched.
public struct Undo: Sendable {
    let cluster: Cluster
    private let entries: [JournalEntry]
    let manager: String
    private let width: Int

    /// - Parameters:
    ///   - entries: the newest of each number.
    ///   - manager: as whom the release was applied.
    public init(_ cluster: Cluster, _ entries: [JournalEntry], manager: String = "fairlead", width: Int = 8) {
        self.cluster = cluster
        self.entries = entries.sorted { $0.seq < $1.seq }
        self.manager = manager
        self.width = width
    }

    /// Ends at the deadline at the latest, whatever the cluster does. Cancellation does not end it: a run that is cancelled
    /// is undone all the same.
    ///
    /// - Parameter log: takes one line for each object.
    public func run(until deadline: ContinuousClock.Instant, log: @escaping @Sendable (String) -> Void) async
        -> UndoResult
    {
        await Task { await takeBack(until: deadline, log) }.value
    }

    private func takeBack(
        until deadline: ContinuousClock.Instant,
        _ log: @escaping @Sendable (String) -> Void
    ) async -> UndoResult {
        let (outcomes, source) = AsyncStream<Outcome>.makeStream()
        // Configuration first, then the workloads that read it; what was made goes the other way, after that.
        let phases = Dictionary(grouping: entries) { ApplyPhase(of: $0.id.groupKind) }.sorted { $0.key < $1.key }
        let changed = phases.map { $0.value.filter { $0.before != nil } }
        let made = phases.reversed().map { $0.value.filter { $0.before == nil } }
        let end = try? await withDeadline(deadline) {
            for entries in changed + made {
                _ = try await inParallel(entries, atMost: width) { source.yield(await undo($0, until: deadline, log)) }
                try Task.checkCancellation()
            }
            return true
        }
        source.finish()
        let all = await outcomes.reduce(into: []) { $0.append($1) }
        let isInTime = end.flatMap(\.self) ?? false
        guard isInTime else { return result(all, isInTime: false, []) }
        async let unready = watch(all, until: deadline, log)
        let settled = await awaitDeletion(all, until: deadline, log)
        return result(settled, isInTime: true, await unready)
    }

    /// What became of one object.
    enum Outcome: Sendable {
        case nothing
        /// The object just before and just after.
        case putBack(ObjectID, from: JSON, to: JSON)
        case deleted(ObjectID)
        /// Deleted, and there yet: the object as it was seen last.
        case going(JSON)
        case left(ObjectID, String)
    }

    private func result(_ outcomes: [Outcome], isInTime: Bool, _ unready: [String]) -> UndoResult {
        var result = UndoResult(status: .undone, unready: unready)
        var isComplete = unready.isEmpty
        for outcome in outcomes {
            switch outcome {
            case .nothing: continue
            case .putBack(let id, _, _): result.putBack.append(id)
            case .deleted(let id): result.deleted.append(id)
            case .going(let object):
                result.left.append(UndoResult.Left(id: object.id, reason: object.deletion))
                isComplete = false
            case .left(let id, let reason):
                result.left.append(UndoResult.Left(id: id, reason: reason))
                if id.groupKind != GroupKind("Job", "batch") { isComplete = false }
            }
        }
        if !isComplete { result.status = .incomplete }
        if !isInTime { result.status = .timedOut }
        result.unreached = entries.count - outcomes.count
        return result
    }

    /// Waits until what was deleted is gone: finalizers, and what belongs to it, may hold it for a while or for ever.
    private func awaitDeletion(
        _ outcomes: [Outcome],
        until deadline: ContinuousClock.Instant,
        _ log: @escaping @Sendable (String) -> Void
    ) async -> [Outcome] {
        var outcomes = outcomes
        var pauses = Pauses.looking(cluster.limits)
        while ContinuousClock.now < deadline {
            let places = outcomes.indices.filter { if case .going = outcomes[$0] { true } else { false } }
            if places.isEmpty { break }
            try? await Task.sleep(until: min(deadline, .now + pauses.take(atLeast: nil)), clock: .continuous)
            let looked = try? await withDeadline(deadline) { [outcomes] in
                try await inParallel(places, atMost: width) { place in
                    guard case .going(let object) = outcomes[place] else { return outcomes[place] }
                    // What cannot be asked for now can be at the next look.
                    return (try? await standing(of: object)) ?? outcomes[place]
                }
            }
            for (place, outcome) in zip(places, looked ?? []) {
                outcomes[place] = outcome
                if case .deleted(let id) = outcome { log("\(id) deleted") }
            }
        }
        return outcomes
    }

    /// Waits until what was put back is ready again. Its status speaks of the release for a while yet.
    private func watch(
        _ outcomes: [Outcome],
        until deadline: ContinuousClock.Instant,
        _ log: @escaping @Sendable (String) -> Void
    ) async -> [String] {
        let entries = outcomes.enumerated().compactMap { index, outcome -> JournalEntry? in
            guard case .putBack(let id, let before, let after) = outcome else { return nil }
            return JournalEntry(seq: index, id: id, before: before, sent: after, after: after)
        }
        let watch = HealthWatch(cluster: cluster, entries: entries, uses: [], options: RolloutOptions(), log: log)
        do {
            _ = try await watch.run(until: deadline)
            return []
        } catch {
            return ["\(error)"]
        }
    }
}
