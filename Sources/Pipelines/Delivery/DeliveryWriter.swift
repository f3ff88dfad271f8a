internal import GRDB

extension History {
    /// Writes a batch of deliveries in one transaction and appends one result for each, in order. Blocks.
    ///
    /// The common case has no savepoints. Only if a row is refused is the batch written again with a savepoint for
    /// each delivery, so that one bad delivery fails alone.
    func record(_ batch: [DeliveryLog.Entry], into results: inout [AcceptResult]) {
        do {
            try pool.writeWithoutTransaction { db in
                do {
                    try commit(batch, db, isolated: false, into: &results)
                } catch let error as HistoryError where error.code == .conflict {
                    try commit(batch, db, isolated: true, into: &results)
                }
            }
        } catch {
            let fault = HistoryError(error)
            results.removeAll(keepingCapacity: true)
            for _ in batch { results.append(.failed(fault)) }
            return
        }
        announce(results)
    }

    private func commit(
        _ batch: [DeliveryLog.Entry],
        _ db: Database,
        isolated: Bool,
        into results: inout [AcceptResult]
    ) throws {
        results.removeAll(keepingCapacity: true)
        try requireUsable(db)
        let writer = try DeliveryWriter(db, time: now())
        try mappingErrors {
            try db.inTransaction(.immediate) {
                for entry in batch {
                    results.append(isolated ? try writer.recordAlone(entry) : try writer.record(entry))
                }
                CrashPoint.beforeCommit.pass()
                return .commit
            }
        }
        CrashPoint.afterCommit.pass()
    }

    private func announce(_ results: [AcceptResult]) {
        let hearsRuns = announcer.hearsRuns
        var changes: [Change] = []
        var wakesQueue = false
        for case .accepted(_, let runs) in results where !runs.isEmpty {
            wakesQueue = true
            if hearsRuns { changes += runs.map { .run($0.id) } }
        }
        if wakesQueue { changes.append(.queue) }
        announcer.announce(changes)
    }
}

/// The statements of one batch.
private struct DeliveryWriter {
    private let db: Database
    private let time: Int64
    private let delivery: BoundStatement
    private let run: BoundStatement
    private let adoption: BoundStatement

    /// Beyond so many newer runs, one without a delivery is left as it is.
    private static let adoptedAmong = 10_000

    init(_ db: Database, time: Int64) throws {
        self.db = db
        self.time = time
        delivery = try BoundStatement(
            db,
            """
            INSERT INTO deliveries (guid, event, repository, repository_id, ref, before, after, message, author,
                received_at, outcome, reason_code, reason_message)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (guid) DO NOTHING
            """
        )
        run = try BoundStatement(
            db,
            """
            INSERT INTO runs (delivery_id, pipeline, environment, definition_id, trigger, ref, revision, status,
                queued_at, trace_context)
            VALUES (?, ?, ?, (SELECT id FROM definitions WHERE hash = ?), 'push', ?, ?, 'queued', ?, ?)
            """
        )
        adoption = try BoundStatement(
            db,
            """
            UPDATE runs SET delivery_id = ?1 WHERE id = (
                SELECT max(id) FROM runs r INDEXED BY runs_unannounced
                WHERE trigger = 'reconcile' AND delivery_id IS NULL AND pipeline = ?2 AND ref = ?3 AND revision = ?4
                    AND status <> 'superseded' AND id > (SELECT max(id) FROM runs) - \(Self.adoptedAmong)
                    AND NOT EXISTS (SELECT 1 FROM runs newer WHERE newer.id > r.id AND newer.pipeline = ?2
                        AND newer.ref = ?3 AND newer.trigger IN ('push', 'reconcile')))
            """
        )
    }

    /// A failure takes back this delivery and no other.
    func recordAlone(_ entry: DeliveryLog.Entry) throws -> AcceptResult {
        var result: AcceptResult?
        do {
            try db.inSavepoint {
                result = try record(entry)
                return .commit
            }
        } catch {
            let fault = HistoryError(error)
            // Refused by a constraint: its own fault. Everything else (disk full, …) is everybody's.
            guard fault.code == .conflict else { throw fault }
            result = .failed(fault)
        }
        return result!
    }

    func record(_ entry: DeliveryLog.Entry) throws -> AcceptResult {
        let push = entry.push
        delivery.bind(1, push.guid)
        delivery.bind(2, push.event)
        delivery.bind(3, push.repository)
        delivery.bind(4, push.repositoryID)
        delivery.bind(5, push.ref)
        delivery.bind(6, push.before)
        delivery.bind(7, push.after)
        delivery.bind(8, push.message)
        delivery.bind(9, push.author)
        delivery.bind(10, time)
        guard case .accepted(let pipelines) = entry.decision else {
            guard case .ignored(let reason) = entry.decision else { fatalError("no such decision") }
            delivery.bind(11, "ignored")
            delivery.bind(12, reason.code)
            delivery.bind(13, reason.message)
            guard try delivery.run() > 0 else { return try duplicate(push.guid) }
            return .accepted(delivery: push.guid, runs: [])
        }
        delivery.bind(11, "accepted")
        delivery.bindNull(12)
        delivery.bindNull(13)
        guard try delivery.run() > 0 else { return try duplicate(push.guid) }
        let id = db.lastInsertedRowID
        var runs: [AcceptedRun] = []
        runs.reserveCapacity(pipelines.count)
        for pipeline in pipelines {
            if let known = try adopt(push, id, pipeline.name) {
                runs.append(AcceptedRun(id: known, pipeline: pipeline.name))
                continue
            }
            run.bind(1, id)
            run.bind(2, pipeline.name)
            run.bind(3, pipeline.environment)
            run.bind(4, pipeline.definitionHash)
            run.bind(5, push.ref)
            run.bind(6, push.after)
            run.bind(7, time)
            run.bind(8, push.traceContext)
            _ = try run.run()
            runs.append(AcceptedRun(id: db.lastInsertedRowID, pipeline: pipeline.name))
        }
        return .accepted(delivery: push.guid, runs: runs)
    }

    /// A head that was found before its delivery came has its run: the delivery is written to that, and makes no other.
    /// Not if the ref was elsewhere since: then it was moved back, and that is a push like every other.
    private func adopt(_ push: IncomingPush, _ delivery: Int64, _ pipeline: String) throws -> Int64? {
        adoption.bind(1, delivery)
        adoption.bind(2, pipeline)
        adoption.bind(3, push.ref)
        adoption.bind(4, push.after)
        guard try adoption.run() > 0 else { return nil }
        return try Int64.fetchOne(
            db,
            sql: "SELECT id FROM runs WHERE delivery_id = ? AND pipeline = ?",
            arguments: [delivery, pipeline]
        )
    }

    private func duplicate(_ guid: String) throws -> AcceptResult {
        guard
            let first = try Row.fetchOne(
                db,
                sql: "SELECT id, outcome, reason_code, reason_message FROM deliveries WHERE guid = ?",
                arguments: [guid]
            )
        else { throw HistoryError(.database, "The delivery \(guid) is there and is not.") }
        let outcome: DeliveryOutcome =
            first["outcome"] == "accepted"
            ? .accepted : .ignored(Reason(first["reason_code"] ?? "", first["reason_message"] ?? ""))
        let id: Int64 = first["id"]
        let runs = try Row.fetchAll(
            db,
            sql: "SELECT id, pipeline FROM runs WHERE delivery_id = ? ORDER BY id",
            arguments: [id]
        )
        return .duplicate(
            delivery: guid,
            outcome: outcome,
            runs: runs.map { AcceptedRun(id: $0["id"], pipeline: $0["pipeline"]) }
        )
    }
}
