/// Watches objects until all are ready and run what was pushed: one watch for each kind and namespace.
struct HealthWatch: Sendable {
    let cluster: Cluster
    /// What was applied.
    let entries: [JournalEntry]
    let uses: [ImageUse]
    let options: RolloutOptions
    let log: @Sendable (String) -> Void

    private enum Signal: Sendable {
        case change(ObjectChange, ObjectQuery)
        case wake
        case deadline
    }

    /// - Returns: what could not be proven, one sentence each.
    /// - Throws: ``RolloutFailure``, with the objects that are not ready, or ``KubernetesError``.
    func run(until deadline: ContinuousClock.Instant) async throws -> [String] {
        var state = HealthState(entries: entries, uses: uses, options: options)
        let queries = state.queries
        state.takeNews().forEach(log)
        if queries.isEmpty { return [] }
        let (signals, source) = AsyncThrowingStream<Signal, any Error>.makeStream()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            defer {
                source.finish()
                group.cancelAll()
            }
            for query in queries { group.addTask { await follow(query, source) } }
            group.addTask {
                try await Task.sleep(until: deadline, clock: .continuous)
                source.yield(.deadline)
            }
            var unheard = Set(queries)
            var wake: ContinuousClock.Instant?
            for try await signal in signals {
                switch signal {
                case .deadline: throw state.deadlineFailure(unheard: unheard)
                case .change(let change, let query):
                    if case .listed = change { unheard.remove(query) }
                    state.take(change, query)
                case .wake: wake = nil
                }
                // What is not known yet proves nothing.
                let verdict = unheard.isEmpty ? try state.judge() : .waiting
                state.takeNews().forEach(log)
                if case .ready(let notes) = verdict { return notes }
                if case .onlyClaims(let claims) = verdict, await state.excuse(claims, cluster) { source.yield(.wake) }
                if let due = state.wake, wake.map({ due < $0 }) ?? true {
                    wake = due
                    group.addTask {
                        try await Task.sleep(until: due, clock: .continuous)
                        source.yield(.wake)
                    }
                }
            }
            throw RolloutFailure(.cancelled, "cancelled while the objects were becoming ready", isVerdict: false)
        }
    }

    private func follow(_ query: ObjectQuery, _ source: AsyncThrowingStream<Signal, any Error>.Continuation) async {
        do {
            for try await change in cluster.observe(query) { source.yield(.change(change, query)) }
        } catch {
            if !Task.isCancelled { source.finish(throwing: error) }
        }
    }
}
