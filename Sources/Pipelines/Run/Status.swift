/// How far a run has come. `failed` is a verdict on what was pushed; `errored` is a technical fault.
public enum RunStatus: String, Codable, Sendable, CaseIterable {
    case queued, running, succeeded, failed, errored, cancelled, superseded, skipped

    /// Nothing will happen to the run any more, unless somebody reopens it.
    public var isFinal: Bool { self != .queued && self != .running }
}

/// How far one attempt of a stage has come.
public enum StageStatus: String, Codable, Sendable, CaseIterable {
    case pending, running, succeeded, failed, errored, cancelled, skipped
}

/// The stages of a run, in the order in which they are run.
public enum StageName: String, Codable, Sendable, CaseIterable, Comparable {
    case clone, build, push, deploy
    case smokeTest = "smoke-test"

    private var place: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    /// The one that runs first is the smaller one.
    public static func < (one: Self, other: Self) -> Bool { one.place < other.place }
}

/// What a run waits for.
public enum WaitingFor: String, Codable, Sendable {
    case earlierRun = "earlier-run"
    case approval, paused
    case rollbackHold = "rollback-hold"
    /// It is running, and is to build as soon as fewer than `limits.builds` do.
    case buildSlot = "build-slot"
}

/// What started a run.
public enum Trigger: String, Codable, Sendable {
    /// A webhook; an operator; the server itself, which saw a head that no webhook announced; an operator who wants an
    /// earlier release back.
    case push, manual, reconcile, rollback
}

/// Why something ended as it did: a stable code for programs, a sentence for people.
public struct Reason: Codable, Sendable, Equatable {
    public var code: String
    public var message: String

    public init(_ code: String, _ message: String) {
        self.code = code
        self.message = message
    }
}

/// The undo of a deploy: back to the last release that succeeded, or to nothing if there was none.
public struct Undo: Codable, Sendable, Equatable {
    public enum Status: String, Codable, Sendable { case running, succeeded, failed }
    public var status: Status
    public var reason: String

    public init(status: Status, reason: String) {
        self.status = status
        self.reason = reason
    }
}

/// Thrown by a stage that did not succeed. `outcome` decides the status of the run:
/// `failed` (verdict), `errored` (technical fault), `skipped` and `superseded` (nothing to do), `cancelled`.
public struct StageError: Error, Sendable, Equatable {
    public enum Outcome: String, Sendable { case failed, errored, cancelled, skipped, superseded }
    public var outcome: Outcome
    public var reason: Reason
    /// The run that takes over, for `superseded`.
    public var successor: Int64?
    /// What the stage has to show although it did not succeed, as JSON.
    public var output: [UInt8]?

    public init(
        _ outcome: Outcome,
        _ code: String,
        _ message: String,
        successor: Int64? = nil,
        output: [UInt8]? = nil
    ) {
        self.outcome = outcome
        self.reason = Reason(code, message)
        self.successor = successor
        self.output = output
    }

    /// The same, with one more thing to say.
    func adding(_ words: String) -> StageError {
        var error = self
        error.reason.message += "; \(words)"
        return error
    }

    /// The status of the attempt that threw this.
    public var stageStatus: StageStatus {
        switch outcome {
        case .failed: .failed
        case .errored: .errored
        case .cancelled: .cancelled
        case .skipped, .superseded: .skipped
        }
    }

    /// The status of the run that ends with this.
    public var runStatus: RunStatus {
        switch outcome {
        case .failed: .failed
        case .errored: .errored
        case .cancelled: .cancelled
        case .skipped: .skipped
        case .superseded: .superseded
        }
    }
}
