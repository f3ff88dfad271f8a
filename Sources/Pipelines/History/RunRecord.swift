internal import GRDB

/// A run as it is recorded. Times are milliseconds since 1970 UTC.
public struct RunRecord: Sendable, Equatable {
    /// The run's number.
    public var id: Int64
    public var pipeline: String
    public var environment: String
    /// What it runs with: the definition it was accepted with.
    public var definitionHash: String
    public var trigger: Trigger
    /// Who asked for a manual run, or for a rollback.
    public var requestedBy: String?
    /// `refs/heads/main`
    public var ref: String
    /// As pushed or asked for, or as the repository said; nil while a manual run of a branch's head has not fetched.
    public var revision: String?
    public var message: String?
    public var author: String?
    public var status: RunStatus
    public var reason: Reason?
    public var supersededBy: Int64?
    public var undo: Undo?
    /// The ref was moved to something that is no descendant of what it was.
    public var forced: Bool
    public var cancelRequested: Bool
    public var queuedAt: Int64
    public var startedAt: Int64?
    public var finishedAt: Int64?
    /// The delivery that made it; nil for a manual run.
    public var delivery: DeliveryFacts?
    /// What a rollback applies again; nil for every other run.
    public var rollback: Rollback?
    /// The headers `traceparent` and `tracestate` of the span that queued it, a line each; nil if nothing was traced.
    public var traceContext: String?
    /// The newest re-run; nil for a run that was not run again.
    public var rerun: Rerun?

    public struct Rerun: Sendable, Equatable {
        /// Where it began anew: only the stages before this one go by what was recorded before.
        public var from: StageName
        /// No image is reused.
        public var fresh: Bool
    }

    public struct Rollback: Sendable, Equatable {
        public var release: Int64
        /// The run that made the release.
        public var run: Int64
    }

    public struct DeliveryFacts: Sendable, Equatable {
        public var guid: String
        public var repository: String
        public var repositoryID: Int64?
        /// The revision before the push, as the payload says.
        public var before: String
    }
}

/// One try of a stage. Times are milliseconds since 1970 UTC.
public struct AttemptRecord: Sendable, Equatable {
    public var stage: StageName
    /// 1, 2, 3… for each stage of a run.
    public var attempt: Int
    public var status: StageStatus
    public var reason: Reason?
    public var startedAt: Int64
    public var finishedAt: Int64?
    public var logBytes: Int64
    /// JSON.
    public var output: [UInt8]?
    /// The run was run again from this stage, or from one before it, after this attempt: its output counts no more.
    public var overtaken: Bool
}

extension RunRecord {
    /// Everything that ``init(row:)`` reads. The delivery's words hold until the repository's are known.
    static let columns = """
        r.id, r.pipeline, r.environment, f.hash AS definition_hash, r.trigger, r.requested_by, r.ref,
        r.revision, coalesce(r.message, d.message) AS message, coalesce(r.author, d.author) AS author, r.status,
        r.reason_code, r.reason_message, r.superseded_by, r.undo_status, r.undo_reason, r.forced,
        r.cancel_requested, r.queued_at, r.started_at, r.finished_at, d.guid, d.repository, d.repository_id,
        d.before, r.rollback_release, r.trace_context,
        (SELECT run_id FROM releases WHERE id = r.rollback_release) AS rollback_to,
        g.stage AS rerun_from, g.fresh AS rerun_fresh
        """

    static let source = """
        FROM runs r JOIN definitions f ON f.id = r.definition_id LEFT JOIN deliveries d ON d.id = r.delivery_id
        LEFT JOIN reruns g ON g.run_id = r.id AND g.number = r.reruns
        """

    init(row: Row) throws {
        id = row["id"]
        pipeline = row["pipeline"]
        environment = row["environment"]
        definitionHash = row["definition_hash"]
        trigger = try row.word("trigger")
        requestedBy = row["requested_by"]
        ref = row["ref"]
        revision = row["revision"]
        message = row["message"]
        author = row["author"]
        status = try row.word("status")
        reason = row.reason
        supersededBy = row["superseded_by"]
        undo = try row.undo
        forced = row["forced"]
        cancelRequested = row["cancel_requested"]
        queuedAt = row["queued_at"]
        startedAt = row["started_at"]
        finishedAt = row["finished_at"]
        delivery = (row["guid"] as String?).map { guid in
            DeliveryFacts(
                guid: guid,
                repository: row["repository"],
                repositoryID: row["repository_id"],
                before: row["before"]
            )
        }
        rollback = (row["rollback_release"] as Int64?).map { Rollback(release: $0, run: row["rollback_to"]) }
        traceContext = row["trace_context"]
        rerun = try (row["rerun_from"] as String?).map { _ in
            Rerun(from: try row.word("rerun_from"), fresh: row["rerun_fresh"])
        }
    }

    static func find(_ id: Int64, _ db: Database) throws -> RunRecord? {
        try Row.fetchOne(db, sql: "SELECT \(columns) \(source) WHERE r.id = ?", arguments: [id]).map(
            RunRecord.init(row:)
        )
    }
}

extension AttemptRecord {
    init(row: Row) throws {
        stage = try row.word("stage")
        attempt = row["attempt"]
        status = try row.word("status")
        reason = row.reason
        startedAt = row["started_at"]
        finishedAt = row["finished_at"]
        logBytes = row["log_bytes"]
        output = row.bytes("output")
        overtaken = row["overtaken"]
    }

    /// All attempts of a run, in the order in which they began.
    static func all(of run: Int64, _ db: Database) throws -> [AttemptRecord] {
        try Row.fetchAll(
            db,
            sql: "SELECT * FROM attempts WHERE run_id = ? ORDER BY rowid",
            arguments: [run]
        ).map(AttemptRecord.init(row:))
    }
}
