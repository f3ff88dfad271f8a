import Testing

@testable import Pipelines

@Suite("Trying again") struct BackoffTests {
    private final class Tries: Sendable {
        private let count = Locked(0)
        func next() -> Int {
            count.withLock {
                $0 += 1
                return $0
            }
        }
        var made: Int { count.withLock { $0 } }
    }

    /// Fails with `code` until the try of that number.
    private static func run(
        _ code: String,
        outcome: StageError.Outcome = .errored,
        until success: Int = .max,
        patience: Double = 60,
        end: Duration? = nil
    ) async -> (result: Result<Int, StageError>, tries: Int, log: [String]) {
        let (tries, log) = (Tries(), CollectedLog())
        let result: Result<Int, StageError>
        do {
            let number = try await withBackoff(for: patience, until: end.map { .now + $0 }, log: log) {
                let number = tries.next()
                if number < success { throw StageError(outcome, code, "no answer") }
                return number
            }
            result = .success(number)
        } catch let error as StageError {
            result = .failure(error)
        } catch {
            result = .failure(StageError(.errored, "unexpected", "\(error)"))
        }
        return (result, tries.made, log.text.split(separator: "\n").map(String.init))
    }

    @Test("a fault that may pass is tried again beyond the third time")
    func passes() async {
        let (result, tries, log) = await Self.run("registry-unreachable", until: 4)
        #expect(result == .success(4) && tries == 4)
        #expect(log.count == 3 && log.last?.hasPrefix("try 3: no answer; trying again in ") == true, "\(log)")
    }

    @Test("no try begins when the patience, or the stage's time, is over")
    func ends() async {
        let impatient = await Self.run("git-network", patience: 2)
        #expect(impatient.result == .failure(StageError(.errored, "git-network", "no answer")))
        #expect(impatient.tries == 2)
        let short = await Self.run("git-network", end: .milliseconds(100))
        #expect(short.tries == 1)
    }

    @Test("a wrong password has three tries, however long the patience is")
    func staysWrong() async {
        let (result, tries, _) = await Self.run("registry-authentication")
        #expect(result == .failure(StageError(.errored, "registry-authentication", "no answer")) && tries == 3)
    }

    @Test("a verdict is not tried again")
    func verdict() async {
        let (result, tries, log) = await Self.run("repository-not-found", outcome: .failed)
        #expect(result == .failure(StageError(.failed, "repository-not-found", "no answer")) && tries == 1)
        #expect(log.isEmpty)
    }
}
