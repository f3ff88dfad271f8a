import FoundationEssentials
import Kubernetes
import Signing

/// What a release did to each object, kept in the database until the release is settled or undone. Every entry is sealed:
/// any object may hold secrets.
struct ReleaseJournal: Sendable {
    let release: Int64
    let needs: RunDependencies

    private static let sealingContext = "journal"

    /// On the disk when it returns.
    func write(_ entry: Kubernetes.JournalEntry) async throws {
        let bytes = Array(try JSONEncoder().encode(entry))
        try await needs.history.writeJournal(
            release: release,
            seq: entry.seq,
            object: "\(entry.id)",
            entry: try needs.sealingKey.seal(bytes, context: Self.sealingContext)
        )
    }

    func read() async throws -> [Kubernetes.JournalEntry] {
        try await needs.history.journal(release: release).map { record in
            let bytes = try needs.sealingKey.open(record.entry, context: Self.sealingContext)
            return try JSONDecoder().decode(Kubernetes.JournalEntry.self, from: Data(bytes))
        }
    }
}
