/// One run in a list, as JSON shows it. Every key is always there; what does not apply is null.
public struct RunSummary: Encodable, Sendable, Equatable {
    public var id: Int64
    public var pipeline: String
    public var environment: String
    public var trigger: Trigger
    public var status: RunStatus
    public var reason: Reason?
    public var waitingFor: WaitingFor?
    public var undo: Undo?
    public var supersededBy: Int64?
    /// Of a rollback, the run whose release it applies again.
    public var rollbackTo: Int64?
    public var ref: String
    public var revision: String?
    /// The ref was moved to something that is no descendant of what was live.
    public var forced: Bool
    /// First line of the commit's message.
    public var message: String?
    public var author: String?
    /// Milliseconds since 1970 UTC here and below; ISO 8601 in JSON.
    public var queuedAt: Int64
    public var startedAt: Int64?
    public var finishedAt: Int64?
    /// The five stages in their order, each with its newest attempt.
    public var stages: [StageView]

    /// Seconds from start to end; nil while it runs.
    public var duration: Double? { seconds(startedAt, finishedAt) }

    private enum Key: String, CodingKey {
        case id, pipeline, environment, trigger, status, reason, waitingFor, undo, supersededBy, rollbackTo
        case ref, revision, forced, message, author, queuedAt, startedAt, finishedAt, duration, stages
    }

    public func encode(to encoder: any Encoder) throws {
        var json = encoder.container(keyedBy: Key.self)
        try json.encode(id, forKey: .id)
        try json.encode(pipeline, forKey: .pipeline)
        try json.encode(environment, forKey: .environment)
        try json.encode(trigger, forKey: .trigger)
        try json.encode(status, forKey: .status)
        try json.encode(reason, forKey: .reason)
        try json.encode(waitingFor, forKey: .waitingFor)
        try json.encode(undo, forKey: .undo)
        try json.encode(supersededBy, forKey: .supersededBy)
        try json.encode(rollbackTo, forKey: .rollbackTo)
        try json.encode(ref, forKey: .ref)
        try json.encode(revision, forKey: .revision)
        try json.encode(forced, forKey: .forced)
        try json.encode(message, forKey: .message)
        try json.encode(author, forKey: .author)
        try json.encode(Timestamp(queuedAt), forKey: .queuedAt)
        try json.encode(Timestamp(startedAt), forKey: .startedAt)
        try json.encode(Timestamp(finishedAt), forKey: .finishedAt)
        try json.encode(duration, forKey: .duration)
        try json.encode(stages, forKey: .stages)
    }
}

/// One attempt of a stage, or a stage that has none: then `attempt` is 0 and the status `pending`, or `skipped` when the
/// run has ended without it.
public struct StageView: Encodable, Sendable, Equatable {
    public var name: StageName
    public var status: StageStatus
    public var attempt: Int
    public var reason: Reason?
    public var startedAt: Int64?
    public var finishedAt: Int64?
    public var logBytes: Int64

    public var duration: Double? { seconds(startedAt, finishedAt) }

    private enum Key: String, CodingKey {
        case name, status, attempt, reason, startedAt, finishedAt, duration, logBytes
    }

    public func encode(to encoder: any Encoder) throws {
        var json = encoder.container(keyedBy: Key.self)
        try json.encode(name, forKey: .name)
        try json.encode(status, forKey: .status)
        try json.encode(attempt, forKey: .attempt)
        try json.encode(reason, forKey: .reason)
        try json.encode(Timestamp(startedAt), forKey: .startedAt)
        try json.encode(Timestamp(finishedAt), forKey: .finishedAt)
        try json.encode(duration, forKey: .duration)
        try json.encode(logBytes, forKey: .logBytes)
    }
}

/// One run whole: a summary and what it did.
public struct RunDetail: Encodable, Sendable, Equatable {
    public var summary: RunSummary
    /// The delivery's guid; nil for a manual run.
    public var delivery: String?
    /// The trace that the run belongs to, 32 hexadecimal digits: the same after a restart, and when it is run again.
    public var traceID: String
    /// All of them, in the order in which they began, also those that a re-run has overtaken.
    public var attempts: [StageView]
    public var images: [ImageView]
    public var release: ReleaseView?
    public var smokeTest: [SmokeResult]
    /// Every time that the run was run again, the first one first.
    public var reruns: [Rerun]
    /// What the run was accepted with; nil if this Fairlead cannot read it.
    public var definition: Definition?

    public struct ImageView: Encodable, Sendable, Equatable {
        public var name: String
        public var origin: BuiltImage.Origin
        /// Nil until it is pushed.
        public var digest: String?
        public var reference: String?

        private enum Key: String, CodingKey { case name, origin, digest, reference }

        public func encode(to encoder: any Encoder) throws {
            var json = encoder.container(keyedBy: Key.self)
            try json.encode(name, forKey: .name)
            try json.encode(origin, forKey: .origin)
            try json.encode(digest, forKey: .digest)
            try json.encode(reference, forKey: .reference)
        }
    }

    public struct ReleaseView: Encodable, Sendable, Equatable {
        public var id: Int64
        public var services: [ServiceView]
    }

    private enum Key: String, CodingKey {
        case delivery, attempts, images, release, smokeTest, reruns, definition
        case traceID = "traceId"
    }

    public func encode(to encoder: any Encoder) throws {
        try summary.encode(to: encoder)
        var json = encoder.container(keyedBy: Key.self)
        try json.encode(delivery, forKey: .delivery)
        try json.encode(traceID, forKey: .traceID)
        try json.encode(attempts, forKey: .attempts)
        try json.encode(images, forKey: .images)
        try json.encode(release, forKey: .release)
        try json.encode(smokeTest.map(SmokeView.init), forKey: .smokeTest)
        try json.encode(reruns, forKey: .reruns)
        try json.encode(definition, forKey: .definition)
    }
}

/// A Service of a release, and where to reach it.
public struct ServiceView: Encodable, Sendable, Equatable {
    public var name: String
    public var port: Int
    public var address: String
    public var url: String

    public init(_ endpoint: ServiceEndpoint) {
        name = endpoint.name
        port = endpoint.port
        address = endpoint.address
        url = "http://\(endpoint.address)"
    }
}

/// What a pipeline's environment serves now.
public struct PipelineLive: Encodable, Sendable, Equatable {
    public var run: Int64
    public var revision: String?
    public var release: Int64
    /// Milliseconds since 1970 UTC; ISO 8601 in JSON.
    public var since: Int64
    public var services: [ServiceView]

    private enum Key: String, CodingKey { case run, revision, release, since, services }

    public func encode(to encoder: any Encoder) throws {
        var json = encoder.container(keyedBy: Key.self)
        try json.encode(run, forKey: .run)
        try json.encode(revision, forKey: .revision)
        try json.encode(release, forKey: .release)
        try json.encode(Timestamp(since), forKey: .since)
        try json.encode(services, forKey: .services)
    }
}

/// A `SmokeResult` with its null written.
private struct SmokeView: Encodable {
    let result: SmokeResult
    private enum Key: String, CodingKey { case name, passed, wasFailingBefore, status, duration, message, excerpt }

    func encode(to encoder: any Encoder) throws {
        var json = encoder.container(keyedBy: Key.self)
        try json.encode(result.name, forKey: .name)
        try json.encode(result.passed, forKey: .passed)
        try json.encode(result.wasFailingBefore, forKey: .wasFailingBefore)
        try json.encode(result.status, forKey: .status)
        try json.encode(result.duration, forKey: .duration)
        try json.encode(result.message, forKey: .message)
        try json.encode(result.excerpt, forKey: .excerpt)
    }
}

private func seconds(_ start: Int64?, _ end: Int64?) -> Double? {
    guard let start, let end else { return nil }
    // The wall clock may have been set back meanwhile.
    return Double(max(0, end - start)) / 1000
}
