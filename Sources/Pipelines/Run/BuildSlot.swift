extension RunInProgress {
    /// Works once fewer than `limits.builds` runs build, over all environments.
    ///
    /// While it waits, the run says so, gives way, and can be cancelled. Nothing has begun then: the stage's deadline does
    /// not run, and a server that dies leaves nothing of it.
    func withBuildSlot<Output>(_ body: () async throws -> Output) async throws -> Output {
        let slot: Slot
        do {
            defer { needs.history.note(run: id, waitsForSlot: false) }
            slot = try await givingWay(in: .build) { [id, needs] in
                try await needs.buildSlots.take { needs.history.note(run: id, waitsForSlot: true) }
            }
        } catch {
            throw await verdict(on: error)
        }
        defer { withExtendedLifetime(slot) {} }
        return try await body()
    }
}
