import Foundation
import HTTPClient
import HTTPServer

/// What lies behind all sidecars and outlives them: the state store and the topics.
final class Backing: @unchecked Sendable {
    // Unchecked: the state is behind the lock.
    struct State {
        /// Key, with the app's id before it, → value and version.
        var documents: [String: (value: [UInt8], version: Int)] = [:]
        /// Topic → partitions → events in their order.
        var topics: [String: [[[UInt8]]]] = [:]
        /// Every event of every topic, in the order of publication.
        var log: [[UInt8]] = []
        /// Path → ids of the traces in which it was asked for.
        var traces: [String: Set<Substring>] = [:]
        /// `group/topic/partition` → events that were taken.
        var offsets: [String: Int] = [:]
        /// Group → sidecars that deliver to it now. Each has its share of the partitions.
        var members: [String: [Int]] = [:]
    }

    static let partitions = 3

    private let lock = NSLock()
    private var state = State()

    func with<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        try lock.withLock { try body(&state) }
    }

    /// Every event of a topic, partition by partition.
    func events(_ topic: String) -> [[UInt8]] { with { $0.topics[topic, default: []].flatMap { $0 } } }

    func append(_ event: [UInt8], to topic: String, key: String) {
        with { state in
            let partition = Int(key.utf8.reduce(UInt32(7)) { $0 &* 31 &+ UInt32($1) } % UInt32(Self.partitions))
            state.topics[topic, default: Array(repeating: [], count: Self.partitions)][partition].append(event)
            state.log.append(event)
        }
    }
}

/// A sidecar of one app, as Dapr's HTTP API describes it: state with ETags (first write wins), publishing, and delivery
/// of what the app subscribes to, again and again until the app takes it. It can die, and come back.
final class TestDapr: Sendable {
    /// What goes wrong, each as a share of the requests.
    struct Faults: Sendable {
        /// Answered 500, and nothing done.
        var refuse = 0.0
        /// Done, and answered 500.
        var loseAnswer = 0.0
        /// As `refuse`, of publishing alone.
        var refusePublish = 0.0
    }

    static let token = "sidecar token"
    static let appToken = "app token"

    let backing: Backing
    private let app: String
    private let server: HTTPServer
    private let relay: CuttingRelay
    private let faults = Locked(Faults())
    private let delivery = Locked<Task<Void, Never>?>(nil)
    private let client = HTTPClient()
    /// Deliveries of one event before it is a dead letter.
    private let tries: Int
    /// Among the sidecars of its app.
    private let number: Int
    private let ambush: Locked<(@Sendable () async -> Void)?>

    init(_ app: String, _ backing: Backing, number: Int = 0, tries: Int = .max) throws {
        self.app = app
        self.number = number
        self.backing = backing
        self.tries = tries
        var configuration = HTTPServerConfiguration()
        configuration.port = 0
        let api = SidecarAPI(app: app, backing: backing)
        let faults = faults
        let ambush = Locked<(@Sendable () async -> Void)?>(nil)
        self.ambush = ambush
        server = try HTTPServer(configuration: configuration) { request, responder in
            let now = faults.value
            if let trace = request.header("traceparent")?.split(separator: "-").dropFirst().first {
                backing.with { _ = $0.traces[request.path, default: []].insert(trace) }
            }
            if Double.random(in: 0..<1) < now.refuse { return responder.respond(.text("refused", status: 500)) }
            if request.path.hasPrefix("/v1.0/publish"), Double.random(in: 0..<1) < now.refusePublish {
                return responder.respond(.text("the broker is away", status: 500))
            }
            let answer = api.answer(request)
            if api.isChange(request), answer.status == 204, let meanwhile = ambush.take() {
                Task {
                    await meanwhile()
                    responder.respond(.text("lost", status: 500))
                }
                return
            }
            if Double.random(in: 0..<1) < now.loseAnswer { return responder.respond(.text("lost", status: 500)) }
            responder.respond(answer)
        }
        relay = try CuttingRelay(to: server.port)
    }

    var port: UInt16 { relay.port }

    func set(_ new: Faults) { faults.value = new }

    /// The next change of a task is written, and answered 500 when `meanwhile` is over.
    func loseNextChange(_ meanwhile: @escaping @Sendable () async -> Void) { ambush.value = meanwhile }

    /// As a killed process: connections are cut, and what is delivered right now is not known to be.
    func die() async {
        relay.cut()
        await stopDelivery()
    }

    func revive() throws { try relay.restore() }

    func stop() async {
        await die()
        client.close()
        await server.stop(grace: .zero)
    }

    // MARK: - Delivery

    struct Subscription: Decodable, Sendable, Equatable {
        let pubsubname: String
        let topic: String
        let route: String
        let deadLetterTopic: String?
    }

    /// Asks an app what it subscribes to, as Dapr does when the app answers.
    func subscriptions(_ app: UInt16) async throws -> [Subscription] {
        let response = try await client.send(
            HTTPRequest(url: "http://127.0.0.1:\(app)/dapr/subscribe", headers: [("dapr-api-token", Self.appToken)])
        )
        guard response.status == 200 else { throw Unexpected("/dapr/subscribe answers \(response.status)") }
        return try JSONDecoder().decode([Subscription].self, from: Data(response.body))
    }

    /// Delivers to the app until the sidecar dies.
    func deliver(to app: UInt16) {
        delivery.value = Task {
            guard let subscriptions = try? await eventually("the app subscribes", { try? await subscriptions(app) })
            else { return }
            backing.with { $0.members[self.app, default: []].append(number) }
            // The others take over at once, beside what is on its way from here.
            await withTaskCancellationHandler {
                await deliver(subscriptions, to: app)
            } onCancel: {
                leave()
            }
            leave()
        }
    }

    private func leave() { backing.with { $0.members[app]?.removeAll { $0 == number } } }

    private func deliver(_ subscriptions: [Subscription], to app: UInt16) async {
        await withTaskGroup(of: Void.self) { group in
            for subscription in subscriptions {
                for partition in 0..<Backing.partitions {
                    group.addTask { await self.drain(subscription, partition, app) }
                }
            }
        }
    }

    func stopDelivery() async {
        let running = delivery.value
        delivery.value = nil
        running?.cancel()
        await running?.value
    }

    private func drain(_ subscription: Subscription, _ partition: Int, _ app: UInt16) async {
        let place = "\(self.app)/\(subscription.topic)/\(partition)"
        var failures = 0
        while !Task.isCancelled {
            let next: (event: [UInt8], offset: Int)? = backing.with { state in
                let members = state.members[self.app, default: []]
                guard !members.isEmpty, members[partition % members.count] == number else { return nil }
                let all = state.topics[subscription.topic]?[partition] ?? []
                let offset = state.offsets[place, default: 0]
                return offset < all.count ? (all[offset], offset) : nil
            }
            guard let (next, offset) = next else {
                try? await Task.sleep(for: .milliseconds(5))
                continue
            }
            switch await hand(next, subscription, app) {
            case "SUCCESS": failures = 0
            case "RETRY" where failures + 1 < tries:
                failures += 1
                try? await Task.sleep(for: .milliseconds(min(200, 5 << min(failures, 5))))
                continue
            default:
                failures = 0
                if let dead = subscription.deadLetterTopic { backing.append(next, to: dead, key: "") }
            }
            // A sidecar that dies here has delivered, and does not know it.
            if Task.isCancelled { return }
            // Another one may have gone on meanwhile.
            backing.with { $0.offsets[place] = max($0.offsets[place, default: 0], offset + 1) }
        }
    }

    /// As the documentation of Dapr's pub/sub API says of the app's answers.
    private func hand(_ event: [UInt8], _ subscription: Subscription, _ app: UInt16) async -> String {
        struct Answer: Decodable { let status: String? }
        let request = HTTPRequest(
            method: "POST",
            url: "http://127.0.0.1:\(app)\(subscription.route)",
            headers: [("Content-Type", "application/cloudevents+json"), ("dapr-api-token", Self.appToken)],
            body: event,
            deadline: .seconds(10)
        )
        guard let response = try? await client.send(request) else { return "RETRY" }
        switch response.status {
        case 200...299:
            return (try? JSONDecoder().decode(Answer.self, from: Data(response.body)))?.status ?? "SUCCESS"
        case 404: return "DROP"
        default: return "RETRY"
        }
    }
}

/// The sidecar's answers.
private struct SidecarAPI: Sendable {
    let app: String
    let backing: Backing

    func answer(_ request: Request) -> Response {
        guard request.header("dapr-api-token") == TestDapr.token else { return .text("invalid api token", status: 401) }
        let path = request.path.split(separator: "/").map(String.init)
        switch (request.method, path.first, path.dropFirst().first, path.count) {
        case ("GET", "v1.0", "state", 4): return read(path[2], path[3])
        case ("POST", "v1.0", "state", 3): return write(path[2], request.body)
        case ("POST", "v1.0", "publish", 4): return publish(path[2], path[3], request)
        default: return .text("not found", status: 404)
        }
    }

    /// Whether it writes an event into the outbox: not what takes one out.
    func isChange(_ request: Request) -> Bool {
        request.method == "POST" && request.path.hasPrefix("/v1.0/state")
            && String(decoding: request.body, as: UTF8.self).contains(#""type":"todo.tasks."#)
    }

    private func read(_ store: String, _ key: String) -> Response {
        guard store == "statestore" else { return .text("ERR_STATE_STORE_NOT_FOUND", status: 400) }
        guard let found = backing.with({ $0.documents["\(app)||\(key)"] }) else { return .empty(204) }
        return .json(found.value, headers: [("ETag", "\(found.version)")])
    }

    /// As the Redis store does it: with an ETag it must be the one; without, the key must not exist, and where it does the
    /// answer is a plain failure.
    private func write(_ store: String, _ body: [UInt8]) -> Response {
        struct Item: Decodable {
            struct Options: Decodable { let concurrency: String }
            let key: String
            let etag: String?
            let options: Options
        }
        guard store == "statestore", let items = try? JSONDecoder().decode([Item].self, from: Data(body)),
            items.count == 1, items[0].options.concurrency == "first-write", let value = JSONSlice.value(in: body)
        else { return .text("ERR_MALFORMED_REQUEST", status: 400) }
        let (key, etag) = (items[0].key, items[0].etag)
        return backing.with { state in
            let present = state.documents["\(app)||\(key)"]
            if let etag, present.map({ "\($0.version)" }) != etag {
                return .text("ERR_STATE_SAVE: etag mismatch", status: 409)
            }
            if etag == nil, present != nil { return .text("ERR_STATE_SAVE: failed to set key", status: 500) }
            state.documents["\(app)||\(key)"] = (value, (present?.version ?? 0) + 1)
            return .empty(204)
        }
    }

    private func publish(_ pubsub: String, _ topic: String, _ request: Request) -> Response {
        guard pubsub == "pubsub" else { return .text("ERR_PUBSUB_NOT_FOUND", status: 404) }
        guard request.header("Content-Type") == "application/cloudevents+json",
            var event = object(request.body) as? [String: Any]
        else { return .text("ERR_PUBSUB_CLOUD_EVENTS_SER", status: 500) }
        // What Dapr adds to an event that comes as one.
        event["pubsubname"] = pubsub
        event["topic"] = topic
        event["traceid"] = event["traceparent"] ?? ""
        let key = request.query.first { $0.name == "metadata.partitionKey" }?.value ?? ""
        backing.append(bytes(event), to: topic, key: key)
        return .empty(204)
    }

    private func object(_ bytes: [UInt8]) -> Any? {
        try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
    }

    private func bytes(_ object: Any) -> [UInt8] {
        Array(
            (try? JSONSerialization.data(withJSONObject: object, options: [.fragmentsAllowed, .sortedKeys])) ?? Data()
        )
    }
}

/// The bytes of the member `value` of `[{"key":…,"value":…}]`: a store keeps documents as they are.
private enum JSONSlice {
    static func value(in body: [UInt8]) -> [UInt8]? {
        let name = Array(#""value":"#.utf8)
        guard let first = body.indices.first(where: { body[$0...].starts(with: name) }) else { return nil }
        let start = first + name.count
        var depth = 0
        var isText = false
        var index = start
        while index < body.count {
            switch (body[index], isText) {
            case (UInt8(ascii: "\\"), true): index += 1
            case (UInt8(ascii: "\""), _): isText.toggle()
            case (UInt8(ascii: "{"), false), (UInt8(ascii: "["), false): depth += 1
            case (UInt8(ascii: "}"), false), (UInt8(ascii: "]"), false):
                depth -= 1
                if depth == 0 { return Array(body[start...index]) }
            default: break
            }
            index += 1
        }
        return nil
    }
}

/// Sendable because the value is touched under the lock only.
final class Locked<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var stored: Value
    init(_ value: Value) { stored = value }
    var value: Value {
        get { lock.withLock { stored } }
        set { lock.withLock { stored = newValue } }
    }

    func change(_ body: (inout Value) -> Void) { lock.withLock { body(&stored) } }

    /// What is there, for one only.
    func take<Wrapped: Sendable>() -> Wrapped? where Value == Wrapped? {
        lock.withLock {
            defer { stored = nil }
            return stored
        }
    }
}
