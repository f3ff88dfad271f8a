/// Runs that are under way and wait for their turn to build. Kept in memory alone: they wait for other runs of this
/// process, and for nothing once it is gone.
extension History {
    /// The run waits for a slot, or does so no longer.
    func note(run: Int64, waitsForSlot: Bool) {
        let hasChanged = waitingForSlot.withLock { runs in
            waitsForSlot ? runs.insert(run).inserted : runs.remove(run) != nil
        }
        if hasChanged { announcer.announce([.run(run)]) }
    }

    /// The same, with what they wait for beyond what the database says.
    func withWaits(_ runs: [RunSummary]) -> [RunSummary] {
        let waiting = waitingForSlot.value
        return runs.map { run in
            guard run.status == .running, waiting.contains(run.id) else { return run }
            var run = run
            run.waitingFor = .buildSlot
            return run
        }
    }
}
