/// What trying again goes by, besides `Limits.retryFor`.
private enum Backoff {
    /// Tries in all where waiting mends nothing.
    static let tries = 3
    /// Seconds before the second try; each wait after it is twice as long.
    static let firstWait = 1.0
    /// Seconds.
    static let longestWait = 8.0
}

/// Tries `body` again after a technical fault, with backoff and jitter. A verdict is never tried again.
///
/// A fault that waiting may mend is tried again for as long as `patience` lasts: a registry that is restarted, a network
/// that comes back. Any other, such as a wrong password, has three tries.
///
/// - Parameters:
///   - patience: seconds from the first fault; no try begins after them (`Limits.retryFor`). The waits between the tries
///     are 1 s, 2 s, 4 s, and then 8 s, each ± 25 %.
///   - end: no try begins after it either.
func withBackoff<Result>(
    for patience: Double,
    until end: ContinuousClock.Instant? = nil,
    log: any StageLog,
    _ body: () async throws -> Result
) async throws -> Result {
    var wait = Backoff.firstWait
    var last: StageError?
    var patienceEnd: ContinuousClock.Instant?
    var attempt = 1
    while true {
        do {
            return try await body()
        } catch let error as StageError where error.outcome == .errored {
            // What came before tells more than that there was no time left for another try.
            if error.reason.code == "deadline-exceeded" { throw last?.adding("then the time was over") ?? error }
            let giveUp = patienceEnd ?? .now + .seconds(patience)
            patienceEnd = giveUp
            last = error
            let pause = Duration.seconds(wait * Double.random(in: 0.75...1.25))
            let next = ContinuousClock.now + pause
            guard error.mayPass ? next < giveUp : attempt < Backoff.tries else { throw error }
            if let end, next >= end { throw error }
            log.line("try \(attempt): \(error.reason.message); trying again in \(Int(pause.seconds.rounded(.up))) s")
            try await Task.sleep(for: pause)
            wait = min(wait * 2, Backoff.longestWait)
            attempt += 1
        }
    }
}

extension StageError {
    /// Whether it may mend itself: somebody does not answer, or has too much to do.
    fileprivate var mayPass: Bool { Self.passing.contains(reason.code) }

    private static let passing: Set = [
        "chart-unreachable", "git-network", "git-timeout", "registry-busy", "registry-unreachable",
    ]
}
