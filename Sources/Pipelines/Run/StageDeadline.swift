/// Runs `body` and cancels it when it takes longer than `limit`.
///
/// - Throws: what `body` throws, or `StageError(.errored, "deadline-exceeded")` naming `what`.
func withDeadline<Result: Sendable>(
    _ limit: Duration,
    _ what: String,
    _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let result = first else {
            throw StageError(.errored, "deadline-exceeded", "\(what) took longer than \(limit.inWords)")
        }
        return result
    }
}

extension Duration {
    /// `500ms`, `30s`, `5m`: as durations are written in pipeline files.
    var inWords: String {
        let (seconds, attoseconds) = components
        if seconds == 0 { return "\(attoseconds / 1_000_000_000_000_000)ms" }
        if seconds % 3600 == 0 { return "\(seconds / 3600)h" }
        if seconds % 60 == 0 { return "\(seconds / 60)m" }
        return "\(seconds)s"
    }
}
