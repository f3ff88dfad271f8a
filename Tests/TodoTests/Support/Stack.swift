import Foundation
import HTTPClient
import Testing

@testable import TodoCommon

/// The backend and the event service as real processes, each with a sidecar of its own, in a folder that goes with them.
/// All sidecars have the same state store and the same topics behind them.
final class Stack: Sendable {
    let backing = Backing()
    let folder: String
    let client = HTTPClient()
    /// A replica and its sidecar have the same place in the lists.
    let backends: [Child]
    let backendSidecars: [TestDapr]
    let eventServices: [Child]
    let eventSidecars: [TestDapr]

    var backend: Child { backends[0] }
    var backendSidecar: TestDapr { backendSidecars[0] }
    var events: Child { eventServices[0] }
    var eventSidecar: TestDapr { eventSidecars[0] }

    /// Everything is up while `body` runs, and gone afterwards.
    /// - Parameter replicas: of each of the two.
    static func with(replicas: Int = 1, _ body: (Stack) async throws -> Void) async throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let stack = try await Stack(folder, replicas)
        do {
            try await body(stack)
        } catch {
            for child in stack.backends + stack.eventServices {
                print("\(child.program) at \(child.port) said:\n\(child.said.suffix(3000))")
            }
            await stack.stop()
            throw error
        }
        await stack.stop()
    }

    private init(_ folder: String, _ replicas: Int) async throws {
        self.folder = folder
        let backing = backing
        let sidecars = { app in try (0..<replicas).map { try TestDapr(app, backing, number: $0) } }
        backendSidecars = try sidecars("backend")
        eventSidecars = try sidecars("event-service")
        var started: [Child] = []
        do {
            for (program, sidecars) in [("todo-backend", backendSidecars), ("todo-event-service", eventSidecars)] {
                for sidecar in sidecars {
                    let environment = [
                        "DAPR_API_TOKEN": TestDapr.token, "APP_API_TOKEN": TestDapr.appToken,
                        "DAPR_HTTP_PORT": "\(sidecar.port)",
                    ]
                    started.append(try await Child(program, folder: folder, environment: environment))
                }
            }
        } catch {
            for child in started { await child.end() }
            throw error
        }
        backends = Array(started.prefix(replicas))
        eventServices = Array(started.suffix(replicas))
        for (sidecar, service) in zip(eventSidecars, eventServices) { sidecar.deliver(to: service.port) }
    }

    private func stop() async {
        for child in backends + eventServices { await child.end() }
        for sidecar in backendSidecars + eventSidecars { await sidecar.stop() }
        client.close()
    }

    /// All sidecars fail so often.
    func set(_ faults: TestDapr.Faults) {
        for sidecar in backendSidecars + eventSidecars { sidecar.set(faults) }
    }

    // MARK: - What is behind the sidecars

    /// What a document of the event service or the backend holds.
    private struct Stored<Content: Decodable>: Decodable { let content: Content }

    /// What happened to each task, in order, as the event service has it in its store.
    func histories() throws -> [String: [Entry]] {
        struct Content: Decodable { let entries: [Entry] }
        var found: [String: [Entry]] = [:]
        for history in documents("event-service||history-") {
            let entries = try JSONDecoder().decode(Stored<Content>.self, from: Data(history)).content.entries
            if let task = entries.first?.task { found[task] = entries }
        }
        return found
    }

    /// Of each task the first copies of its events are in order, whatever comes twice.
    func expectOrder() throws {
        struct Published: Decodable {
            struct Content: Decodable { let id: String, version: Int }
            let data: Content
        }
        var newest: [String: Int] = [:]
        for event in backing.with({ $0.log }) {
            let data = try JSONDecoder().decode(Published.self, from: Data(event)).data
            let before = newest[data.id, default: 0]
            #expect(data.version <= before + 1, "version \(data.version) of \(data.id) came after \(before)")
            newest[data.id] = max(before, data.version)
        }
    }

    /// Whether no event waits in the backend's store.
    var isOutboxEmpty: Bool {
        documents("backend||tasks-").allSatisfy { String(decoding: $0, as: UTF8.self).contains(#""waiting":[]"#) }
    }

    /// Nothing waits in the outbox, and everything that was published is delivered.
    func settled() async throws {
        try await waitUntil("the outbox is empty", seconds: 120) { isOutboxEmpty }
        try await waitUntil("everything is delivered", seconds: 120) {
            backing.with { state in
                TaskChange.allCases.allSatisfy { change in
                    (0..<Backing.partitions).allSatisfy { partition in
                        let all = state.topics[change.topic]?[partition].count ?? 0
                        return state.offsets["event-service/\(change.topic)/\(partition)", default: 0] == all
                    }
                }
            }
        }
    }

    private func documents(_ prefix: String) -> [[UInt8]] {
        backing.with { state in state.documents.filter { $0.key.hasPrefix(prefix) }.map(\.value.value) }
    }

    // MARK: - Asking

    struct Answer: Sendable {
        let status: Int
        let headers: [(String, String)]
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        func header(_ name: String) -> String? { headers.first { $0.0.lowercased() == name.lowercased() }?.1 }
        func json<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
            try JSONDecoder().decode(type, from: Data(body))
        }
    }

    func ask(
        _ method: String,
        _ url: String,
        _ body: String? = nil,
        headers: [(String, String)] = []
    ) async throws -> Answer {
        let type = body == nil ? [] : [("Content-Type", "application/json")]
        let response = try await client.send(
            HTTPRequest(method: method, url: url, headers: type + headers, body: body.map { Array($0.utf8) })
        )
        return Answer(status: response.status, headers: response.headers, body: response.body)
    }

    /// Asks a backend.
    func tasks(
        _ method: String,
        _ path: String = "",
        _ body: String? = nil,
        headers: [(String, String)] = [],
        of replica: Int = 0
    ) async throws -> Answer {
        try await ask(method, "\(backends[replica].url)/api/tasks\(path)", body, headers: headers)
    }

    struct Task: Decodable {
        let version: Int
        let notes: String
    }

    struct Entry: Decodable, Sendable, Equatable {
        let id: String
        let type: String
        let task: String
        let version: Int
        let title: String
    }

    /// What the event service says happened.
    func history(_ query: String) async throws -> [Entry] {
        struct Page: Decodable { let events: [Entry] }
        let answer = try await ask("GET", "\(events.url)/api/events?\(query)")
        guard answer.status == 200 else { throw Unexpected("/api/events answers \(answer.status): \(answer.text)") }
        return try answer.json(Page.self).events
    }

    /// The value of a metric, by its whole name with labels.
    func metric(_ name: String, of child: Child) async throws -> Double? {
        let text = try await ask("GET", "\(child.url)/metrics").text
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line.flatMap { Double($0.dropFirst(name.count + 1)) }
    }
}

func temporaryFolder() throws -> String {
    var template = Array("/var/tmp/todo-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Unexpected("no temporary folder") }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
