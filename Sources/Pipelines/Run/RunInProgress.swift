import FoundationEssentials
import Git
import Logging

/// One run while it travels: its definition, its secrets, its workspace, and how a stage of it is recorded.
struct RunInProgress: Sendable {
    let id: Int64
    /// As it was claimed.
    let record: RunRecord
    let definition: Definition
    let needs: RunDependencies
    let workspace: Workspace
    let secrets: RunSecrets
    let trace: RunTrace

    /// - Parameter recorded: the secrets of the release that a rollback applies again.
    init(_ claimed: ClaimedRun, recorded: [SecretValue] = [], needs: RunDependencies) {
        self.id = claimed.run.id
        self.record = claimed.run
        self.definition = claimed.definition
        self.needs = needs
        self.workspace = Workspace(run: claimed.run.id, definition: claimed.definition, needs: needs)
        self.trace = RunTrace(claimed.run, tracer: needs.tracer)
        self.secrets = RunSecrets(claimed.definition, recorded: recorded, needs: needs)
    }

    /// Runs one stage as a new attempt, or returns what an earlier attempt recorded.
    ///
    /// - Parameter holds: whether what an earlier attempt recorded still holds.
    /// - Throws: `StageError` for every end but success; `Handover` when the server goes down.
    func stage<Output: Codable & Sendable>(
        _ name: StageName,
        within limit: Duration,
        ifStill holds: (Output) async throws -> Bool = { _ in true },
        _ body: @escaping @Sendable (any StageLog) async throws -> Output
    ) async throws -> Output {
        if let output = try await recorded(name, as: Output.self), try await holds(output) { return output }
        if let from = record.rerun?.from, name < from {
            throw StageError(
                .errored,
                "output-gone",
                "The run was to be run again from \(from.rawValue), but what its \(name.rawValue) stage had left is gone; run it "
                    + "again from \(name.rawValue)"
            )
        }
        guard name == .build else { return try await attempt(name, within: limit, body) }
        return try await withBuildSlot { try await attempt(name, within: limit, body) }
    }

    private func attempt<Output: Codable & Sendable>(
        _ name: StageName,
        within limit: Duration,
        _ body: @escaping @Sendable (any StageLog) async throws -> Output
    ) async throws -> Output {
        try await stopIfAsked()
        if name == .deploy { try await giveWay() }
        let attempt = try await needs.history.startAttempt(run: id, stage: name)
        let log = logWriter(name, attempt)
        let start = ContinuousClock.now
        let result: Result<Output, any Error> = await trace.attempt(name, attempt) {
            do {
                let output = try await givingWay(in: name) {
                    try await withDeadline(limit, "the \(name.rawValue) stage") { try await body(log) }
                }
                return (.success(output), .succeeded)
            } catch {
                let verdict = await verdict(on: error)
                return (.failure(verdict), Self.status(of: verdict))
            }
        }
        let took = ContinuousClock.now - start
        try await record(name, attempt, result, log)
        if let status = Self.status(of: result) { needs.metrics.count(name, status, took: took) }
        return try result.get()
    }

    /// How an attempt ended; nil if it is handed over.
    private static func status(of result: Result<some Any, any Error>) -> StageStatus? {
        switch result {
        case .success: .succeeded
        case .failure(let error): status(of: error)
        }
    }

    private static func status(of error: any Error) -> StageStatus? {
        error is Handover ? nil : (error as? StageError)?.stageStatus ?? .errored
    }

    /// Makes sure that the revision is checked out, for a stage after the clone: its folder, or even the mirror, may be gone
    /// by then.
    func checkOut(_ clone: CloneOutput, log: any StageLog) async throws {
        try await withBackoff(for: needs.limits.retryFor, log: log) {
            do {
                try await workspace.withSoundMirror(log: log) { try await workspace.ensure(clone.revision) }
            } catch let error as GitError {
                throw error.stageError
            }
        }
    }

    /// The output of the newest attempt of `stage` that succeeded.
    func recorded<Output: Decodable>(_ stage: StageName, as type: Output.Type) async throws -> Output? {
        guard let bytes = try await needs.history.output(run: id, stage: stage) else { return nil }
        return try JSONDecoder().decode(Output.self, from: Data(bytes))
    }

    func masked(_ reason: Reason) -> Reason { Reason(reason.code, secrets.masker.mask(reason.message)) }

    private func logWriter(_ name: StageName, _ attempt: Int) -> LogWriter {
        let masking = Locked(StreamMasker(secrets.masker))
        return LogWriter(
            history: needs.history,
            run: id,
            stage: name,
            attempt: attempt,
            limit: needs.limits.logBytes
        ) { bytes, isLast in
            masking.withLock { masker in
                var masked = masker.mask(bytes)
                if isLast { masked += masker.flush() }
                return masked
            }
        }
    }

    private func record<Output: Encodable>(
        _ name: StageName,
        _ attempt: Int,
        _ result: Result<Output, any Error>,
        _ log: LogWriter
    ) async throws {
        switch result {
        case .success(let output):
            let bytes = try JSONEncoder().encode(output)
            await finish(log)
            try await end(name, attempt, .succeeded, nil, Array(bytes))
        case .failure(is Handover):
            await finish(log)
        case .failure(let error):
            let reason = masked(needs.reason(of: error))
            log.line("\(name.rawValue): \(reason.message)")
            await finish(log)
            try await end(name, attempt, Self.status(of: error) ?? .errored, reason, (error as? StageError)?.output)
        }
    }

    private func end(
        _ name: StageName,
        _ attempt: Int,
        _ status: StageStatus,
        _ reason: Reason?,
        _ output: [UInt8]?
    ) async throws {
        try await needs.recording(run: id) {
            try await needs.history.finishAttempt(
                run: id,
                stage: name,
                attempt: attempt,
                status: status,
                reason: reason,
                output: output
            )
        }
    }

    /// Takes a release of this run back and records on the run how that went.
    func undo(_ release: Int64, because reason: String, log: any StageLog) async {
        await ReleaseUndo(needs: needs, run: id).undo(release, because: reason, log: log)
    }

    /// A log whose end cannot be written is no reason to lose the run.
    private func finish(_ log: LogWriter) async {
        do {
            try await needs.recording(run: id) { try await log.finish() }
        } catch {
            needs.logger.error("A log could not be finished", metadata: ["run.id": "\(id)", "error": "\(error)"])
        }
    }

    /// A cancelled task is either an operator's cancel or the server going down.
    ///
    /// Once it is handed over it stays so: a cancel that comes a moment later is the next server's to see, with what was left
    /// half deployed on the strength of the first answer.
    func verdict(on error: any Error) async -> any Error {
        if error is Handover { return error }
        guard error is CancellationError || Task.isCancelled else { return error }
        let asked = (try? await needs.history.isCancelRequested(run: id)) ?? false
        if !asked, needs.stopping.isSet { return Handover() }
        return StageError(.cancelled, "cancelled", "cancelled by an operator")
    }

    private func stopIfAsked() async throws {
        if try await needs.history.isCancelRequested(run: id) {
            throw StageError(.cancelled, "cancelled", "cancelled by an operator")
        }
        if needs.stopping.isSet { throw Handover() }
    }
}
