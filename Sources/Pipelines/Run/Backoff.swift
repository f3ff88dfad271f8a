/// Tries `body` again after a technical fault, with backoff and jitter. A verdict is never tried again.
///
/// - Parameters:
///   - tries: how often in all; the waits between are 1 s, 2 s, 4 s…, each ± 25 %.
///   - end: no try begins after it.
func withBackoff<Result>(
    tries: Int = 3,
    until end: ContinuousClock.Instant? = nil,
    log: any StageLog,
    _ body: () async throws -> Result
) async throws -> Result {
    var wait = 1.0
    var last: StageError?
    var attempt = 1
    while true {
        do {
            return try await body()
        } catch let error as StageError where error.outcome == .errored {
            // What came before tells more than that there was no time left for another try.
            if error.reason.code == "deadline-exceeded" { throw last?.adding("then the time was over") ?? error }
            guard attempt < tries else { throw error }
            last = error
            let seconds = wait * Double.random(in: 0.75...1.25)
            if let end, .now + .seconds(seconds) >= end { throw error }
            log.line(
                "try \(attempt) of \(tries): \(error.reason.message); trying again in \(Int(seconds.rounded(.up))) s"
            )
            try await Task.sleep(for: .seconds(seconds))
            wait *= 2
            attempt += 1
        }
    }
}
