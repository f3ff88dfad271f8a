internal import Dispatch
internal import GRDB

/// The log of one attempt, on its way into the database.
///
/// What is written is masked at once and kept in memory for at most a quarter of a second, or until there are 32 KiB of
/// it. Then it becomes a compressed chunk, which readers see. A log is bounded: of one that is too long the beginning
/// and the last 256 KiB are kept, with a line between them that says what is missing.
public final class LogWriter: StageLog {
    private struct State {
        var buffer: LogBuffer
        var flush = Flush.none
        var finished = false
        /// The end is in the database.
        var stored = false
        var refusals = 0
    }
    private enum Flush { case none, soon, now }

    private static let quiet = DispatchTimeInterval.milliseconds(250)
    private static let enough = 32 << 10
    private static let merged = 256 << 10

    private let history: History
    private let chunks: LogChunks
    private let mask: @Sendable ([UInt8], Bool) -> [UInt8]
    private let state: Locked<State>
    /// Compresses and writes, one thing after the other.
    private let queue = DispatchQueue(label: "fairlead.log")
    /// Of the queue: bytes in the database, and bytes that the database refused and that are tried again.
    private let progress = Locked((written: Int64(0), unwritten: [UInt8]()))

    /// - Parameters:
    ///   - limit: the longest log, in bytes. Default: 16 MiB.
    ///   - mask: gets all that is written, piece by piece, and returns what may be kept. It may hold bytes back until
    ///     it has seen more; the second argument is true in the last call, which may bring no bytes.
    public init(
        history: History,
        run: Int64,
        stage: StageName,
        attempt: Int,
        limit: Int = 16 << 20,
        mask: @escaping @Sendable (_ bytes: [UInt8], _ isLast: Bool) -> [UInt8]
    ) {
        self.history = history
        self.mask = mask
        chunks = LogChunks(run: run, stage: stage, attempt: attempt)
        state = Locked(State(buffer: LogBuffer(limit: limit)))
    }

    /// Adds bytes to the log. What comes after ``finish()`` is dropped.
    public func write(_ bytes: [UInt8]) {
        let flush = state.withLock { state -> Flush in
            guard !state.finished else { return .none }
            // Under the lock: a mask that holds bytes back must see them in their order.
            state.buffer.add(mask(bytes, false))
            let wanted = state.buffer.ready >= LogWriter.enough ? Flush.now : state.buffer.ready > 0 ? .soon : .none
            guard wanted != .none, state.flush != .now, state.flush != wanted else { return .none }
            state.flush = wanted
            return wanted
        }
        switch flush {
        case .none: break
        case .soon: queue.asyncAfter(deadline: .now() + LogWriter.quiet) { self.flush() }
        case .now: queue.async { self.flush() }
        }
    }

    /// Writes what is left, waits for it, and packs the log's many small chunks into a few large ones.
    /// - Throws: ``HistoryError`` if the end of the log could not be written. What is left is kept for another call.
    public func finish() async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            queue.async {
                continuation.resume(with: Result { try self.end() })
            }
        }
    }

    /// How often the database refused a write, for the tests.
    var refusals: Int { state.withLock { $0.refusals } }

    private func end() throws {
        let isDone = state.withLock { state in
            if !state.finished {
                state.finished = true
                state.buffer.add(mask([], true))
                state.buffer.end()
            }
            return state.stored
        }
        if isDone { return }
        try store()
        state.withLock { $0.stored = true }
        try merge()
    }

    private func flush() {
        do {
            try store()
        } catch let fault as HistoryError where fault.code == .closed || fault.code == .conflict {
            // The history was closed, or there is no such attempt: that will not change.
            state.withLock { $0.refusals += 1 }
        } catch {
            // The disk is full, or another process is in the way: the bytes are kept, and tried again with the next.
            state.withLock { state in
                state.refusals += 1
                state.flush = .soon
            }
            queue.asyncAfter(deadline: .now() + .seconds(1)) { self.flush() }
        }
    }

    /// Writes what is ready, in chunks of at most 256 KiB. On the queue.
    private func store() throws {
        let fresh = state.withLock { state in
            state.flush = .none
            return state.buffer.take()
        }
        try progress.withLock { progress in
            progress.unwritten += fresh
            while !progress.unwritten.isEmpty {
                let piece = Array(progress.unwritten.prefix(LogWriter.merged))
                let offset = progress.written
                let compressed = Compression.compress(piece, .quick)
                try history.blockingWrite { db, changes in
                    try chunks.append(db, offset: offset, length: piece.count, compressed: compressed)
                    changes.append(
                        .log(
                            run: chunks.run,
                            stage: chunks.stage,
                            attempt: chunks.attempt,
                            bytes: offset + Int64(piece.count)
                        )
                    )
                }
                progress.written += Int64(piece.count)
                progress.unwritten.removeFirst(piece.count)
            }
        }
    }

    /// A transaction for each large chunk: deliveries need not wait for a whole log.
    private func merge() throws {
        var offset: Int64 = 0
        while true {
            let group = try mappingErrors {
                try history.pool.read { db in try chunks.group(db, from: offset, size: LogWriter.merged) }
            }
            guard let group else { return }
            if group.chunks > 1 {
                let compressed = Compression.compress(group.bytes, .thorough)
                try history.blockingWrite { db, _ in
                    try chunks.replace(db, offset: offset, length: group.bytes.count, compressed: compressed)
                }
            }
            offset += Int64(group.bytes.count)
        }
    }
}
