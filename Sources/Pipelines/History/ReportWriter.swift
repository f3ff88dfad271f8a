internal import GRDB

/// Notes reports inside the transactions that change runs.
struct ReportWriter {
    let db: Database
    let rules: ReportRules
    let time: Int64

    /// Notes a run's status as a commit status, and the end of its deployment if one was begun.
    ///
    /// - Returns: whether there was anything to note: nothing is for a repository elsewhere, for a revision that is not
    ///   known yet, if the same was noted last, or for a run that was superseded before anybody was told of it.
    @discardableResult
    func note(_ id: Int64) throws -> Bool {
        guard try !isForgotten(id), let facts = try facts(of: id) else { return false }
        let status = facts.run.status
        let noted = try add(facts, .status, status.commitState, status.sentence(facts.run))
        if status.isFinal, try has(id, .deployment) {
            try add(facts, .deployment, status.deploymentState, status.sentence(facts.run))
        }
        return noted
    }

    /// Notes that a run has begun to deploy.
    func noteDeployment(_ id: Int64) throws {
        guard let facts = try facts(of: id) else { return }
        try add(facts, .deployment, .inProgress, "Run \(id) deploys to \(facts.run.environment)")
    }

    /// Notes what a step of a lane has changed.
    func note(_ changes: [Change]) throws {
        for case .run(let id) in changes { try note(id) }
    }

    // MARK: - Parts

    private struct Facts {
        var run: RunRecord
        var repository: String
        var revision: String
    }

    private func facts(of id: Int64) throws -> Facts? {
        guard let run = try RunRecord.find(id, db), let revision = run.revision,
            let body = try String.fetchOne(
                db,
                sql: "SELECT body FROM definitions WHERE hash = ?",
                arguments: [run.definitionHash]
            ),
            let source = try? DefinitionBody.decode(body).source, let repository = rules.repository(of: source)
        else { return nil }
        return Facts(run: run, repository: repository, revision: revision)
    }

    private func isForgotten(_ run: Int64) throws -> Bool {
        try Bool.fetchOne(
            db,
            sql: """
                SELECT 1 FROM runs WHERE id = ?1 AND status = 'superseded'
                    AND NOT EXISTS (SELECT 1 FROM reports WHERE run_id = ?1)
                """,
            arguments: [run]
        ) ?? false
    }

    private func has(_ run: Int64, _ kind: ReportRecord.Kind) throws -> Bool {
        try Bool.fetchOne(
            db,
            sql: "SELECT 1 FROM reports WHERE run_id = ? AND kind = ? LIMIT 1",
            arguments: [run, kind.rawValue]
        ) ?? false
    }

    @discardableResult
    private func add(
        _ facts: Facts,
        _ kind: ReportRecord.Kind,
        _ state: ReportRecord.State,
        _ description: String
    ) throws -> Bool {
        let run = facts.run.id
        let last = try Row.fetchOne(
            db,
            sql: """
                SELECT state, revision, description FROM reports WHERE run_id = ? AND kind = ? ORDER BY id DESC LIMIT 1
                """,
            arguments: [run, kind.rawValue]
        )
        if let last, last["state"] == state.rawValue, last["revision"] == facts.revision,
            last["description"] == description
        {
            return false
        }
        // What was not sent yet is out of date now.
        try db.execute(
            sql: "UPDATE reports SET done_at = ? WHERE run_id = ? AND kind = ? AND done_at IS NULL",
            arguments: [time, run, kind.rawValue]
        )
        try db.execute(
            sql: """
                INSERT INTO reports (run_id, repository, revision, environment, kind, state, description, target_url,
                    created_at, next_try_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                run, facts.repository, facts.revision, facts.run.environment, kind.rawValue, state.rawValue,
                String(description.prefix(140)), rules.url.map { "\($0)/runs/\(run)" }, time, time,
            ]
        )
        return true
    }
}

extension RunStatus {
    /// As a commit status says it: nobody's fault is no failure.
    fileprivate var commitState: ReportRecord.State {
        switch self {
        case .queued, .running: .pending
        case .succeeded, .skipped: .success
        case .failed: .failure
        case .errored, .cancelled, .superseded: .error
        }
    }

    fileprivate var deploymentState: ReportRecord.State {
        switch self {
        case .queued, .running: .inProgress
        case .succeeded: .success
        case .failed: .failure
        case .errored, .cancelled: .error
        case .skipped, .superseded: .inactive
        }
    }

    /// The reason's code alone: its sentence may speak of what a stranger must not see.
    fileprivate func sentence(_ run: RunRecord) -> String {
        switch self {
        case .queued: "Run \(run.id) is queued"
        case .running: "Run \(run.id) is running"
        case .superseded: "Run \(run.id) was superseded" + (run.supersededBy.map { " by run \($0)" } ?? "")
        default: "Run \(run.id) \(isVerdict ? "" : "was ")\(rawValue)" + (run.reason.map { ": \($0.code)" } ?? "")
        }
    }

    private var isVerdict: Bool { self == .succeeded || self == .failed || self == .errored }
}

extension History {
    /// Notes a run's new status, in the transaction that has set it.
    func noteReport(of run: Int64, _ db: Database) throws {
        guard let writer = reportWriter(db) else { return }
        try writer.note(run)
    }

    /// Nil if nothing is reported.
    func reportWriter(_ db: Database) -> ReportWriter? {
        reporting.withLock { $0 }.map { ReportWriter(db: db, rules: $0, time: now()) }
    }
}
