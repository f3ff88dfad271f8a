/// Brings a release into a cluster: applies it, watches it until it is ready, proves that it runs what was pushed.
public struct Rollout: Sendable {
    private let cluster: Cluster
    private let release: Release
    private let options: RolloutOptions

    public init(_ cluster: Cluster, _ release: Release, _ options: RolloutOptions = RolloutOptions()) {
        self.cluster = cluster
        self.release = release
        self.options = options
    }

    /// What came of it.
    public struct Report: Sendable {
        /// In the order of their numbers.
        public var entries: [JournalEntry]
        /// What could not be proven, one sentence each.
        public var notes: [String]
    }

    /// - Parameters:
    ///   - deadline: for all of it. Collecting what went wrong may take ``RolloutOptions/diagnosisTime`` longer.
    ///   - journal: keeps what ``Undo`` needs.
    ///   - log: takes one line for each step.
    /// - Throws: ``RolloutFailure``, with what went wrong; nothing is undone then. What the journal throws.
    public func run(
        until deadline: ContinuousClock.Instant,
        journal: @escaping Journal,
        log: @escaping @Sendable (String) -> Void
    ) async throws -> Report {
        do {
            let applier = Applier(
                cluster: cluster,
                release: release,
                options: options,
                deadline: deadline,
                journal: journal,
                outcomes: JournalOutcomes(journal),
                log: log
            )
            let start = ContinuousClock.now
            let entries = try await applier.run()
            let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
            let objects = entries.count == 1 ? "1 object was" : "\(entries.count) objects were"
            log("\(objects) applied in \(Int(milliseconds.rounded())) ms")
            let watched = entries.filter { entry in
                release.manifests.contains { ObjectPlace($0.id) == ObjectPlace(entry.id) }
            }
            let uses = release.uses.filter { $0.object != release.before?.id }
            let watch = HealthWatch(cluster: cluster, entries: watched, uses: uses, options: options, log: log)
            let notes = try await watch.run(until: deadline)
            notes.forEach(log)
            return Report(entries: entries, notes: notes)
        } catch let failure as RolloutFailure {
            throw await diagnosed(failure)
        } catch let error as KubernetesError {
            throw RolloutFailure(error)
        } catch is CancellationError {
            throw RolloutFailure(.cancelled, "cancelled", isVerdict: false)
        }
    }

    private func diagnosed(_ failure: RolloutFailure) async -> RolloutFailure {
        guard !failure.objects.isEmpty, failure.code != .cancelled else { return failure }
        var failure = failure
        let end = ContinuousClock.now + options.diagnosisTime
        let collector = DiagnosisCollector(cluster: cluster)
        let objects = failure.objects
        failure.diagnosis = try? await withDeadline(end) { await collector.collect(objects) } ?? nil
        return failure
    }
}
