internal import GRDB

/// A piece of a stage's log.
public struct LogPiece: Sendable, Equatable {
    public var bytes: [UInt8]
    /// The offset after the last byte: where to go on.
    public var next: Int64
    /// The attempt has ended, and `next` is the end of its log.
    public var complete: Bool
}

extension History {
    /// Longest piece that ``log(run:stage:attempt:after:limit:)`` gives.
    static let longestPiece = 1 << 20

    /// Reads a log from an offset on, also while it is being written.
    ///
    /// - Parameters:
    ///   - after: bytes to leave out, counted from the log's beginning.
    ///   - limit: bytes at most; never more than 1 MiB.
    /// - Throws: ``HistoryError`` with code `not-found` if there is no such attempt.
    public func log(
        run: Int64,
        stage: StageName,
        attempt: Int,
        after: Int64,
        limit: Int
    ) async throws -> (bytes: [UInt8], next: Int64, complete: Bool) {
        let piece = try await read { db in
            try LogChunks(run: run, stage: stage, attempt: attempt).read(db, after: after, limit: limit)
        }
        return (piece.bytes, piece.next, piece.complete)
    }
}

/// The chunks of one attempt's log.
struct LogChunks: Sendable {
    let run: Int64
    let stage: StageName
    let attempt: Int

    private static let key = "run_id = ? AND stage = ? AND attempt = ?"
    private var key: StatementArguments { [run, stage.rawValue, attempt] }

    /// Adds what was written since, and the attempt's new length.
    func append(_ db: Database, offset: Int64, length: Int, compressed: [UInt8]) throws {
        try insert(db, offset: offset, length: length, compressed: compressed)
        try db.execute(
            sql: "UPDATE attempts SET log_bytes = ? WHERE \(LogChunks.key)",
            arguments: [offset + Int64(length)] + key
        )
    }

    func read(_ db: Database, after: Int64, limit: Int) throws -> LogPiece {
        let row = try Row.fetchOne(
            db,
            sql: "SELECT status, log_bytes FROM attempts WHERE \(LogChunks.key)",
            arguments: key
        )
        guard let row else {
            throw HistoryError(.notFound, "There is no attempt \(attempt) of \(stage.rawValue) of run \(run).")
        }
        let status: StageStatus = try row.word("status")
        let end: Int64 = row["log_bytes"]
        let start = min(max(after, 0), end)
        let wanted = max(0, min(limit, History.longestPiece))
        var bytes: [UInt8] = []
        let chunks = try Row.fetchCursor(
            db,
            sql: """
                SELECT offset, length, data FROM log_chunks
                WHERE \(LogChunks.key) AND offset < ? AND offset >= coalesce(
                    (SELECT max(offset) FROM log_chunks WHERE \(LogChunks.key) AND offset <= ?), 0)
                ORDER BY offset
                """,
            arguments: key + [start + Int64(wanted)] + key + [start]
        )
        while bytes.count < wanted, let chunk = try chunks.next() {
            let content = try LogChunks.content(of: chunk)
            let skipped = Int(max(0, start - (chunk["offset"] as Int64)))
            bytes += content.dropFirst(skipped).prefix(wanted - bytes.count)
        }
        let next = start + Int64(bytes.count)
        return LogPiece(bytes: bytes, next: next, complete: status != .running && next == end)
    }

    /// The chunks from an offset on that together make one larger chunk; nil at the end of the log.
    func group(_ db: Database, from offset: Int64, size: Int) throws -> (chunks: Int, bytes: [UInt8])? {
        var count = 0
        var bytes: [UInt8] = []
        let chunks = try Row.fetchCursor(
            db,
            sql: "SELECT length, data FROM log_chunks WHERE \(LogChunks.key) AND offset >= ? ORDER BY offset",
            arguments: key + [offset]
        )
        while bytes.count < size, let chunk = try chunks.next() {
            bytes += try LogChunks.content(of: chunk)
            count += 1
        }
        return count == 0 ? nil : (count, bytes)
    }

    /// One chunk in place of those that begin in its range.
    func replace(_ db: Database, offset: Int64, length: Int, compressed: [UInt8]) throws {
        try db.execute(
            sql: "DELETE FROM log_chunks WHERE \(LogChunks.key) AND offset >= ? AND offset < ?",
            arguments: key + [offset, offset + Int64(length)]
        )
        try insert(db, offset: offset, length: length, compressed: compressed)
    }

    private func insert(_ db: Database, offset: Int64, length: Int, compressed: [UInt8]) throws {
        try db.execute(
            sql: "INSERT INTO log_chunks (run_id, stage, attempt, offset, length, data) VALUES (?, ?, ?, ?, ?, ?)",
            arguments: key + [offset, length, compressed.blob]
        )
    }

    private static func content(of row: Row) throws -> [UInt8] {
        try Compression.decompress(row.bytes("data") ?? [], length: row["length"])
    }
}
