import FoundationEssentials
import HTTPClient

extension DemoApp {
    /// Uses the deployed version as a person would, and says what it sees.
    struct Tour: Sendable {
        /// - Parameter address: of each Service, by name.
        let run: @Sendable (_ address: [String: String], HTTPClient) async throws -> Void
    }
}

extension DemoApp.Tour {
    /// A task goes through all three programs: made at the frontend, there at the backend, its event at the event service.
    static let todo = DemoApp.Tour { address, client in
        let ask = { @Sendable (method: String, service: String, path: String, body: String?) in
            guard let base = address[service] else { throw DemoError(description: "there is no Service \(service)") }
            let answer = try await client.send(
                HTTPRequest(
                    method: method,
                    url: base + path,
                    headers: body == nil ? [] : [("Content-Type", "application/json")],
                    body: body.map { Array($0.utf8) }
                )
            )
            guard (200...299).contains(answer.status) else {
                throw DemoError(description: "\(service) answers \(answer.status) to \(method) \(path): \(answer.text)")
            }
            return answer
        }
        struct Made: Decodable { let id: String }
        let made = try await ask("POST", "frontend", "/api/tasks", #"{"title":"See Fairlead deploy three images"}"#)
        let id = try JSONDecoder().decode(Made.self, from: Data(made.body)).id
        printNow("   a task made at the frontend: \(id)")
        let kept = try await ask("GET", "backend", "/api/tasks/\(id)", nil)
        printNow("   the backend has it: \(kept.text)")
        for _ in 0..<200 {
            let events = try await ask("GET", "event-service", "/api/events?task=\(id)", nil)
            if events.text.contains(id) { return printNow("   the event service heard of it: \(events.text)") }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw DemoError(description: "the event service has not heard of task \(id) within 10 s")
    }
}
