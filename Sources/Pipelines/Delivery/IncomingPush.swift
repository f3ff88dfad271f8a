public import GitHub

/// What a webhook said, as far as it is kept. The payload is a hint: the repository is asked later.
public struct IncomingPush: Sendable, Equatable {
    /// GitHub's `X-GitHub-Delivery`: the same for a redelivery.
    public var guid: String
    /// `push`, …
    public var event: String
    /// `owner/name`
    public var repository: String
    /// GitHub's numeric id, which survives renames.
    public var repositoryID: Int64?
    /// `refs/heads/main`
    public var ref: String
    /// The revision before the push; 40 zeros for a new ref.
    public var before: String
    /// The pushed revision; 40 zeros for a deleted ref.
    public var after: String
    /// Of the head commit.
    public var message: String?
    /// Name of the head commit's author.
    public var author: String?
    /// Of the span that receives it, as a run keeps it; nil if nothing is traced.
    public var traceContext: String?

    public init(
        guid: String,
        event: String,
        repository: String,
        repositoryID: Int64?,
        ref: String,
        before: String,
        after: String,
        message: String?,
        author: String?
    ) {
        self.guid = guid
        self.event = event
        self.repository = repository
        self.repositoryID = repositoryID
        self.ref = ref
        self.before = before
        self.after = after
        self.message = message
        self.author = author
    }
}

/// What is to be done with a delivery.
public enum DeliveryDecision: Sendable {
    /// One run for each of these, with a definition that is registered.
    case accepted(pipelines: [(name: String, environment: String, definitionHash: String)])
    /// Nothing, and why.
    case ignored(Reason)
}

/// What was done with a delivery when it first came.
public enum DeliveryOutcome: Sendable, Equatable {
    case accepted
    case ignored(Reason)
}

/// A run that a delivery made.
public struct AcceptedRun: Sendable, Equatable {
    public var id: Int64
    public var pipeline: String

    public init(id: Int64, pipeline: String) {
        self.id = id
        self.pipeline = pipeline
    }
}

/// The answer to a delivery. Everything but `failed` is on the disk.
public enum AcceptResult: Sendable, Equatable {
    /// Recorded now; no runs if it was ignored.
    case accepted(delivery: String, runs: [AcceptedRun])
    /// The guid was recorded before: what was done then.
    case duplicate(delivery: String, outcome: DeliveryOutcome, runs: [AcceptedRun])
    /// Nothing was recorded; the sender should try again (503).
    case failed(HistoryError)
}

extension IncomingPush {
    /// The facts of a push that are kept. For a tag, the revision is the commit that it points to.
    public init(_ push: PushEvent, guid: String) {
        let isTag = push.ref.utf8.starts(with: "refs/tags/".utf8)
        self.init(
            guid: guid,
            event: "push",
            repository: push.repository.fullName,
            repositoryID: push.repository.id,
            ref: push.ref,
            before: push.before,
            after: isTag ? push.headCommit?.id ?? push.after : push.after,
            message: push.headCommit?.message,
            author: push.headCommit?.authorName ?? push.pusher
        )
    }
}
