internal import GRDB
import Telemetry

/// A run that is this server's to run now.
public struct ClaimedRun: Sendable, Equatable {
    public var run: RunRecord
    /// What it was accepted with.
    public var definition: Definition
    /// None, unless an earlier server began it: those that it left running are `errored: interrupted` now.
    public var attempts: [AttemptRecord]
}

extension History {
    /// Queues a run that somebody asked for.
    ///
    /// - Parameters:
    ///   - revision: a full revision; such a run neither supersedes nor is superseded. Nil: the head of the ref.
    ///   - by: who asked.
    /// - Returns: the run's number.
    /// - Throws: ``HistoryError`` with code `not-found` if the definition is not registered.
    public func enqueueManual(
        pipeline: String,
        environment: String,
        definitionHash: String,
        ref: String,
        revision: String?,
        by: String?
    ) async throws -> Int64 {
        try await write { [now, trace = SpanContext.current?.recorded] db, changes in
            let id = try Int64.fetchOne(
                db,
                sql: """
                    INSERT INTO runs (pipeline, environment, definition_id, trigger, requested_by, ref, revision,
                        status, queued_at, trace_context)
                    SELECT ?, ?, id, 'manual', ?, ?, ?, 'queued', ?, ? FROM definitions WHERE hash = ? RETURNING id
                    """,
                arguments: [pipeline, environment, by, ref, revision, now(), trace, definitionHash]
            )
            guard let id else { throw HistoryError(.notFound, "There is no definition \(definitionHash).") }
            changes += [.run(id), .queue]
            return id
        }
    }

    /// Claims the next run of every lane that is free, for this epoch. A lane is the queue of one environment.
    ///
    /// - A run that an earlier epoch left `running` comes first, also in a lane that is paused: what was begun must be
    ///   brought to an end.
    /// - Otherwise nothing is claimed while the lane is paused, or one of its runs is running.
    /// - Otherwise a rollback is claimed before everything else. While its hold lasts, nothing else is; a hold
    ///   `untilNextPush` ends here, once a push waits that came after the rollback.
    /// - Otherwise the oldest queued run decides: `onPush: queue` claims it. `latest` and `cancel` claim the newest
    ///   run of the same pipeline and ref in its place, and those between become `superseded`, linked to it. A revision or
    ///   a re-run that somebody asked for has its turn.
    ///
    /// The claim is a conditional update, and the database allows one running run per environment, so that two who
    /// claim at once cannot both have it.
    ///
    /// - Parameters:
    ///   - epoch: from ``beginEpoch()``. An epoch that is over claims nothing.
    ///   - environments: lanes to leave alone.
    public func claimNext(epoch: Int64, excluding environments: Set<String> = []) async throws -> [ClaimedRun] {
        // Looked up beside the writer: nothing is written when there is nothing to claim.
        let free = try await read { db in try Lane.claimable(db, epoch: epoch) }
        var claimed: [ClaimedRun] = []
        for name in free where !environments.contains(name) {
            do {
                if let run = try await claim(Lane(environment: name), epoch: epoch) { claimed.append(run) }
            } catch {
                // What was claimed before must reach the caller: nobody else will run it in this epoch.
                if claimed.isEmpty { throw error }
                break
            }
        }
        return claimed
    }

    /// Long queues are superseded piece by piece: deliveries that arrive meanwhile need not wait for all of it.
    private func claim(_ lane: Lane, epoch: Int64) async throws -> ClaimedRun? {
        while true {
            let step = try await write { [now] db, changes in
                let step = try lane.step(db, epoch: epoch, time: now(), &changes)
                try self.reportWriter(db)?.note(changes)
                // Nobody need be told of the runs that only wait for something else now: no report of theirs changes.
                if changes.contains(.hold(lane.environment)) {
                    changes += try HeldLane.changed(lane.environment, db)
                }
                return step
            }
            switch step {
            case .claimed(let run): return run
            case .superseding: continue
            case .nothing: return nil
            }
        }
    }

    /// Environments with a run that is queued, or left running by an earlier epoch.
    public func environmentsWaiting(epoch: Int64) async throws -> Set<String> {
        try await read { db in
            let names = try String.fetchAll(db, sql: Lane.environments)
            return Set(try names.filter { try Lane(environment: $0).isWaiting(db, epoch: epoch) })
        }
    }

    /// The newest queued run of the same pipeline and ref that came after `run`, and that deploys the ref's head: a
    /// run of one revision that somebody asked for does not count, nor does a re-run or a rollback. Nil if there is none.
    public func newerRun(than run: Int64, pipeline: String, ref: String) async throws -> Int64? {
        try await read { db in
            try Int64.fetchOne(
                db,
                sql: """
                    SELECT id FROM runs INDEXED BY runs_lane
                    WHERE environment = (SELECT environment FROM runs WHERE id = ?1) AND id > ?1
                        AND status IN ('queued', 'running') AND status = 'queued' AND pipeline = ?2 AND ref = ?3
                        AND NOT \(Lane.isPinned) AND trigger <> 'rollback'
                    ORDER BY id DESC LIMIT 1
                    """,
                arguments: [run, pipeline, ref]
            )
        }
    }
}
