import TodoCommon

/// A document that holds some of the tasks, and the events of their changes that are not published yet. A change and its
/// event are one write of one document: so neither is ever there without the other (docs/decisions/todo-outbox.md).
struct Bucket: Codable, Sendable {
    /// By id.
    var tasks: [String: TodoTask] = [:]
    /// In the order of the changes.
    var waiting: [WaitingEvent] = []
    /// Ids of the events that were published of late, the last at the end. Nil in documents of earlier versions.
    var published: [String]?

    /// Ids that are kept: more changes of one document than others can make while a writer tries again.
    private static let memory = 500

    /// Whether the change of this event was made. Answers may be lost, and others may have changed the task since: nothing
    /// else tells.
    func knows(_ event: String) -> Bool {
        published?.contains(event) == true || waiting.contains { $0.event.id == event }
    }

    /// - Returns: false where none of them waits any more.
    mutating func remove(_ events: Set<String>) -> Bool {
        let out = waiting.map(\.event.id).filter(events.contains)
        guard !out.isEmpty else { return false }
        waiting.removeAll { events.contains($0.event.id) }
        published = Array(((published ?? []) + out).suffix(Self.memory))
        return true
    }
}

/// An event that still has to be published.
struct WaitingEvent: Codable, Sendable {
    var event: CloudEvent<TaskSnapshot>
    var since: Timestamp
}

/// The tasks and their outbox.
struct TaskList: Sendable {
    /// Documents that the tasks are spread over, by a hash of their ids. It cannot change once there are tasks.
    static let buckets = 32
    /// Tasks of one document, which is read and written as a whole: 6,400 tasks in all.
    static let tasksInBucket = 200
    /// Events that may wait in one document before changes are refused: 16,000 in all.
    static let eventsInBucket = 500

    /// Documents that one page holds in memory at a time, and pages that are read at a time: full ones of some megabytes,
    /// all of them for everybody who asks, are more memory than the pod has.
    static let bucketsAtOnce = 4
    static let readersAtOnce = 2

    private let documents: Documents
    private let turns = Turns(TaskList.buckets)
    private let readers = Turns(TaskList.readersAtOnce)
    private let metrics: BackendMetrics
    /// Told of every bucket in which an event waits.
    private let changed: @Sendable (_ bucket: Int) -> Void

    init(_ documents: Documents, metrics: BackendMetrics, changed: @escaping @Sendable (Int) -> Void) {
        self.documents = documents
        self.metrics = metrics
        self.changed = changed
    }

    static func bucket(of id: String) -> Int { Int(stableHash(id) % UInt64(buckets)) }
    private static func key(_ bucket: Int) -> String { "tasks-\(bucket)" }

    // MARK: - Reading

    func task(_ id: String) async throws -> TodoTask {
        let key = Self.key(Self.bucket(of: id))
        guard let task = try await documents.read(Bucket.self, [key])[key]?.tasks[id] else { throw Self.missing(id) }
        return task
    }

    /// Tasks from the newest on.
    /// - Parameters:
    ///   - after: the id of the last task of the page before.
    ///   - completed: only those that are, or are not.
    /// - Returns: at most `limit`, and whether there are more.
    func page(limit: Int, after: String?, completed: Bool?) async throws -> (tasks: [TodoTask], isLast: Bool) {
        let newest = try await readers.take(.random(in: 0..<Self.readersAtOnce)) {
            var newest: [TodoTask] = []
            for first in stride(from: 0, to: Self.buckets, by: Self.bucketsAtOnce) {
                let keys = (first..<first + Self.bucketsAtOnce).map(Self.key)
                newest += try await documents.read(Bucket.self, keys).values.flatMap(\.tasks.values).filter { task in
                    (after.map { task.id < $0 } ?? true) && (completed.map { task.completed == $0 } ?? true)
                }
                newest = Array(newest.sorted { $0.id > $1.id }.prefix(limit + 1))
            }
            return newest
        }
        return (Array(newest.prefix(limit)), newest.count <= limit)
    }

    // MARK: - Changing

    /// - Throws: ``Problem`` 409 where a task has this id.
    func create(_ input: TaskInput, trace: String?) async throws -> TodoTask {
        let now = Timestamp.now
        let task = TodoTask(
            id: input.id ?? Identifier.timeOrdered(now),
            version: 1,
            title: input.title ?? "",
            notes: input.notes ?? "",
            completed: false,
            createdAt: now,
            updatedAt: now,
            completedAt: nil
        )
        let created = try await change(task.id, trace) { bucket in
            if let present = bucket.tasks[task.id] {
                throw Problem(
                    409,
                    "exists",
                    "There is a task with this id",
                    detail: "it has version \(present.version); ask for it at /api/tasks/\(task.id)",
                    headers: [("Location", "/api/tasks/\(task.id)")]
                )
            }
            guard bucket.tasks.count < Self.tasksInBucket else {
                throw Problem(507, "full", "There is no room for more tasks", detail: "delete some that are done")
            }
            bucket.tasks[task.id] = task
            return .changed(task, .created)
        }
        return created ?? task
    }

    /// - Parameter condition: which versions may be changed.
    /// - Throws: ``Problem`` 404, or 412 where the version is another one.
    func update(_ id: String, _ input: TaskInput, if condition: Condition, trace: String?) async throws -> TodoTask {
        let updated = try await change(id, trace) { bucket in
            guard let task = bucket.tasks[id] else { throw Self.missing(id) }
            try condition.check(task)
            var next = task
            next.title = input.title ?? task.title
            next.notes = input.notes ?? task.notes
            next.completed = input.completed ?? task.completed
            guard next != task else { return .same(task) }
            let now = Timestamp.now
            next.version += 1
            next.updatedAt = now
            let isDone = next.completed && !task.completed
            next.completedAt = next.completed ? (isDone ? now : task.completedAt) : nil
            bucket.tasks[id] = next
            return .changed(next, isDone ? .completed : .updated)
        }
        guard let updated else { throw Self.missing(id) }
        return updated
    }

    /// - Throws: as ``update(_:_:if:trace:)``.
    func delete(_ id: String, if condition: Condition, trace: String?) async throws {
        _ = try await change(id, trace) { bucket in
            guard var task = bucket.tasks[id] else { throw Self.missing(id) }
            try condition.check(task)
            task.version += 1
            task.updatedAt = .now
            bucket.tasks[id] = nil
            return .changed(task, .deleted)
        }
    }

    /// Which versions of a task may be changed (RFC 9110, 13.1.1).
    struct Condition: Sendable {
        /// Nil: any.
        let tags: [String]?

        func check(_ task: TodoTask) throws {
            guard let tags, !tags.contains("*"), !tags.contains(task.etag) else { return }
            throw Problem(
                412,
                "changed-meanwhile",
                "The task is not the one you saw",
                detail: "it has version \(task.version) by now; read it again, and say that version in If-Match",
                headers: [("ETag", task.etag)]
            )
        }
    }

    private enum Outcome: Sendable {
        /// The task as the change leaves it, of which the event tells.
        case changed(TodoTask, TaskChange)
        /// There is nothing to change.
        case same(TodoTask?)
    }

    /// Changes a task, and puts the event of it in the outbox with the same write.
    private func change(
        _ id: String,
        _ trace: String?,
        _ body: @Sendable (inout Bucket) throws -> Outcome
    ) async throws -> TodoTask? {
        let index = Self.bucket(of: id)
        let event = Identifier.random()
        let (task, news) = try await inTurn(index) {
            (bucket: inout Bucket, earlier) -> Documents.Change<(TodoTask?, (TaskChange, [WaitingEvent])?)> in
            if let earlier, bucket.knows(event) { return .keep(earlier) }
            switch try body(&bucket) {
            case .same(let task): return .keep((task, nil))
            case .changed(let task, let change):
                guard bucket.waiting.count < Self.eventsInBucket else {
                    throw Problem.unavailable("too many events wait to be published; nothing was changed")
                }
                bucket.waiting.append(
                    WaitingEvent(
                        event: CloudEvent(
                            id: event,
                            source: "/todo/backend",
                            type: change.topic,
                            subject: task.id,
                            time: task.updatedAt,
                            traceparent: trace,
                            data: task
                        ),
                        since: .now
                    )
                )
                return .write((task, (change, bucket.waiting)))
            }
        }
        if let (change, waiting) = news {
            metrics.changed(change)
            metrics.outbox.note(index, waiting)
            changed(index)
        }
        return task
    }

    private static func missing(_ id: String) -> Problem { .notFound("no task has the id \(id)") }

    // MARK: - The outbox

    /// The events of a bucket that wait.
    func waiting(_ index: Int) async throws -> [WaitingEvent] {
        let key = Self.key(index)
        return try await documents.read(Bucket.self, [key])[key]?.waiting ?? []
    }

    /// Takes events out that were published.
    /// - Returns: what still waits.
    func remove(_ events: Set<String>, from index: Int) async throws -> [WaitingEvent] {
        try await inTurn(index) { bucket, _ in
            bucket.remove(events) ? .write(bucket.waiting) : .keep(bucket.waiting)
        }
    }

    /// Of this process's own writers, one at a time: they would only meet at the store.
    private func inTurn<Result: Sendable>(
        _ index: Int,
        _ change: @Sendable (inout Bucket, _ earlier: Result?) throws -> Documents.Change<Result>
    ) async throws -> Result {
        try await turns.take(index) {
            try await documents.change(Self.key(index), initial: Bucket(), change)
        }
    }
}

/// Lets one at a time in, for each of several doors, in order of arrival.
actor Turns {
    private var isTaken: [Bool]
    private var queues: [[CheckedContinuation<Void, Never>]]

    init(_ count: Int) {
        isTaken = Array(repeating: false, count: count)
        queues = Array(repeating: [], count: count)
    }

    nonisolated func take<Result: Sendable>(_ index: Int, _ body: () async throws -> Result) async rethrows -> Result {
        await enter(index)
        do {
            let result = try await body()
            await leave(index)
            return result
        } catch {
            await leave(index)
            throw error
        }
    }

    private func enter(_ index: Int) async {
        guard isTaken[index] else {
            isTaken[index] = true
            return
        }
        await withCheckedContinuation { queues[index].append($0) }
    }

    /// Who waits gets the turn from who leaves: nobody can come between.
    private func leave(_ index: Int) {
        if queues[index].isEmpty { isTaken[index] = false } else { queues[index].removeFirst().resume() }
    }
}
