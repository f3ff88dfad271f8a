import GRDB
import Testing

@testable import Pipelines

/// The real queue beside its rules: random histories, compared after every event.
@Suite("The queue keeps the lane's rules")
struct LaneConformanceTests {
    @Test(
        "Whatever happens, the database has what the rules say",
        arguments: Definition.OnPush.allCases,
        Definition.Hold.allCases
    )
    func random(_ onPush: Definition.OnPush, _ hold: Definition.Hold) async throws {
        for seed in 1...6 as ClosedRange<UInt64> {
            var random = SplitMix64(state: seed)
            var model = LaneModel(onPush: onPush, hold: hold)
            let queue = try RealQueue(onPush: onPush, hold: hold)
            var history: [LaneModel.Event] = []
            while history.count < 40 {
                // Claims are what the rest is about.
                let event =
                    Int.random(in: 0..<3, using: &random) == 0 ? .claim : model.events.randomElement(using: &random)!
                history.append(event)
                try await queue.apply(event, to: model)
                model.apply(event)
                let (real, ruled) = (try await queue.state(), RealQueue.State(model))
                try #require(real == ruled, "seed \(seed), after \(history)")
            }
        }
    }
}

/// One lane of a history in a database of its own.
private struct RealQueue {
    let onPush: Definition.OnPush
    let hold: Definition.Hold
    let fixture: Fixture
    private let epoch: Locked<Int64>
    private var history: History { fixture.history }

    init(onPush: Definition.OnPush, hold: Definition.Hold) throws {
        self.onPush = onPush
        self.hold = hold
        fixture = try Fixture()
        epoch = Locked(try fixture.history.beginEpoch())
    }

    struct State: Equatable {
        struct Run: Equatable {
            var status: RunStatus
            var supersededBy: Int64?
        }
        var runs: [Run]
        /// The rollback that holds.
        var hold: Int64?
        var isPaused: Bool
    }

    func state() async throws -> State {
        var runs: [State.Run] = []
        while let record = try await history.record(run: Int64(runs.count + 1)) {
            runs.append(State.Run(status: record.status, supersededBy: record.supersededBy))
        }
        return State(
            runs: runs,
            hold: try await history.hold(environment: "todo")?.run,
            isPaused: try await history.pause(environment: "todo") != nil
        )
    }

    /// - Parameter model: as it was before.
    func apply(_ event: LaneModel.Event, to model: LaneModel) async throws {
        switch event {
        case .push: _ = try await fixture.push(revision: "\(model.runs.count)", onPush: onPush)
        case .pin:
            let hash = try await fixture.register(onPush: onPush)
            _ = try await history.enqueueManual(
                pipeline: "todo",
                environment: "todo",
                definitionHash: hash,
                ref: "refs/heads/main",
                revision: "asked for",
                by: nil
            )
        case .claim: _ = try await history.claimNext(epoch: epoch.withLock { $0 })
        case .succeed: try await end(model, .succeeded)
        case .fail: try await end(model, .failed)
        case .cancel(let run): _ = try await history.requestCancel(run: Int64(run))
        case .crash:
            let next = try history.beginEpoch()
            epoch.withLock { $0 = next }
        case .pause: _ = try await history.pause(environment: "todo", reason: nil, by: nil)
        case .rerun(let run):
            let stage: StageName = if case .rollback = model[run].kind { .deploy } else { .clone }
            _ = try await history.rerun(run: Int64(run), from: stage, fresh: false, hold: hold, by: nil).get()
        case .rollBack(let run):
            _ = try await history.enqueueRollback(
                pipeline: "todo",
                environment: "todo",
                to: Int64(run),
                hold: hold,
                by: nil
            ).get()
        case .resume: _ = try await history.resume(environment: "todo")
        }
    }

    /// What the runner does at the end of a run.
    private func end(_ model: LaneModel, _ status: RunStatus) async throws {
        guard let number = model.running else { return }
        let run = Int64(number)
        let attempt = try await history.startAttempt(run: run, stage: .deploy)
        try await history.finishAttempt(
            run: run,
            stage: .deploy,
            attempt: attempt,
            status: .failed,
            reason: nil,
            output: nil
        )
        let isCancelled = try await history.isCancelRequested(run: run)
        if status == .succeeded, !isCancelled {
            let release = try await history.beginRelease(environment: "todo", run: run, body: [1], images: [])
            try await history.markLive(release)
        }
        try await history.finishRun(run, status: isCancelled ? .cancelled : status, reason: nil)
    }
}

extension RealQueue.State {
    init(_ model: LaneModel) {
        runs = model.runs.map { Run(status: $0.status, supersededBy: $0.supersededBy.map(Int64.init)) }
        hold = model.holds.last.map(Int64.init)
        isPaused = model.isPaused
    }
}

/// Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014.
private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
