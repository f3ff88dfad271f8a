import GRDB
import Testing

@testable import Pipelines

@Suite("A clock that is set by an hour, while runs are queued and under way")
struct ClockTests {
    static let steps: [Int64] = [-3_600_000, 3_600_000]

    @Test("The order of pushes is that of their numbers", arguments: steps, [Definition.OnPush.latest, .queue])
    func order(step: Int64, onPush: Definition.OnPush) async throws {
        let fixture = try Fixture()
        let epoch = try fixture.history.beginEpoch()
        let first = try await fixture.push(onPush: onPush)
        fixture.pass(milliseconds: step)
        let second = try await fixture.push(onPush: onPush)
        let claimed = try await fixture.history.claimNext(epoch: epoch).map(\.run.id)
        #expect(claimed == [onPush == .latest ? second : first])
        #expect(try await fixture.history.runs().runs.map(\.id) == [second, first])
    }

    @Test("A claim holds, and is taken over by the next server alone", arguments: steps)
    func claims(step: Int64) async throws {
        let fixture = try Fixture()
        let epoch = try fixture.history.beginEpoch()
        let run = try await fixture.push()
        #expect(try await fixture.history.claimNext(epoch: epoch).map(\.run.id) == [run])
        _ = try await fixture.history.startAttempt(run: run, stage: .build)
        fixture.pass(milliseconds: step)
        #expect(try await fixture.history.claimNext(epoch: epoch).isEmpty)
        let next = try fixture.history.beginEpoch()
        #expect(try await fixture.history.claimNext(epoch: next).map(\.run.id) == [run])
        try await fixture.history.finishRun(run, status: .failed, reason: nil)
        let summary = try #require(try await fixture.history.run(run)?.summary)
        #expect(try #require(summary.duration) >= 0)
        #expect(try #require(summary.stages.first { $0.name == .build }?.duration) >= 0)
    }

    @Test("Nothing is deleted for it, and sessions go on", arguments: steps)
    func ends(step: Int64) async throws {
        let fixture = try Fixture()
        let epoch = try fixture.history.beginEpoch()
        for _ in 0..<3 {
            let run = try await fixture.push()
            _ = try await fixture.history.claimNext(epoch: epoch)
            try await fixture.history.finishRun(run, status: .succeeded, reason: nil)
        }
        let token = try await fixture.history.createToken(name: "ci", role: .viewer, hash: [1])
        let now = fixture.clock.withLock { $0 }
        try await fixture.history.createSession(hash: [2], token: token, expiresAt: now + 12 * 3_600_000)
        fixture.pass(milliseconds: step)
        #expect(try await Expiry(history: fixture.history, rules: Retention()).run() == Expiry.Deleted())
        #expect(try await fixture.history.session(hash: [2]) != nil)
    }
}
