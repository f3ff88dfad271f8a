import TodoCommon

/// One thing that happened to a task.
struct HistoryEntry: Codable, Sendable, Equatable {
    /// The event's.
    var id: String
    var type: String
    var task: String
    /// Of the task after the change.
    var version: Int
    var title: String
    var time: Timestamp

    /// Newest first; the version decides within a millisecond.
    static func isNewer(_ left: HistoryEntry, _ right: HistoryEntry) -> Bool {
        (left.time, left.version, left.id) > (right.time, right.version, right.id)
    }
}

/// What happened to one task. Whether an event was processed stands in the same document as what it did: so both are
/// written, or neither.
struct TaskHistory: Codable, Sendable {
    /// In order of version.
    var entries: [HistoryEntry] = []
    /// Entries up to this version were dropped for their number: their events were all processed.
    var droppedUpTo = 0

    static let limit = 500

    /// - Returns: false where the event was processed before.
    mutating func add(_ entry: HistoryEntry) -> Bool {
        guard entry.version > droppedUpTo, !entries.contains(where: { $0.id == entry.id }) else { return false }
        let place = entries.firstIndex { $0.version > entry.version } ?? entries.endIndex
        entries.insert(entry, at: place)
        if entries.count > Self.limit {
            droppedUpTo = entries.removeFirst().version
        }
        return true
    }
}

/// The newest events of many tasks, for the page that shows them. Made of what the histories hold, and only as good.
struct RecentEvents: Codable, Sendable {
    /// Newest first.
    var entries: [HistoryEntry] = []

    static let limit = 100

    /// - Returns: false where it is there, or older than all that are kept.
    mutating func add(_ entry: HistoryEntry) -> Bool {
        guard !entries.contains(where: { $0.id == entry.id }) else { return false }
        let place = entries.firstIndex { HistoryEntry.isNewer(entry, $0) } ?? entries.endIndex
        guard place < Self.limit else { return false }
        entries.insert(entry, at: place)
        if entries.count > Self.limit { entries.removeLast() }
        return true
    }
}

/// An event that Dapr gave up on.
struct DeadLetter: Codable, Sendable {
    var id: String
    var received: Timestamp
    /// What came, as text.
    var event: String
}

/// Dead letters, newest first.
struct DeadLetters: Codable, Sendable {
    var letters: [DeadLetter] = []
    static let limit = 100
}

/// Where the event service keeps what happened.
struct EventHistory: Sendable {
    private let documents: Documents

    /// Documents over which the newest events are spread, so that writers seldom meet.
    private static let shards = 16
    /// Longer than the topics keep events (7 days): none can come again when its history is forgotten.
    private static let lifetime = Duration.seconds(30 * 24 * 3600)

    init(_ documents: Documents) { self.documents = documents }

    private static func key(_ task: String) -> String { "history-\(task)" }
    private static func shard(_ task: String) -> String { "recent-\(stableHash(task) % UInt64(shards))" }
    private static let deadLetters = "dead-letters"

    /// Processes an event.
    /// - Returns: false where it was processed before.
    /// - Throws: ``StateError``; then it may come again.
    func record(_ entry: HistoryEntry) async throws -> Bool {
        let isNew = try await documents.change(
            Self.key(entry.task),
            initial: TaskHistory(),
            lifetime: Self.lifetime
        ) { (history: inout TaskHistory, _) in
            history.add(entry) ? .write(true) : .keep(false)
        }
        // Also for one that was processed: the service may have died between the two.
        try await documents.change(Self.shard(entry.task), initial: RecentEvents()) { (recent: inout RecentEvents, _) in
            recent.add(entry) ? .write(()) : .keep(())
        }
        return isNew
    }

    /// Everything that happened to a task, newest first.
    func events(of task: String) async throws -> [HistoryEntry] {
        let key = Self.key(task)
        return try await documents.read(TaskHistory.self, [key])[key]?.entries.reversed() ?? []
    }

    /// The newest events of all tasks, newest first.
    func newest(_ limit: Int) async throws -> [HistoryEntry] {
        let keys = (0..<Self.shards).map { "recent-\($0)" }
        let all = try await documents.read(RecentEvents.self, keys).values.flatMap(\.entries)
        return Array(all.sorted(by: HistoryEntry.isNewer).prefix(limit))
    }

    func bury(_ letter: DeadLetter) async throws -> Bool {
        try await documents.change(Self.deadLetters, initial: DeadLetters()) { (dead: inout DeadLetters, _) in
            guard !dead.letters.contains(where: { $0.id == letter.id }) else { return .keep(false) }
            dead.letters.insert(letter, at: 0)
            if dead.letters.count > DeadLetters.limit { dead.letters.removeLast() }
            return .write(true)
        }
    }

    func dead() async throws -> [DeadLetter] {
        try await documents.read(DeadLetters.self, [Self.deadLetters])[Self.deadLetters]?.letters ?? []
    }
}
