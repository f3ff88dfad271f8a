import Foundation
import HTTPClient
import Testing

@testable import TodoCommon

@Suite("Ten thousand events", .serialized)
struct ExactlyOnceTests {
    @Test("each has its effect exactly once while sidecars, backend and event service die at random")
    func chaos() async throws {
        try await Stack.with { stack in
            let faults = TestDapr.Faults(refuse: 0.01, loseAnswer: 0.01)
            stack.backendSidecar.set(faults)
            stack.eventSidecar.set(faults)
            let chaos = Task { await Chaos(stack: stack).run() }
            let driver = Driver(stack: stack)
            let ids = (0..<Driver.tasks).map { _ in Identifier.timeOrdered() }
            do {
                try await driver.run(ids)
            } catch {
                chaos.cancel()
                await chaos.value
                throw error
            }
            chaos.cancel()
            await chaos.value
            stack.backendSidecar.set(.init())
            stack.eventSidecar.set(.init())
            try await settled(stack)
            try await check(ids, stack)
        }
    }

    /// Everybody is well again, nothing waits in the outbox, and everything that was published is delivered.
    private func settled(_ stack: Stack) async throws {
        try await waitUntil("the outbox is empty", seconds: 120) {
            guard let health = try? await stack.ask("GET", "\(stack.backend.url)/api/health").text else { return false }
            let buckets = stack.backing.with { state in
                state.documents.filter { $0.key.hasPrefix("backend||tasks-") }.map(\.value.value)
            }
            let isEmpty = buckets.allSatisfy { String(decoding: $0, as: UTF8.self).contains(#""waiting":[]"#) }
            return health.contains(#""status":"ok""#) && isEmpty
        }
        try await waitUntil("everything is delivered", seconds: 120) {
            stack.backing.with { state in
                TaskChange.allCases.allSatisfy { change in
                    (0..<Backing.partitions).allSatisfy { partition in
                        let all = state.topics[change.topic]?[partition].count ?? 0
                        return state.offsets["event-service/\(change.topic)/\(partition)", default: 0] == all
                    }
                }
            }
        }
    }

    private func check(_ ids: [String], _ stack: Stack) async throws {
        // What the event service has in its store, read there: asking 2,500 times would take longer.
        let histories = stack.backing.with { state in
            state.documents.filter { $0.key.hasPrefix("event-service||history-") }.map(\.value.value)
        }
        struct Stored: Decodable {
            struct Content: Decodable { let entries: [Stack.Entry] }
            let content: Content
        }
        var found: [String: [Stack.Entry]] = [:]
        for history in histories {
            let entries = try JSONDecoder().decode(Stored.self, from: Data(history)).content.entries
            if let task = entries.first?.task { found[task] = entries }
        }
        #expect(found.count == ids.count)
        let all = found.values.flatMap { $0 }
        #expect(all.count == 10_000)
        #expect(Set(all.map(\.id)).count == 10_000)
        let expected = ["created", "updated", "completed", "deleted"].map { "todo.tasks.\($0)" }
        let wrong = ids.filter { found[$0]?.map(\.type) != expected || found[$0]?.map(\.version) != [1, 2, 3, 4] }
        #expect(wrong == [])
        // Something did go wrong on the way: otherwise this shows nothing.
        let published = TaskChange.allCases.reduce(0) { $0 + stack.backing.events($1.topic).count }
        print("10,000 events were published \(published) times")
        #expect(published > 10_000)
        #expect(stack.backing.events(TaskChange.deadLetterTopic) == [])
        // Of each task the first copies are in order, whatever comes twice.
        struct Published: Decodable {
            struct Content: Decodable { let id: String, version: Int }
            let data: Content
        }
        var newest: [String: Int] = [:]
        for event in stack.backing.with({ $0.log }) {
            let data = try JSONDecoder().decode(Published.self, from: Data(event)).data
            let before = newest[data.id, default: 0]
            #expect(data.version <= before + 1, "version \(data.version) of \(data.id) came after \(before)")
            newest[data.id] = max(before, data.version)
        }
        // And what people are shown is the same.
        let one = try #require(ids.first)
        #expect(try await stack.history("task=\(one)").map(\.version) == [4, 3, 2, 1])
    }
}

/// Makes four changes of each task, each until it is certain that it was made, once.
private struct Driver {
    static let tasks = 2_500
    private static let width = 16

    let stack: Stack

    func run(_ ids: [String]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var left = ids[...]
            func next() {
                guard let id = left.popFirst() else { return }
                group.addTask { try await live(id) }
            }
            for _ in 0..<Self.width { next() }
            while try await group.next() != nil { next() }
        }
    }

    /// Says of every answer that means "it was made before" that it is: nobody else knows of this task.
    private func live(_ id: String) async throws {
        try await insist([201, 409], "POST", "", #"{"id":"\#(id)","title":"task"}"#)
        try await insist([200, 412], "PATCH", "/\(id)", #"{"title":"changed"}"#, match: "\"1\"")
        try await insist([200], "POST", "/\(id)/complete")
        try await insist([204, 404], "DELETE", "/\(id)")
    }

    private func insist(
        _ wanted: Set<Int>,
        _ method: String,
        _ path: String,
        _ body: String? = nil,
        match: String? = nil
    ) async throws {
        try await waitUntil("\(method) \(path)", seconds: 120) {
            let headers = match.map { [("If-Match", $0)] } ?? []
            guard let answer = try? await stack.tasks(method, path, body, headers: headers) else { return false }
            if wanted.contains(answer.status) { return true }
            guard [500, 503].contains(answer.status) else {
                throw Unexpected("\(method) \(path) answers \(answer.status): \(answer.text)")
            }
            return false
        }
    }
}

/// Kills what it can, again and again, and brings it back.
private struct Chaos {
    let stack: Stack

    func run() async {
        var round = 0
        while !Task.isCancelled {
            round += 1
            try? await Task.sleep(for: .milliseconds(.random(in: 400...1000)))
            if Task.isCancelled { return }
            do {
                switch round % 6 {
                case 0: try await restart(stack.backend)
                case 3: try await restart(stack.events)
                case 1, 4: try await outage(stack.backendSidecar, delivers: false)
                default: try await outage(stack.eventSidecar, delivers: true)
                }
            } catch { Issue.record(error, "what was killed does not come back") }
        }
    }

    private func restart(_ child: Child) async throws {
        await child.kill()
        try await child.start()
    }

    private func outage(_ sidecar: TestDapr, delivers: Bool) async throws {
        await sidecar.die()
        // Not cut short: it must come back.
        await Task { try? await Task.sleep(for: .milliseconds(.random(in: 20...200))) }.value
        try sidecar.revive()
        if delivers { sidecar.deliver(to: stack.events.port) }
    }
}
