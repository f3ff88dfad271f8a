internal import GRDB

/// The ended runs of one pipeline that are beyond a bound, found piece by piece, oldest first. The newest of all is never
/// one of them: with it gone, its number would be given again.
struct OldRuns: Sendable {
    let pipeline: String
    let bound: Retention.Bound
    /// In milliseconds since 1970 UTC.
    let cutoff: Int64
    /// Only those whose logs are still there.
    let isOfLogs: Bool
    /// The newest that is one too many; nil before that is known.
    private var limit: Int64?
    private var newest: Int64 = 0
    /// All up to this one were looked at.
    private var seen: Int64 = 0

    init(pipeline: String, bound: Retention.Bound, cutoff: Int64, isOfLogs: Bool) {
        self.pipeline = pipeline
        self.bound = bound
        self.cutoff = cutoff
        self.isOfLogs = isOfLogs
    }

    private static let ended =
        "runs INDEXED BY runs_ended_pipeline WHERE pipeline = ?1 AND status NOT IN ('queued', 'running')"
    private static let size = 200

    mutating func next(_ db: Database) throws -> [Int64]? {
        if limit == nil {
            let newest = "SELECT id FROM \(Self.ended) ORDER BY id DESC LIMIT 1 OFFSET ?2"
            limit = try Int64.fetchOne(db, sql: newest, arguments: [pipeline, bound.count]) ?? 0
            self.newest = try Int64.fetchOne(db, sql: newest, arguments: [pipeline, 0]) ?? 0
        }
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT id, id <= ?2 OR coalesce(finished_at, queued_at) < ?3 AS is_old, logs_deleted_at IS NULL AS has_logs
                FROM \(Self.ended) AND id > ?4 AND id < ?5 ORDER BY id LIMIT ?6
                """,
            arguments: [pipeline, limit, cutoff, seen, newest, Self.size]
        )
        // From here on all are young: runs end in about the order in which they were queued.
        guard let last = rows.last, rows.contains(where: { $0["is_old"] }) else { return nil }
        seen = last["id"]
        return rows.filter { $0["is_old"] && (!isOfLogs || $0["has_logs"]) }.map { $0["id"] }
    }
}
