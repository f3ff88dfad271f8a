import FoundationEssentials
import HTTPServer
import Pipelines

/// `/api/v1/events`: run and stage changes as they are committed, resumable by Last-Event-ID.
struct EventsRoute: Sendable {
    let access: Access
    let feed: EventFeed

    func open(_ request: Request) async throws -> Response {
        let visibility = try await access.visibility(request)
        let run = try request.integer("run")
        let stream = EventStream()
        await feed.subscribe(
            EventFeed.Listener(stream: stream, only: run, whole: visibility == .everything) { [access] in
                (try? await access.visibility(request)) == visibility
            },
            after: request.header("Last-Event-ID")
        )
        return Response(
            status: 200,
            headers: [
                ("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"),
            ],
            body: .stream(stream)
        )
    }
}

/// Sends what changed to everybody who listens.
///
/// Changes are gathered for a tenth of a second and each run is read once, however many listen and however fast
/// it changes. The last changes are kept, so that a listener who was away for a moment misses nothing; one who
/// missed more is told to load anew (`reset`).
actor EventFeed {
    /// Changes that are gathered before they are sent.
    private static let gathering = Duration.milliseconds(100)
    /// Changes kept for listeners who come back.
    private static let kept = 1024
    /// More changed runs than this at once are told as one `reset`.
    private static let mostRunsAtOnce = 200
    /// For so long it is taken that a listener may still listen.
    private static let trust = Duration.seconds(1)

    private enum Kind {
        case run(Int64)
        case log(run: Int64, stage: StageName, attempt: Int, bytes: Int64)
        case hold(environment: String)
        case reset
    }
    private struct Event {
        let sequence: Int64
        let kind: Kind
    }
    /// Somebody who listens.
    struct Listener: Sendable {
        let stream: EventStream
        /// Nil: every run.
        let only: Int64?
        /// Sees logs and reasons too.
        let whole: Bool
        /// Whether they may still: a token can be revoked, and a session ends, while the stream goes on.
        let isAllowed: @Sendable () async -> Bool
        /// When that was asked last.
        var asked = ContinuousClock.now
    }
    private struct LogKey: Hashable {
        let run: Int64
        let stage: StageName
        let attempt: Int
    }

    private let history: History
    private let epoch: Int64
    private var sequence: Int64 = 0
    private var past: [Event] = []
    private var listeners: [ObjectIdentifier: Listener] = [:]
    private let gathered = Gathered()
    private let begun = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    init(history: History, epoch: Int64) {
        self.history = history
        self.epoch = epoch
    }

    /// Works until the task is cancelled. While nobody has ever listened, it does not listen either.
    func run() async {
        for await _ in begun.stream { break }
        await withTaskGroup(of: Void.self) { group in
            let changes = history.changes()
            group.addTask { [gathered] in for await change in changes { gathered.add(change) } }
            while !Task.isCancelled {
                await gathered.wait()
                try? await Task.sleep(for: Self.gathering)
                await send(gathered.take())
            }
            group.cancelAll()
        }
        for listener in listeners.values { listener.stream.finish() }
    }

    func subscribe(_ listener: Listener, after: String?) async {
        let stream = listener.stream
        let id = ObjectIdentifier(stream)
        stream.onClose = { [weak self] in Task { await self?.leave(id) } }
        listeners[id] = listener
        begun.continuation.yield()
        stream.send(event: nil, id: "\(epoch)-\(sequence)", data: "{}")
        guard let after else { return }
        guard let missed = since(after) else {
            stream.send(event: "reset", id: nil, data: "{}")
            return
        }
        for event in missed { await send(event, to: [listener]) }
    }

    private func leave(_ id: ObjectIdentifier) { listeners[id] = nil }

    /// The events after the one with this id; nil when they are not all known any more.
    private func since(_ id: String) -> [Event]? {
        let parts = id.split(separator: "-").compactMap { Int64($0) }
        guard parts.count == 2, parts[0] == epoch, parts[1] <= sequence else { return nil }
        if parts[1] == sequence { return [] }
        guard let first = past.first, first.sequence <= parts[1] + 1 else { return nil }
        return past.filter { $0.sequence > parts[1] }
    }

    private func send(_ changes: Gathered.State) async {
        if changes.missed || changes.runs.count > Self.mostRunsAtOnce { return await tell(.reset) }
        for environment in changes.holds.sorted() { await tell(.hold(environment: environment)) }
        for run in changes.runs.sorted() { await tell(.run(run)) }
        for (key, bytes) in changes.logs {
            await tell(.log(run: key.run, stage: key.stage, attempt: key.attempt, bytes: bytes))
        }
    }

    private func tell(_ kind: Kind) async {
        sequence += 1
        let event = Event(sequence: sequence, kind: kind)
        past.append(event)
        if past.count > Self.kept { past.removeFirst(past.count - Self.kept) }
        if !listeners.isEmpty { await send(event, to: await allowed()) }
    }

    /// Those who may still listen. The streams of the others end; their next request is refused.
    private func allowed() async -> [Listener] {
        for (id, listener) in listeners where ContinuousClock.now - listener.asked > Self.trust {
            if await listener.isAllowed() {
                listeners[id]?.asked = .now
            } else {
                listener.stream.finish()
                listeners[id] = nil
            }
        }
        return Array(listeners.values)
    }

    private func send(_ event: Event, to listeners: [Listener]) async {
        let id = "\(epoch)-\(event.sequence)"
        switch event.kind {
        case .reset:
            for listener in listeners { listener.stream.send(event: "reset", id: id, data: "{}") }
        case .run(let number):
            let interested = listeners.filter { $0.only == nil || $0.only == number }
            guard !interested.isEmpty, let run = try? await history.runSummary(number) else { return }
            let (whole, redacted) = (Self.json(run), Self.json(run.redacted()))
            for listener in interested {
                listener.stream.send(event: "run", id: id, data: listener.whole ? whole : redacted)
            }
        case .hold(let environment):
            let interested = listeners.filter { $0.only == nil }
            guard !interested.isEmpty else { return }
            let hold = try? await history.hold(environment: environment)
            let pause = try? await history.pause(environment: environment)
            let whole = Self.json(HoldNote(environment: environment, hold: hold, pause: pause))
            let redacted = Self.json(
                HoldNote(environment: environment, hold: hold?.redacted(), pause: pause?.redacted())
            )
            for listener in interested {
                listener.stream.send(event: "hold", id: id, data: listener.whole ? whole : redacted)
            }
        case .log(let number, let stage, let attempt, let bytes):
            let data = #"{"run":\#(number),"stage":"\#(stage.rawValue)","attempt":\#(attempt),"bytes":\#(bytes)}"#
            for listener in listeners where listener.whole && (listener.only == nil || listener.only == number) {
                listener.stream.send(event: "log", id: id, data: data)
            }
        }
    }

    private struct HoldNote: Encodable {
        let environment: String
        let hold: EnvironmentHold?
        let pause: EnvironmentPause?

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(environment, forKey: .environment)
            try container.encode(hold, forKey: .hold)
            try container.encode(pause, forKey: .pause)
        }
        private enum CodingKeys: String, CodingKey { case environment, hold, pause }
    }

    private static func json(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    /// What changed since it was last taken. A burst of thousands of deliveries costs one entry a run.
    private final class Gathered: Sendable {
        struct State {
            var runs: Set<Int64> = []
            var logs: [LogKey: Int64] = [:]
            /// Environments.
            var holds: Set<String> = []
            var missed = false
            var isEmpty: Bool { runs.isEmpty && logs.isEmpty && holds.isEmpty && !missed }
        }
        private let state = Locked(State())
        private let signal = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

        func add(_ change: Change) {
            state.withLock { state in
                switch change {
                case .run(let run):
                    if state.runs.count <= EventFeed.mostRunsAtOnce { state.runs.insert(run) }
                case .log(let run, let stage, let attempt, let bytes):
                    state.logs[LogKey(run: run, stage: stage, attempt: attempt)] = bytes
                case .hold(let environment): state.holds.insert(environment)
                case .reset: state.missed = true
                case .queue, .end: break
                }
            }
            signal.continuation.yield()
        }

        func wait() async { for await _ in signal.stream where !state.withLock({ $0.isEmpty }) { return } }

        func take() -> State {
            state.withLock { state in
                defer { state = State() }
                return state
            }
        }
    }
}
