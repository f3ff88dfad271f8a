/// Tries `body` again after a technical fault, with backoff and jitter. A verdict is never tried again.
///
/// - Parameter tries: how often in all; the waits between are 1 s, 2 s, 4 s…, each ± 25 %.
func withBackoff<Result>(
    tries: Int = 3,
    log: any StageLog,
    _ body: () async throws -> Result
) async throws -> Result {
    var wait = 1.0
    for attempt in 1..<max(tries, 1) {
        do {
            return try await body()
        } catch let error as StageError where error.outcome == .errored && error.reason.code != "deadline-exceeded" {
            let seconds = wait * Double.random(in: 0.75...1.25)
            log.line(
                "try \(attempt) of \(tries): \(error.reason.message); trying again in \(Int(seconds.rounded(.up))) s"
            )
            try await Task.sleep(for: .seconds(seconds))
            wait *= 2
        }
    }
    return try await body()
}
