/// `onPush: cancel`: a run that has not begun to deploy gives way to a newer one of its pipeline and ref.
extension RunInProgress {
    /// A revision or a re-run that somebody asked for gives way to nothing.
    private var canGiveWay: Bool {
        definition.onPush == .cancel && record.trigger != .rollback && record.rerun == nil
            && !(record.trigger == .manual && record.revision != nil)
    }

    /// Does the work of a stage; before the deploy stage, a newer run ends it while it is at work.
    func givingWay<Output: Sendable>(
        in stage: StageName,
        _ body: @escaping @Sendable () async throws -> Output
    ) async throws -> Output {
        guard canGiveWay, stage == .clone || stage == .build || stage == .push else { return try await body() }
        let queued = needs.history.changes(queueOnly: true)
        return try await withThrowingTaskGroup(of: Output?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await giveWay()
                for await _ in queued { try await giveWay() }
                return nil
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }

    /// Throws `superseded` if a newer run waits. Called before the deploy begins; after that it is too late.
    func giveWay() async throws {
        guard canGiveWay,
            let newer = try await needs.history.newerRun(than: id, pipeline: record.pipeline, ref: record.ref)
        else { return }
        throw StageError(
            .superseded,
            "superseded",
            "A newer push came before it began to deploy: run \(newer).",
            successor: newer
        )
    }
}
