/// An event in the JSON format of CloudEvents 1.0, as it is published and delivered.
public struct CloudEvent<Content: Codable & Sendable>: Codable, Sendable {
    public var specversion: String
    /// Unique for ever: who has seen it has seen the event.
    public var id: String
    public var source: String
    public var type: String
    public var subject: String?
    public var time: Timestamp?
    public var datacontenttype: String?
    /// W3C trace context of the request that caused it (CloudEvents extension "distributed tracing").
    public var traceparent: String?
    public var data: Content

    public init(
        id: String,
        source: String,
        type: String,
        subject: String,
        time: Timestamp,
        traceparent: String?,
        data: Content
    ) {
        specversion = "1.0"
        self.id = id
        self.source = source
        self.type = type
        self.subject = subject
        self.time = time
        datacontenttype = "application/json"
        self.traceparent = traceparent
        self.data = data
    }
}

/// What can happen to a task. Each has its topic and its route at the event service.
public enum TaskChange: String, Codable, Sendable, CaseIterable {
    case created, updated, deleted, completed

    /// The topic, which is also the type of its events.
    public var topic: String { "todo.tasks.\(rawValue)" }
    /// Where the event service takes it.
    public var route: String { "/events/\(rawValue)" }

    public init?(topic: String) {
        guard let found = TaskChange.allCases.first(where: { $0.topic == topic }) else { return nil }
        self = found
    }

    /// Where events go that could not be processed.
    public static let deadLetterTopic = "todo.tasks.dead-letter"
    public static let deadLetterRoute = "/events/dead-letter"
}

/// The data of every event: the task as the change has left it. Pinned by `deploy/todo/schemas`.
public struct TaskSnapshot: Codable, Sendable, Equatable {
    /// In characters (Unicode scalars).
    public static let titleLimit = 200

    public var id: String
    /// Counts the changes of this task, from 1: topics have no common order, this has.
    public var version: Int
    public var title: String
    public var notes: String
    public var completed: Bool
    public var createdAt: Timestamp
    public var updatedAt: Timestamp
    public var completedAt: Timestamp?

    public init(
        id: String,
        version: Int,
        title: String,
        notes: String,
        completed: Bool,
        createdAt: Timestamp,
        updatedAt: Timestamp,
        completedAt: Timestamp?
    ) {
        self.id = id
        self.version = version
        self.title = title
        self.notes = notes
        self.completed = completed
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.completedAt = completedAt
    }
}

/// What the receiver of an event answers, in Dapr's words.
public enum DeliveryStatus: String, Codable, Sendable {
    case success = "SUCCESS"
    /// Trouble of the receiver's own: again later.
    case retry = "RETRY"
    /// It can never be processed: to the dead letters.
    case drop = "DROP"
}

/// The body of that answer.
public struct DeliveryAnswer: Codable, Sendable {
    public let status: DeliveryStatus
    public init(_ status: DeliveryStatus) { self.status = status }
}
