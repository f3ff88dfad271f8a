internal import GRDB

extension History {
    /// A page of runs, newest first. The number of queries does not depend on the page's length.
    ///
    /// - Parameters:
    ///   - before: only runs with a smaller id: `next` of the page before.
    ///   - limit: 1 to 100.
    /// - Returns: the page, and where the next one begins; nil at the end.
    public func runs(
        pipeline: String? = nil,
        status: RunStatus? = nil,
        ref: String? = nil,
        before: Int64? = nil,
        limit: Int = 50
    ) async throws -> (runs: [RunSummary], next: Int64?) {
        let filter = RunFilter(pipeline: pipeline, status: status, ref: ref, before: before)
        let size = min(max(limit, 1), 100)
        let page = try await read { db -> [RunSummary] in
            // One more than asked for tells whether there is a next page.
            let ids = try Int64.fetchAll(db, filter.request(limit: size + 1))
            return try RunSummary.fetch(ids, db)
        }
        return (withWaits(Array(page.prefix(size))), page.count > size ? page[size - 1].id : nil)
    }
}

/// Which runs a list shows.
struct RunFilter: Sendable {
    var pipeline: String?
    var status: RunStatus?
    var ref: String?
    var before: Int64?

    /// The ids, newest first. Without a filter that is the table's own order. With one, runs that have ended come from
    /// the index of the most selective condition; the few that have not come from the queue.
    func request(limit: Int) -> SQLRequest<Int64> {
        guard pipeline != nil || status != nil || ref != nil else {
            return SQLRequest(
                sql: "SELECT id FROM runs WHERE id < ? ORDER BY id DESC LIMIT ?",
                arguments: [before ?? Int64.max, limit],
                cached: true
            )
        }
        let live = "SELECT id FROM runs INDEXED BY runs_lane WHERE status IN ('queued', 'running')"
        let ended = "SELECT id FROM runs INDEXED BY \(index) WHERE status NOT IN ('queued', 'running')"
        let parts = (status.map { [$0.isFinal ? ended : live] } ?? [live, ended]).map { part in
            "SELECT id FROM (\(part) AND \(conditions) ORDER BY id DESC LIMIT ?2)"
        }
        return SQLRequest(
            sql: parts.joined(separator: " UNION ALL ") + " ORDER BY id DESC LIMIT ?2",
            arguments: [before ?? Int64.max, limit, pipeline, status?.rawValue, ref],
            cached: true
        )
    }

    private var index: String {
        if ref != nil { return "runs_ended_ref" }
        // Most runs succeed: then a pipeline narrows more than the status does.
        if let status, status != .succeeded || pipeline == nil { return "runs_ended_status" }
        return "runs_ended_pipeline"
    }

    private var conditions: String {
        var all = ["id < ?1"]
        // Each parameter is named in any case, so that SQLite expects all five.
        all.append(pipeline == nil ? "?3 IS NULL" : "pipeline = ?3")
        all.append(status == nil ? "?4 IS NULL" : "status = ?4")
        all.append(ref == nil ? "?5 IS NULL" : "ref = ?5")
        return all.joined(separator: " AND ")
    }
}

extension RunSummary {
    /// The summaries of these runs, in the order given: one query for the runs, one for their attempts.
    static func fetch(_ ids: [Int64], _ db: Database) throws -> [RunSummary] {
        let list = ids.jsonList
        var attempts: [Int64: [StageName: StageView]] = [:]
        let attemptRows = try Row.fetchCursor(
            db,
            sql: """
                SELECT run_id, stage, attempt, status, reason_code, reason_message, started_at, finished_at, log_bytes
                FROM attempts WHERE run_id IN (SELECT value FROM json_each(?)) AND overtaken = 0
                """,
            arguments: [list]
        )
        while let row = try attemptRows.next() {
            let view = try StageView(row: row)
            let newest = attempts[row["run_id"], default: [:]][view.name]
            if newest.map({ $0.attempt < view.attempt }) ?? true {
                attempts[row["run_id"], default: [:]][view.name] = view
            }
        }
        let rows = try Row.fetchAll(
            db,
            sql: RunSummary.selection + " WHERE r.id IN (SELECT value FROM json_each(?))",
            arguments: [list]
        )
        var summaries: [Int64: RunSummary] = [:]
        for row in rows {
            let record = try RunRecord(row: row)
            summaries[record.id] = RunSummary(record, row: row, newest: attempts[record.id] ?? [:])
        }
        return ids.compactMap { summaries[$0] }
    }

    /// The record, and what a queued run waits for.
    private static let selection = """
        SELECT \(RunRecord.columns),
            CASE WHEN r.status <> 'queued' THEN NULL
                WHEN e.paused_at IS NOT NULL THEN 'paused'
                WHEN r.trigger <> 'rollback' AND EXISTS (SELECT 1 FROM holds h WHERE h.environment = r.environment)
                    THEN 'rollback-hold'
                WHEN EXISTS (SELECT 1 FROM runs o WHERE o.environment = r.environment AND o.status = 'running')
                    THEN 'earlier-run'
                WHEN EXISTS (SELECT 1 FROM runs o WHERE o.environment = r.environment
                    AND o.status IN ('queued', 'running') AND o.id < r.id)
                    THEN 'earlier-run'
            END AS waiting_for
        \(RunRecord.source) LEFT JOIN environments e ON e.name = r.environment
        """

    private init(_ record: RunRecord, row: Row, newest: [StageName: StageView]) {
        id = record.id
        pipeline = record.pipeline
        environment = record.environment
        trigger = record.trigger
        status = record.status
        reason = record.reason
        waitingFor = (row["waiting_for"] as String?).flatMap(WaitingFor.init(rawValue:))
        undo = record.undo
        supersededBy = record.supersededBy
        rollbackTo = record.rollback?.run
        ref = record.ref
        revision = record.revision
        forced = record.forced
        message = record.message?.split(whereSeparator: \.isNewline).first.map(String.init)
        author = record.author
        queuedAt = record.queuedAt
        startedAt = record.startedAt
        finishedAt = record.finishedAt
        stages = StageName.allCases.map { newest[$0] ?? StageView(untried: $0, of: record) }
    }
}

extension StageView {
    fileprivate init(row: Row) throws {
        name = try row.word("stage")
        status = try row.word("status")
        attempt = row["attempt"]
        reason = row.reason
        startedAt = row["started_at"]
        finishedAt = row["finished_at"]
        logBytes = row["log_bytes"]
    }

    /// A stage without an attempt that counts: a rollback needs only the last two.
    fileprivate init(untried name: StageName, of run: RunRecord) {
        let isNeedless = run.rollback != nil && name != .deploy && name != .smokeTest
        self.init(
            name: name,
            status: isNeedless || run.status.isFinal ? .skipped : .pending,
            attempt: 0,
            reason: isNeedless ? run.rollback.map(Self.needless) : nil,
            logBytes: 0
        )
    }

    private static func needless(_ rollback: RunRecord.Rollback) -> Reason {
        Reason("rollback", "A rollback applies the release of run \(rollback.run) again, with the images that it had.")
    }

    init(_ attempt: AttemptRecord) {
        self.init(
            name: attempt.stage,
            status: attempt.status,
            attempt: attempt.attempt,
            reason: attempt.reason,
            startedAt: attempt.startedAt,
            finishedAt: attempt.finishedAt,
            logBytes: attempt.logBytes
        )
    }
}
