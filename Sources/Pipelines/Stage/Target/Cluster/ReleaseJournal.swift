import Kubernetes
import Signing

/// What a release did to each object, kept in the database until the release is settled or undone. Every entry is sealed:
/// any object may hold secrets.
///
/// Objects are applied several at a time: entries that come while others are being written share the next transaction.
final class ReleaseJournal: Sendable {
    private let release: Int64
    private let needs: RunDependencies
    private let queue = Locked<Queue>(Queue())

    private struct Queue {
        var waiting: [(record: JournalRecord, written: CheckedContinuation<Void, any Error>)] = []
        var isWriting = false
    }

    private static let sealingContext = "journal"

    init(release: Int64, needs: RunDependencies) {
        self.release = release
        self.needs = needs
    }

    /// On the disk when it returns.
    func write(_ entry: Kubernetes.JournalEntry) async throws {
        let record = JournalRecord(
            seq: entry.seq,
            object: "\(entry.id)",
            entry: try needs.sealingKey.seal(entry.json.bytes, context: Self.sealingContext)
        )
        try await withCheckedThrowingContinuation { written in
            let isFirst = queue.withLock { queue in
                queue.waiting.append((record, written))
                defer { queue.isWriting = true }
                return !queue.isWriting
            }
            if isFirst { Task { await writeWaiting() } }
        }
    }

    private func writeWaiting() async {
        while true {
            let batch = queue.withLock { queue in
                defer { queue.waiting = [] }
                queue.isWriting = !queue.waiting.isEmpty
                return queue.waiting
            }
            if batch.isEmpty { return }
            do {
                try await needs.history.writeJournal(release: release, batch.map(\.record))
                for entry in batch { entry.written.resume() }
            } catch {
                for entry in batch { entry.written.resume(throwing: error) }
            }
        }
    }

    func read() async throws -> [Kubernetes.JournalEntry] {
        try await needs.history.journal(release: release).map { record in
            let bytes = try needs.sealingKey.open(record.entry, context: Self.sealingContext)
            guard let entry = Kubernetes.JournalEntry(json: try JSON(parsing: bytes)) else {
                throw StageError(.errored, "journal-unreadable", "what was done to \(record.object) cannot be read")
            }
            return entry
        }
    }
}
