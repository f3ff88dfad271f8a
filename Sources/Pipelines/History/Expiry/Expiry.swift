internal import GRDB

/// Deletes what is older, or more, than ``Retention`` says, a little at a time.
///
/// What may go is looked up beside the writer. Each transaction takes a few milliseconds at most, and looks again at what
/// must stay: a rollback may have been asked for meanwhile. Between two of them others have their turn, so that a push is
/// accepted as if nothing went on.
struct Expiry: Sendable {
    let history: History
    let rules: Retention
    /// Between two transactions: longer than one takes.
    var pause = Duration.milliseconds(10)

    struct Deleted: Sendable, Equatable {
        var runs = 0
        var logs = 0
        var deliveries = 0
        var releases = 0
        /// Of the database's file, in pages of 4 KiB.
        var pages = 0
    }

    /// Deletes all that may go now.
    /// - Throws: ``HistoryError``; `CancellationError` between two transactions.
    func run() async throws -> Deleted {
        var deleted = Deleted()
        for pipeline in try await history.read({ try String.fetchAll($0, sql: Self.pipelines) }) {
            deleted.runs += try await deleteRuns(of: pipeline)
            deleted.logs += try await deleteLogs(of: pipeline)
        }
        deleted.releases = try await discardReleases()
        deleted.deliveries = try await deleteDeliveries()
        deleted.pages = try await shrink()
        return deleted
    }

    var kept: KeptRuns { KeptRuns(depth: rules.releases) }

    /// The time before which something is too old, in milliseconds since 1970 UTC.
    func cutoff(_ days: Int) -> Int64 { history.now() - Int64(days) * 86_400_000 }

    /// Gives the writer free for a moment.
    func rest() async throws { try await Task.sleep(for: pause) }

    private static let pipelines = leap(
        over: "pipeline",
        in: "runs INDEXED BY runs_ended_pipeline",
        where: "status NOT IN ('queued', 'running')"
    )

    // MARK: - The file

    /// Free pages that stay, for what comes next: 1 MiB.
    private static let reserve = 256
    /// Pages that are given back in one turn on the writer connection.
    private static let piece = 64

    /// Gives free pages back to the file system; the file gets shorter when the log is next copied back.
    private func shrink() async throws -> Int {
        var freed = 0
        while true {
            let step = try await history.vacuum(pages: Self.piece, keeping: Self.reserve)
            if step == 0 { return freed }
            freed += step
            try await rest()
        }
    }
}

extension History {
    /// - Returns: how many pages were given back; 0 if no more than `reserve` are free.
    fileprivate func vacuum(pages: Int, keeping reserve: Int) async throws -> Int {
        try await write { db, _ in
            let free = try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
            let wanted = min(pages, free - reserve)
            guard wanted > 0 else { return 0 }
            try db.execute(sql: "PRAGMA incremental_vacuum(\(wanted))")
            return free - (try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0)
        }
    }
}
