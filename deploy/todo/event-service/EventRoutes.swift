import HTTPServer
import Logging
import TodoCommon

/// Where Dapr asks and delivers, and where people see what was delivered.
struct EventRoutes: Sendable {
    let history: EventHistory
    /// The pub/sub component's name.
    let pubsub: String
    /// What Dapr sends in `dapr-api-token`; nil: nothing is asked for.
    let token: String?
    let metrics: EventMetrics
    let logger: Logger

    var routes: [Route] {
        [Route("GET", "/dapr/subscribe") { request, _ in try subscriptions(request) }]
            + TaskChange.allCases.map { change in
                Route("POST", change.route) { request, _ in try await take(request, change) }
            } + [
                Route("POST", TaskChange.deadLetterRoute) { request, _ in try await bury(request) },
                Route("GET", "/api/events") { request, _ in try await show(request) },
            ]
    }

    // MARK: - Dapr

    /// Programmatic subscriptions (docs.dapr.io, Pub/sub, "Programmatic subscriptions").
    private func subscriptions(_ request: Request) throws -> Response {
        struct Subscription: Encodable {
            let pubsubname: String
            let topic: String
            let route: String
            let deadLetterTopic: String?
        }
        try authorize(request)
        let all =
            TaskChange.allCases.map {
                Subscription(
                    pubsubname: pubsub,
                    topic: $0.topic,
                    route: $0.route,
                    deadLetterTopic: TaskChange.deadLetterTopic
                )
            } + [
                Subscription(
                    pubsubname: pubsub,
                    topic: TaskChange.deadLetterTopic,
                    route: TaskChange.deadLetterRoute,
                    deadLetterTopic: nil
                )
            ]
        return .encoded(all)
    }

    /// Processes a delivered event.
    private func take(_ request: Request, _ change: TaskChange) async throws -> Response {
        try authorize(request)
        return await measured(change.topic) {
            let entry: HistoryEntry
            switch Delivery.read(request.body, change) {
            case .failure(let fault):
                logger.error(
                    "An event can never be processed",
                    metadata: ["event.topic": "\(change.topic)", "reason": "\(fault.reason)"]
                )
                return (.drop, "drop")
            case .success(let found): entry = found
            }
            let isNew = try await history.record(entry)
            return (.success, isNew ? "success" : "duplicate")
        }
    }

    /// Keeps what Dapr gave up on, for people to look at.
    private func bury(_ request: Request) async throws -> Response {
        try authorize(request)
        return await measured(TaskChange.deadLetterTopic) {
            let letter = Delivery.deadLetter(request.body)
            let isNew = try await history.bury(letter)
            logger.error("A dead letter", metadata: ["event.id": "\(letter.id)"])
            return (.success, isNew ? "success" : "duplicate")
        }
    }

    /// Answers as Dapr reads it. Trouble of our own is said twice: in the status, for whoever looks only there, and in
    /// the body; Dapr tries again for either.
    private func measured(
        _ topic: String,
        _ body: () async throws -> (DeliveryStatus, result: String)
    ) async -> Response {
        let start = ContinuousClock.now
        let status: DeliveryStatus
        let result: String
        do {
            (status, result) = try await body()
        } catch {
            logger.warning(
                "An event could not be processed now",
                metadata: ["event.topic": "\(topic)", "error": "\(error)"]
            )
            (status, result) = (.retry, "retry")
        }
        metrics.received(topic, result: result, duration: .now - start)
        return .encoded(DeliveryAnswer(status), status: status == .retry ? 503 : 200)
    }

    private func authorize(_ request: Request) throws {
        guard let token else { return }
        guard let given = request.header("dapr-api-token"), isEqual(given, token) else {
            throw Problem(
                401,
                "unauthorized",
                "Only the sidecar may ask this",
                detail: "the header dapr-api-token is not right"
            )
        }
    }

    /// In a time that does not tell where the two differ.
    private func isEqual(_ left: String, _ right: String) -> Bool {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    // MARK: - People

    /// What happened, newest first: to one task, or of late.
    private func show(_ request: Request) async throws -> Response {
        struct Page: Encodable { let events: [HistoryEntry] }
        struct Dead: Encodable { let deadLetters: [DeadLetter] }
        let query = Dictionary(request.query.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
        if let name = query.keys.sorted().first(where: { !["task", "limit", "dead"].contains($0) }) {
            throw Problem.badRequest("the parameter \(name) is not known: task, limit and dead are")
        }
        if query["dead"] == "true" { return .encoded(Dead(deadLetters: try await history.dead())) }
        let limit = query["limit"].map { Int($0) ?? 0 } ?? 50
        guard (1...500).contains(limit) else { throw Problem.badRequest("limit must be 1 to 500") }
        guard let task = query["task"] else { return .encoded(Page(events: try await history.newest(limit))) }
        guard Identifier.isValid(task) else { throw Problem.badRequest("task must be the id of a task") }
        return .encoded(Page(events: Array(try await history.events(of: task).prefix(limit))))
    }
}

/// Reads what Dapr delivers.
enum Delivery {
    struct Fault: Error {
        /// For the log.
        let reason: String
    }

    /// - Returns: a fault for what can never be processed, however often it comes.
    static func read(_ body: [UInt8], _ change: TaskChange) -> Result<HistoryEntry, Fault> {
        let event: CloudEvent<TaskSnapshot>
        do {
            event = try JSON.decode(CloudEvent<TaskSnapshot>.self, from: body)
        } catch {
            return .failure(Fault(reason: "it is no event of a task: \(error)"))
        }
        guard event.specversion == "1.0" else {
            return .failure(Fault(reason: "CloudEvents \(event.specversion) is not known"))
        }
        guard event.type == change.topic else {
            return .failure(Fault(reason: "\(event.type) came on the route of \(change.topic)"))
        }
        guard isID(event.id), Identifier.isValid(event.data.id), event.data.version > 0 else {
            return .failure(Fault(reason: "its ids or its version are none"))
        }
        // A history that holds it would soon be larger than any store takes, and no later event could be written to it.
        guard event.data.title.unicodeScalars.count <= TaskSnapshot.titleLimit else {
            return .failure(Fault(reason: "its title is longer than any task's"))
        }
        return .success(
            HistoryEntry(
                id: event.id,
                type: event.type,
                task: event.data.id,
                version: event.data.version,
                title: event.data.title,
                time: event.time ?? event.data.updatedAt
            )
        )
    }

    /// Whatever came, cut where it is long.
    static func deadLetter(_ body: [UInt8]) -> DeadLetter {
        struct Head: Decodable { let id: String? }
        let id = (try? JSON.decode(Head.self, from: body))?.id.flatMap { isID($0) ? $0 : nil }
        let text = String(decoding: body.prefix(8192), as: UTF8.self)
        return DeadLetter(id: id ?? String(stableHash(text), radix: 16), received: .now, event: text)
    }

    /// Whether this can be the id of an event: it is kept and logged.
    private static func isID(_ text: String) -> Bool { (1...100).contains(text.utf8.count) }
}
