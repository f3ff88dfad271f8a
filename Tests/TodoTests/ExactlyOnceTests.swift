import Foundation
import HTTPClient
import Testing

@testable import TodoCommon

@Suite("Ten thousand events", .serialized)
struct ExactlyOnceTests {
    @Test("each has its effect exactly once while sidecars, backend and event service die at random")
    func chaos() async throws {
        try await Stack.with { stack in
            stack.set(.init(refuse: 0.01, loseAnswer: 0.01))
            let chaos = Task { await Chaos(stack).run() }
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
            stack.set(.init())
            try await stack.settled()
            try await check(ids, stack)
        }
    }

    private func check(_ ids: [String], _ stack: Stack) async throws {
        // What the event service has in its store, read there: asking 2,500 times would take longer.
        let found = try stack.histories()
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
        try stack.expectOrder()
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
