/// When a pipeline's refs were last compared with its repository, and what came of it.
public struct HeadComparison: Encodable, Sendable, Equatable {
    public enum Outcome: String, Sendable {
        /// There was nothing that no run and no look before had seen.
        case known
        /// A run was queued for what was missed.
        case queued
        /// What was new is not deployed, for the reason given.
        case noted
        /// The repository could not be looked at.
        case failed
    }

    /// The last look, in milliseconds since 1970 UTC; ISO 8601 in JSON.
    public var at: Int64
    public var outcome: Outcome
    /// What the ref is at, or the tag that was looked at last; nil if the repository has none.
    public var revision: String?
    /// The run that was queued.
    public var run: Int64?
    public var reason: Reason?

    private enum Key: String, CodingKey { case at, outcome, revision, run, reason }

    public func encode(to encoder: any Encoder) throws {
        var json = encoder.container(keyedBy: Key.self)
        try json.encode(Timestamp(at), forKey: .at)
        try json.encode(outcome.rawValue, forKey: .outcome)
        try json.encode(revision, forKey: .revision)
        try json.encode(run, forKey: .run)
        try json.encode(reason, forKey: .reason)
    }

    /// For those who may not see reasons.
    public func redacted() -> HeadComparison {
        var copy = self
        copy.reason = nil
        return copy
    }
}

/// The last comparison of every pipeline since the server was started.
public final class HeadComparisons: Sendable {
    private let known = Locked<[String: HeadComparison]>([:])

    public init() {}

    public subscript(pipeline: String) -> HeadComparison? { known.withLock { $0[pipeline] } }

    func set(_ comparison: HeadComparison, of pipeline: String) { known.withLock { $0[pipeline] = comparison } }
}
