import GitHub
import Logging

/// Looks for pushes whose webhook never came: compares the heads of deployed branches, and the tags, with what the
/// history knows, after the start and then again and again. A head that nothing has come of becomes a run.
///
/// Repositories do not wait for each other. One that cannot be reached is asked again soon, then less and less often.
public struct Reconciler: Sendable {
    private let needs: RunDependencies
    private let interval: Duration
    private let pipelines: @Sendable () -> PipelineSet
    private let comparisons: HeadComparisons
    private let schedule = Schedule()
    private let answers = Locked<[String: BranchHead]>([:])
    private let hooks = Locked(HookLook.Memory())

    /// Repositories looked at side by side: a look is a question or two, and one that hangs holds its place for a while.
    private static let width = 8
    /// The longest sleep: pipelines are read again, and looks end, without anybody saying so.
    private static let longestSleep = Duration.seconds(5)

    /// Nil if the settings say `reconcile: off`.
    public init?(
        _ needs: RunDependencies,
        comparisons: HeadComparisons,
        pipelines: @escaping @Sendable () -> PipelineSet
    ) {
        guard let seconds = needs.settings.reconcile else { return nil }
        interval = .seconds(seconds)
        self.needs = needs
        self.comparisons = comparisons
        self.pipelines = pipelines
    }

    /// Works until the task is cancelled.
    public func run() async {
        let slots = Slots(Self.width)
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let repositories = Dictionary(grouping: pipelines().entries, by: \.definition.source.url)
                for url in schedule.take(Set(repositories.keys), now: .now) {
                    guard let entries = repositories[url] else { continue }
                    group.addTask {
                        try? await slots.with {
                            let isWell = await look(at: entries)
                            schedule.done(url, isWell: isWell, interval: interval, now: .now)
                        }
                    }
                }
                let sleep = min(schedule.untilNext(now: .now) ?? Self.longestSleep, Self.longestSleep, interval)
                try? await Task.sleep(for: max(sleep, .milliseconds(20)))
            }
        }
    }

    /// One look at a repository. Returns whether it could be looked at.
    private func look(at entries: [PipelineSet.Entry]) async -> Bool {
        await askAgain(entries)
        let look = RepositoryLook(needs: needs, entries: entries, answers: answers)
        var isWell = true
        for (entry, result) in await look.compare() {
            // A server that goes down, not a repository that is ill.
            if Task.isCancelled { return false }
            comparisons.set(result, of: entry.definition.name)
            if result.outcome == .failed { isWell = false }
            say(result, entry)
        }
        return isWell
    }

    /// Deliveries that failed; a GitHub that does not answer to that says so to the comparison, too.
    private func askAgain(_ entries: [PipelineSet.Entry]) async {
        guard let api = needs.github, let rules = ReportRules(needs.settings),
            let repository = entries.lazy.compactMap({ rules.repository(of: $0.definition.source) }).first
        else { return }
        do {
            try await HookLook(needs: needs, api: api, repository: repository, memory: hooks).askAgain()
        } catch {
            needs.logger.info(
                "GitHub's deliveries could not be read",
                metadata: ["repository": "\(repository)", "error": "\(error)"]
            )
        }
    }

    private func say(_ result: HeadComparison, _ entry: PipelineSet.Entry) {
        var facts: Logger.Metadata = [
            "pipeline": "\(entry.definition.name)", "outcome": "\(result.outcome.rawValue)",
            "revision": "\(result.revision ?? "")",
        ]
        if let run = result.run { facts["run.id"] = "\(run)" }
        if let reason = result.reason { facts["reason"] = "\(reason.code): \(reason.message)" }
        switch result.outcome {
        case .known: needs.logger.debug("Compared with the repository", metadata: facts)
        case .noted: needs.logger.info("Compared with the repository", metadata: facts)
        case .queued: needs.logger.notice("A push was missed", metadata: facts)
        case .failed: needs.logger.warning("The repository could not be compared", metadata: facts)
        }
    }
}

/// When which repository is looked at.
private final class Schedule: Sendable {
    private struct Turn {
        /// Nil while somebody looks.
        var next: ContinuousClock.Instant?
        var failures = 0
    }
    private let turns = Locked<[String: Turn]>([:])

    /// Those of these that are due, which are taken. One that is new is due at once; others are forgotten.
    func take(_ urls: Set<String>, now: ContinuousClock.Instant) -> [String] {
        turns.withLock { turns in
            turns = turns.filter { urls.contains($0.key) || $0.value.next == nil }
            var due: [String] = []
            for url in urls.sorted() {
                let turn = turns[url] ?? Turn(next: now)
                guard let next = turn.next, next <= now else { continue }
                turns[url] = Turn(next: nil, failures: turn.failures)
                due.append(url)
            }
            return due
        }
    }

    func done(_ url: String, isWell: Bool, interval: Duration, now: ContinuousClock.Instant) {
        turns.withLock { turns in
            let failures = isWell ? 0 : (turns[url]?.failures ?? 0) + 1
            let wait = untilNextLook(interval: interval, failures: failures) * Double.random(in: 0.9...1.1)
            turns[url] = Turn(next: now + wait, failures: failures)
        }
    }

    func untilNext(now: ContinuousClock.Instant) -> Duration? {
        turns.withLock { $0.values.compactMap(\.next).min() }.map { now.duration(to: $0) }
    }
}

/// After a failure: half a minute, then twice as long each time, up to four intervals.
func untilNextLook(interval: Duration, failures: Int) -> Duration {
    guard failures > 0 else { return interval }
    return min(.seconds(30) * (1 << min(failures - 1, 12)), interval * 4)
}
