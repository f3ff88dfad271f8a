internal import GRDB

/// One thing that GitHub is to be told about a run. Times are milliseconds since 1970 UTC.
public struct ReportRecord: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// A commit status.
        case status
        /// A deployment and its status.
        case deployment
    }

    /// The words are GitHub's; a commit status has `pending` for `in_progress`.
    public enum State: String, Sendable, CaseIterable {
        case pending
        case inProgress = "in_progress"
        case success, failure, error, inactive
    }

    public var id: Int64
    public var run: Int64
    /// `owner/name`
    public var repository: String
    public var revision: String
    public var environment: String
    public var kind: Kind
    public var state: State
    /// At most 140 characters, without anything that a stranger may not see.
    public var description: String
    public var targetURL: String?
    public var createdAt: Int64
    /// How often it was tried in vain.
    public var tries: Int
    /// The deployment's number at GitHub, from this report or an earlier one of the run; nil: there is none yet.
    public var externalID: Int64?
}

/// Between two tries of one report, in milliseconds: an hour.
private let longestPause = 3_600_000
/// After so many milliseconds a report is given up: three days.
private let patience = 259_200_000

extension History {
    /// From now on, what becomes of runs is noted as reports, in the same transactions. Nil: nothing is.
    public func report(by rules: ReportRules?) { reporting.withLock { $0 = rules } }

    /// Notes that runs are queued. It is not done where a push is accepted, so that nothing slows that path; whoever
    /// sends reports calls it when something was queued.
    ///
    /// - Parameter limit: runs at most, newest first: the older ones of a long queue will be superseded.
    /// - Returns: how many were noted.
    @discardableResult
    public func reportQueuedRuns(limit: Int = 20) async throws -> Int {
        guard let rules = reporting.withLock({ $0 }) else { return 0 }
        // Looked up beside the writer: there is rarely one.
        let runs = try await read { db in
            try Int64.fetchAll(
                db,
                sql: """
                    SELECT id FROM runs r INDEXED BY runs_lane
                    WHERE status IN ('queued', 'running') AND status = 'queued' AND revision IS NOT NULL
                        AND NOT EXISTS (SELECT 1 FROM reports WHERE run_id = r.id)
                    ORDER BY id DESC LIMIT ?
                    """,
                arguments: [limit]
            )
        }
        if runs.isEmpty { return 0 }
        return try await write { [now] db, _ in
            let writer = ReportWriter(db: db, rules: rules, time: now())
            return try runs.count { try writer.note($0) }
        }
    }

    /// What is to be sent now, oldest first. That includes what is due in more than an hour: no report is put off for
    /// longer, so the clock was set back since.
    ///
    /// Of one run and kind there is at most one: a later report overtakes those that were not sent yet. So whoever sends
    /// must send the reports of one run one after the other.
    public func dueReports(limit: Int = 50) async throws -> [ReportRecord] {
        try await read { [now] db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT *, coalesce(external_id, (SELECT max(external_id) FROM reports e
                        WHERE e.run_id = r.run_id AND e.kind = r.kind)) AS known_id
                    FROM reports r INDEXED BY reports_due WHERE done_at IS NULL
                        AND (next_try_at <= ?1 OR next_try_at > ?1 + \(longestPause))
                    ORDER BY next_try_at, id LIMIT ?2
                    """,
                arguments: [now(), limit]
            ).map(ReportRecord.init(row:))
        }
    }

    /// When the next report is due, in milliseconds since 1970 UTC; nil if none waits.
    public func nextReportAt() async throws -> Int64? {
        try await read { [now] db in
            try Int64.fetchOne(
                db,
                sql: """
                    SELECT min(CASE WHEN next_try_at > ?1 + \(longestPause) THEN ?1 ELSE next_try_at END)
                    FROM reports WHERE done_at IS NULL
                    """,
                arguments: [now()]
            )
        }
    }

    /// GitHub has been told.
    /// - Parameter externalID: the deployment's number there.
    public func markReportDone(_ id: Int64, externalID: Int64? = nil) async throws {
        try await endReport(id, externalID: externalID, error: nil)
    }

    /// GitHub will never take it: it is given up.
    public func giveUpReport(_ id: Int64, error: String) async throws {
        try await endReport(id, externalID: nil, error: error)
    }

    /// It is to be tried again: after 10 s, 20 s, 40 s… or later if GitHub says so, and at most an hour. After three
    /// days it is given up.
    ///
    /// - Parameters:
    ///   - notBefore: milliseconds since 1970 UTC.
    ///   - externalID: of a deployment that was made before something failed.
    public func retryReport(
        _ id: Int64,
        error: String,
        notBefore: Int64? = nil,
        externalID: Int64? = nil
    ) async throws {
        try await write { [now] db, _ in
            let time = now()
            try db.execute(
                sql: """
                    UPDATE reports SET tries = tries + 1, error = ?2, external_id = coalesce(?3, external_id),
                        next_try_at = ?5 + min(\(longestPause), max(?4 - ?5, 10000 << min(tries, 12))),
                        done_at = coalesce(done_at, CASE WHEN created_at < ?5 - \(patience) THEN ?5 END)
                    WHERE id = ?1
                    """,
                arguments: [id, error, externalID, notBefore ?? 0, time]
            )
        }
    }

    /// Deletes reports that were done before a time, in milliseconds since 1970 UTC, and returns how many.
    @discardableResult
    public func expireReports(before time: Int64) async throws -> Int {
        try await write { db, _ in
            try db.execute(sql: "DELETE FROM reports WHERE done_at < ?", arguments: [time])
            return db.changesCount
        }
    }

    private func endReport(_ id: Int64, externalID: Int64?, error: String?) async throws {
        try await write { [now] db, _ in
            try db.execute(
                sql: """
                    UPDATE reports SET done_at = coalesce(done_at, ?), external_id = coalesce(?, external_id), error = ?
                    WHERE id = ?
                    """,
                arguments: [now(), externalID, error, id]
            )
        }
    }
}

extension ReportRecord {
    fileprivate init(row: Row) throws {
        id = row["id"]
        run = row["run_id"]
        repository = row["repository"]
        revision = row["revision"]
        environment = row["environment"]
        kind = try row.word("kind")
        state = try row.word("state")
        description = row["description"]
        targetURL = row["target_url"]
        createdAt = row["created_at"]
        tries = row["tries"]
        externalID = row["known_id"]
    }
}
