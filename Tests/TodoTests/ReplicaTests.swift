import Foundation
import Testing

@testable import TodoCommon

/// As in production: several replicas, each with a sidecar of its own, share one state store.
@Suite("Replicas")
struct ReplicaTests {
    enum Meanwhile: CaseIterable {
        /// The event of the lost answer's change still waits.
        case waits
        /// It is published, and out of the outbox.
        case isPublished
    }

    @Test(
        "a change whose answer is lost is made once and told once, whoever writes next",
        arguments: Meanwhile.allCases
    )
    func lostAnswer(_ meanwhile: Meanwhile) async throws {
        try await Stack.with(replicas: 2) { stack in
            let id = Identifier.timeOrdered()
            // What one asks, whose answer is lost, and what the other asks before the first can look.
            func ask(
                _ one: (method: String, body: String?),
                _ other: (method: String, path: String, body: String?, status: Int)
            ) async throws -> Stack.Answer {
                try await waitUntil("nothing waits") { stack.isOutboxEmpty }
                if meanwhile == .waits { stack.set(.init(refusePublish: 1)) }
                stack.backendSidecars[0].loseNextChange {
                    await #expect(throws: Never.self) {
                        if meanwhile == .isPublished {
                            // Another one's relay finds it, as if this one had died.
                            try await waitUntil("it is published") { stack.isOutboxEmpty }
                        }
                        let headers = [("If-Match", "*")]
                        let answer = try await stack.tasks(
                            other.method,
                            other.path,
                            other.body,
                            headers: headers,
                            of: 1
                        )
                        #expect(answer.status == other.status)
                    }
                }
                let path = one.method == "POST" ? "" : "/\(id)"
                let answer = try await stack.tasks(one.method, path, one.body, headers: [("If-Match", "*")])
                stack.set(.init())
                return answer
            }
            let new = #"{"id":"\#(id)","title":"new"}"#
            let made = try await ask(("POST", new), ("PATCH", "/\(id)", #"{"title":"theirs"}"#, 200))
            #expect(made.status == 201)
            #expect(made.header("ETag") == "\"1\"")
            let changed = try await ask(
                ("PATCH", #"{"title":"ours"}"#),
                ("PATCH", "/\(id)", #"{"title":"again theirs"}"#, 200)
            )
            #expect(changed.status == 200)
            #expect(changed.header("ETag") == "\"3\"")
            #expect(try await stack.tasks("GET", "/\(id)").text.contains("again theirs"))
            let deleted = try await ask(("DELETE", nil), ("POST", "", new, 201))
            #expect(deleted.status == 204)
            #expect(try await stack.tasks("DELETE", "/\(id)").status == 204)
            let remade = try await ask(("POST", new), ("DELETE", "/\(id)", nil, 204))
            #expect(remade.status == 201)
            #expect(try await stack.tasks("GET", "/\(id)").status == 404)
            try await stack.settled()
            let history = try #require(try stack.histories()[id])
            #expect(history.map(\.version).sorted() == [1, 1, 1, 2, 2, 2, 3, 4, 5])
            #expect(Set(history.map(\.id)).count == 9)
        }
    }

    @Test("of one event that comes to two replicas at once, one has the effect")
    func twice() async throws {
        try await Stack.with(replicas: 2) { stack in
            for _ in 0..<40 {
                let event = String(decoding: try OutboxTests.event(), as: UTF8.self)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for service in stack.eventServices {
                        group.addTask {
                            let headers = [("dapr-api-token", TestDapr.appToken)]
                            let answer = try await stack.ask(
                                "POST",
                                "\(service.url)/events/created",
                                event,
                                headers: headers
                            )
                            #expect(answer.text == #"{"status":"SUCCESS"}"#)
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(try await stack.history("limit=100").count == 40)
            for (result, count) in [("success", 40.0), ("duplicate", 40)] {
                let name = #"todo_events_received_total{topic="todo.tasks.created",result="\#(result)"}"#
                var sum = 0.0
                for service in stack.eventServices { sum += try await stack.metric(name, of: service) ?? 0 }
                #expect(sum == count, "\(result)")
            }
        }
    }

    @Test("no change and no event is lost or made twice while sidecars and replicas die, one of each for good")
    func chaos() async throws {
        try await Stack.with(replicas: 2) { stack in
            stack.set(.init(refuse: 0.01, loseAnswer: 0.02))
            let chaos = Chaos(stack)
            let killing = Task { await chaos.run() }
            let writers = Writers(stack)
            do {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await writers.run() }
                    group.addTask {
                        try await waitUntil("half of it is done") { writers.done.value >= Writers.tasks / 2 }
                        chaos.wanted.value = [0]
                        try await waitUntil("the other replicas are dead") { chaos.living.value == [0] }
                    }
                    try await group.waitForAll()
                }
            } catch {
                killing.cancel()
                await killing.value
                throw error
            }
            killing.cancel()
            await killing.value
            stack.set(.init())
            try await stack.settled()
            try await check(writers, stack)
        }
    }

    private func check(_ writers: Writers, _ stack: Stack) async throws {
        struct Event: Decodable {
            struct Content: Decodable { let id: String, version: Int, notes: String }
            let id: String
            let data: Content
        }
        let published = try stack.backing.with { $0.log }.map { try JSONDecoder().decode(Event.self, from: Data($0)) }
        let events = Dictionary(published.map { ($0.id, $0.data) }) { first, _ in first }
        print("\(events.count) events were published \(published.count) times")
        #expect(published.count > events.count, "nothing went wrong: this shows nothing")
        #expect(stack.backing.events(TaskChange.deadLetterTopic) == [])
        try stack.expectOrder()
        let histories = try stack.histories()
        let all = histories.values.flatMap { $0 }
        #expect(all.count == events.count)
        #expect(Set(all.map(\.id)) == Set(events.keys))
        // Of every task every version has its event, and no two have the same.
        for (id, history) in histories { #expect(history.map(\.version) == Array(1...history.count), "\(id)") }
        for id in writers.single { #expect(histories[id]?.count == 4) }
        // Each word was said once, and no one's was written over: every event adds one.
        let shared: Stack.Task = try await stack.tasks("GET", "/\(writers.shared)").json()
        #expect(shared.notes.split(separator: " ").map(String.init).sorted() == writers.words.sorted())
        let steps = events.values.filter { $0.id == writers.shared }.sorted { $0.version < $1.version }.map(\.notes)
        #expect(steps.count == writers.words.count + 1)
        for (before, after) in zip(steps, steps.dropFirst()) {
            #expect(
                after.hasPrefix(before) && after.split(separator: " ").count == before.split(separator: " ").count + 1
            )
        }
        let switched: Stack.Task = try await stack.tasks("GET", "/\(writers.switched)").json()
        #expect(histories[writers.switched]?.count == switched.version)
        #expect(switched.version > 20)
    }
}

/// People who use both replicas at once, each until it is certain that what they want is so.
private struct Writers {
    static let tasks = 250

    let stack: Stack
    /// Tasks of one person each.
    let single = (0..<tasks).map { _ in Identifier.timeOrdered() }
    /// A task to which all add a word, each to what is there.
    let shared = Identifier.timeOrdered()
    let words = (0..<150).map { "word\($0)" }
    /// A task that some complete and others open, whatever is there.
    let switched = Identifier.timeOrdered()
    /// Tasks that have lived their lives.
    let done = Locked(0)

    init(_ stack: Stack) { self.stack = stack }

    func run() async throws {
        for id in [shared, switched] { try await insist([201, 409], "POST", "", #"{"id":"\#(id)","title":"task"}"#) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for part in 0..<8 {
                group.addTask { for id in single.every(8, from: part) { try await live(id) } }
            }
            for part in 0..<6 {
                group.addTask { for word in words.every(6, from: part) { try await add(word) } }
            }
            for isDone in [true, false] {
                group.addTask {
                    for _ in 0..<40 {
                        let body = #"{"completed":\#(isDone)}"#
                        try await insist([200], "PATCH", "/\(switched)", body, match: "*")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Says of every answer that means "it was made before" that it is: nobody else knows of this task.
    private func live(_ id: String) async throws {
        try await insist([201, 409], "POST", "", #"{"id":"\#(id)","title":"task"}"#)
        try await insist([200, 412], "PATCH", "/\(id)", #"{"title":"changed"}"#, match: "\"1\"")
        try await insist([200], "POST", "/\(id)/complete")
        try await insist([204, 404], "DELETE", "/\(id)")
        done.change { $0 += 1 }
    }

    /// Adds a word to what is there, as long as it is not.
    private func add(_ word: String) async throws {
        try await waitUntil(word, seconds: 120) {
            guard let read = try? await ask("GET", "/\(shared)"), read.status == 200 else { return false }
            let task: Stack.Task = try read.json()
            if task.notes.split(separator: " ").contains(Substring(word)) { return true }
            let notes = task.notes.isEmpty ? word : "\(task.notes) \(word)"
            let tag = read.header("ETag") ?? ""
            let body = #"{"notes":"\#(notes)"}"#
            return (try? await ask("PATCH", "/\(shared)", body, headers: [("If-Match", tag)]))?.status == 200
        }
    }

    private func insist(
        _ wanted: Set<Int>,
        _ method: String,
        _ path: String,
        _ body: String? = nil,
        match: String? = nil
    ) async throws {
        try await waitUntil("\(method) \(path)", seconds: 120) {
            guard let answer = try? await ask(method, path, body, headers: match.map { [("If-Match", $0)] } ?? [])
            else { return false }
            if wanted.contains(answer.status) { return true }
            guard [500, 503].contains(answer.status) else {
                throw Unexpected("\(method) \(path) answers \(answer.status): \(answer.text)")
            }
            return false
        }
    }

    /// Asks either replica.
    private func ask(
        _ method: String,
        _ path: String,
        _ body: String? = nil,
        headers: [(String, String)] = []
    ) async throws -> Stack.Answer {
        try await stack.tasks(method, path, body, headers: headers, of: .random(in: 0..<stack.backends.count))
    }
}

extension Array {
    fileprivate func every(_ step: Int, from first: Int) -> [Element] {
        stride(from: first, to: count, by: step).map { self[$0] }
    }
}
