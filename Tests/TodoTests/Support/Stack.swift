import Foundation
import HTTPClient

/// The backend and the event service as real processes, each with a sidecar of its own, in a folder that goes with them.
final class Stack: Sendable {
    let backing = Backing()
    let folder: String
    let client = HTTPClient()
    let backendSidecar: TestDapr
    let eventSidecar: TestDapr
    let backend: Child
    let events: Child

    /// Everything is up while `body` runs, and gone afterwards.
    /// - Parameter tries: deliveries of one event before it is a dead letter.
    static func with(tries: Int = .max, _ body: (Stack) async throws -> Void) async throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let stack = try await Stack(folder, tries)
        do {
            try await body(stack)
        } catch {
            print("the backend said:\n\(stack.backend.said.suffix(3000))")
            print("the event service said:\n\(stack.events.said.suffix(3000))")
            await stack.stop()
            throw error
        }
        await stack.stop()
    }

    private init(_ folder: String, _ tries: Int) async throws {
        self.folder = folder
        backendSidecar = try TestDapr("backend", backing)
        eventSidecar = try TestDapr("event-service", backing, tries: tries)
        let tokens = ["DAPR_API_TOKEN": TestDapr.token, "APP_API_TOKEN": TestDapr.appToken]
        let port = { (sidecar: TestDapr) in tokens.merging(["DAPR_HTTP_PORT": "\(sidecar.port)"]) { $1 } }
        backend = try await Child("todo-backend", folder: folder, environment: port(backendSidecar))
        do {
            events = try await Child("todo-event-service", folder: folder, environment: port(eventSidecar))
        } catch {
            await backend.end()
            throw error
        }
        eventSidecar.deliver(to: events.port)
    }

    private func stop() async {
        await backend.end()
        await events.end()
        await backendSidecar.stop()
        await eventSidecar.stop()
        client.close()
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

    /// Asks the backend.
    func tasks(
        _ method: String,
        _ path: String = "",
        _ body: String? = nil,
        headers: [(String, String)] = []
    ) async throws -> Answer {
        try await ask(method, "\(backend.url)/api/tasks\(path)", body, headers: headers)
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
