import Foundation
import HTTPClient
import HTTPServer
import Testing

@testable import TodoCommon

/// Events under faults, and what the programs say of themselves meanwhile.
@Suite("Outbox and delivery")
struct OutboxTests {
    @Test("what Dapr cannot take waits, says so, survives a SIGKILL, and goes out in order when Dapr is back")
    func waits() async throws {
        try await Stack.with { stack in
            let id = Identifier.timeOrdered()
            await stack.backendSidecar.die()
            try await waitUntil("not ready without state") {
                try await stack.ask("GET", "\(stack.backend.url)/readyz").status == 503
            }
            let refused = try await stack.tasks("POST", "", #"{"id":"\#(id)","title":"a"}"#)
            #expect(refused.status == 503)
            #expect(refused.header("Retry-After") != nil)
            #expect(refused.header("Content-Type") == "application/problem+json")
            #expect(try await stack.ask("GET", "\(stack.backend.url)/healthz").status == 200)
            #expect(try await stack.metric("todo_state_failures_total", of: stack.backend) ?? 0 >= 2)
            let answers = #"http_requests_total{method="POST",route="/api/tasks",status="503"}"#
            #expect(try await stack.metric(answers, of: stack.backend) == 1)
            let measured = #"http_request_duration_seconds_count{method="POST",route="/api/tasks"}"#
            #expect(try await stack.metric(measured, of: stack.backend) == 1)
            try stack.backendSidecar.revive()

            // State works, publishing does not.
            stack.backendSidecar.set(.init(refusePublish: 1))
            try await waitUntil("ready") { try await stack.ask("GET", "\(stack.backend.url)/readyz").status == 200 }
            try await waitUntil("made") {
                try await [201, 409].contains(stack.tasks("POST", "", #"{"id":"\#(id)","title":"a"}"#).status)
            }
            #expect(try await stack.tasks("POST", "/\(id)/complete").status == 200)
            try await waitUntil("two wait") { try await stack.metric("todo_outbox_events", of: stack.backend) == 2 }
            let failures = #"todo_event_publish_failures_total{topic="todo.tasks.created"}"#
            try await waitUntil("it is tried") { try await stack.metric(failures, of: stack.backend) ?? 0 > 0 }
            let age = { try await stack.metric("todo_outbox_oldest_age_seconds", of: stack.backend) ?? 0 }
            try await waitUntil("they grow old") { try await age() > 0.5 }
            #expect(try await stack.history("task=\(id)") == [])

            await stack.backend.kill()
            stack.backendSidecar.set(.init())
            try await stack.backend.start()
            let events = try await eventually("both are delivered") {
                let events = try await stack.history("task=\(id)")
                return events.count == 2 ? events : nil
            }
            #expect(events.map(\.type) == ["todo.tasks.completed", "todo.tasks.created"])
            try await waitUntil("nothing waits") {
                try await stack.metric("todo_outbox_events", of: stack.backend) == 0
            }
            #expect(try await age() == 0)
            for topic in ["created", "completed"] {
                let published = #"todo_events_published_total{topic="todo.tasks.\#(topic)"}"#
                #expect(try await stack.metric(published, of: stack.backend) ?? 0 >= 1)
            }
        }
    }

    @Test("an event says what CloudEvents ask for, and carries the trace of its request")
    func event() async throws {
        try await Stack.with { stack in
            let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            let made = try await stack.tasks("POST", "", #"{"title":"a"}"#, headers: [("traceparent", trace)])
            let event = try await eventually("it is published") { stack.backing.events("todo.tasks.created").first }
            let read = try JSON.decode(CloudEvent<TaskSnapshot>.self, from: event)
            #expect(read.specversion == "1.0")
            #expect(Identifier.isValid(read.id))
            #expect(read.source == "/todo/backend")
            #expect(read.type == "todo.tasks.created")
            #expect(read.subject == read.data.id)
            #expect(read.datacontenttype == "application/json")
            #expect(read.data == (try made.json(TaskSnapshot.self)))
            let id: Substring = "0af7651916cd43dd8448eb211c80319c"
            #expect(read.traceparent?.split(separator: "-")[1] == id)
            // So does what the sidecar is asked: Dapr goes on with the trace.
            for path in ["/v1.0/state/statestore", "/v1.0/publish/pubsub/todo.tasks.created"] {
                #expect(stack.backing.with { $0.traces[path]?.contains(id) } == true, "\(path)")
            }
        }
    }

    @Test("the event service subscribes to every topic, with a place for dead letters")
    func subscriptions() async throws {
        try await Stack.with { stack in
            let all = try await stack.eventSidecar.subscriptions(stack.events.port)
            let expected = ["created", "updated", "deleted", "completed"].map { kind in
                TestDapr.Subscription(
                    pubsubname: "pubsub",
                    topic: "todo.tasks.\(kind)",
                    route: "/events/\(kind)",
                    deadLetterTopic: "todo.tasks.dead-letter"
                )
            }
            let dead = TestDapr.Subscription(
                pubsubname: "pubsub",
                topic: "todo.tasks.dead-letter",
                route: "/events/dead-letter",
                deadLetterTopic: nil
            )
            #expect(all == expected + [dead])
            let stranger = try await stack.ask("GET", "\(stack.events.url)/dapr/subscribe")
            #expect(stranger.status == 401)
            let forged = try await stack.ask("POST", "\(stack.events.url)/events/created", "{}")
            #expect(forged.status == 401)
        }
    }

    @Test("a failure of its own is never answered as success: the event comes again, and has its effect once")
    func retry() async throws {
        try await Stack.with { stack in
            let delivery = { (event: [UInt8]) in
                try await stack.ask(
                    "POST",
                    "\(stack.events.url)/events/created",
                    String(decoding: event, as: UTF8.self),
                    headers: [("dapr-api-token", TestDapr.appToken)]
                )
            }
            let event = try Self.event()
            await stack.eventSidecar.die()
            let failed = try await delivery(event)
            #expect(failed.status == 503)
            #expect(failed.text == #"{"status":"RETRY"}"#)
            try stack.eventSidecar.revive()
            for _ in 0..<3 {
                let taken = try await delivery(event)
                #expect(taken.status == 200)
                #expect(taken.text == #"{"status":"SUCCESS"}"#)
            }
            #expect(try await stack.history("limit=10").count == 1)
            let count = #"todo_events_received_total{topic="todo.tasks.created","#
            #expect(try await stack.metric(count + #"result="success"}"#, of: stack.events) == 1)
            #expect(try await stack.metric(count + #"result="duplicate"}"#, of: stack.events) == 2)
            #expect(try await stack.metric(count + #"result="retry"}"#, of: stack.events) == 1)
            // Who wrote it and was not told so still knows that it was he.
            stack.eventSidecar.loseNextChange {}
            #expect(try await delivery(try Self.event()).status == 200)
            #expect(try await stack.metric(count + #"result="success"}"#, of: stack.events) == 2)
            #expect(try await stack.metric(count + #"result="duplicate"}"#, of: stack.events) == 2)
        }
    }

    @Test("what can never be processed goes to the dead letters, where it can be seen, and holds nobody up")
    func deadLetters() async throws {
        try await Stack.with { stack in
            let task = Identifier.timeOrdered()
            let broken = [
                "{}", "no JSON", #"{"specversion":"1.0","id":"1","type":"todo.tasks.created","source":"x","data":{}}"#,
                String(decoding: try Self.event(type: "todo.tasks.deleted"), as: UTF8.self),
                String(decoding: try Self.event(version: 0), as: UTF8.self),
                String(decoding: try Self.event(specversion: "2.0"), as: UTF8.self),
                // What it leaves must not be in the way of the events of its task that follow.
                String(decoding: try Self.event(task: task, title: String(repeating: "a", count: 201)), as: UTF8.self),
                String(decoding: try Self.event(task: task), as: UTF8.self)
                    .replacing(#/"time":"[^"]*"/#, with: #""time":"0000-01-01T00:00:00+14:00""#),
            ]
            for event in broken { stack.backing.append(Array(event.utf8), to: "todo.tasks.created", key: "same") }
            stack.backing.append(try Self.event(task: task), to: "todo.tasks.created", key: "same")
            try await waitUntil("the good one behind them arrives") { try await stack.history("limit=10").count == 1 }
            try await waitUntil("all others are dead letters") {
                let dead = try await stack.ask("GET", "\(stack.events.url)/api/events?dead=true").text
                return broken.count == dead.components(separatedBy: #""received":"#).count - 1
            }
            let processed = #"{topic="todo.tasks.created"}"#
            let durations = try await stack.metric(
                "todo_event_processing_duration_seconds_count" + processed,
                of: stack.events
            )
            #expect(durations == Double(broken.count + 1))
            let last = try await stack.metric("todo_last_event_timestamp_seconds" + processed, of: stack.events) ?? 0
            #expect(abs(last - Date().timeIntervalSince1970) < 600)
            let drops = #"todo_events_received_total{topic="todo.tasks.created",result="drop"}"#
            #expect(try await stack.metric(drops, of: stack.events) == Double(broken.count))
        }
    }

    @Test("a dead letter is kept as far as it fits, however long it and its id are")
    func longLetter() async throws {
        try await Stack.with { stack in
            for number in 0..<2 {
                let letter = #"{"id":"\#(number)\#(String(repeating: "a", count: 100_000))"}"#
                let taken = try await stack.ask(
                    "POST",
                    "\(stack.events.url)/events/dead-letter",
                    letter,
                    headers: [("dapr-api-token", TestDapr.appToken)]
                )
                #expect(taken.text == #"{"status":"SUCCESS"}"#)
            }
            let dead = try await stack.ask("GET", "\(stack.events.url)/api/events?dead=true").body
            #expect((16_000...20_000).contains(dead.count))
            #expect(stack.events.said.utf8.count < 20_000)
        }
    }

    @Test("on one machine, without Dapr, events go straight to the event service; state outlives a SIGKILL")
    func oneMachine() async throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let client = HTTPClient()
        defer { client.close() }
        let get = { (url: String) in String(decoding: try await client.send(HTTPRequest(url: url)).body, as: UTF8.self)
        }
        let token = ["APP_API_TOKEN": "own token"]
        let events = try await Child(
            "todo-event-service",
            folder: folder,
            environment: token.merging(["DATA": "\(folder)/events"]) { $1 }
        )
        let settings = ["DATA": "\(folder)/tasks", "EVENT_SERVICE_URL": events.url]
        do {
            let backend = try await Child(
                "todo-backend",
                folder: folder,
                environment: token.merging(settings) { $1 }
            )
            do {
                await events.kill()
                let id = Identifier.timeOrdered()
                let body = Array(#"{"id":"\#(id)","title":"Buy milk"}"#.utf8)
                let made = try await client.send(
                    HTTPRequest(
                        method: "POST",
                        url: "\(backend.url)/api/tasks",
                        headers: [("Content-Type", "application/json")],
                        body: body
                    )
                )
                #expect(made.status == 201)
                await backend.kill()
                try await backend.start()
                try await events.start()
                #expect(try await get("\(backend.url)/api/tasks/\(id)").contains("Buy milk"))
                try await waitUntil("the event arrives") {
                    try await get("\(events.url)/api/events?task=\(id)").contains("todo.tasks.created")
                }
                #expect(await backend.end() == 0)
                #expect(backend.said.contains("Stopped"))
            } catch {
                await backend.end()
                throw error
            }
        } catch {
            await events.end()
            throw error
        }
        #expect(await events.end() == 0)
    }

    /// An event as Dapr delivers it.
    static func event(
        type: String = "todo.tasks.created",
        version: Int = 1,
        specversion: String = "1.0",
        task: String = Identifier.timeOrdered(),
        title: String = "a"
    ) throws -> [UInt8] {
        let task = TaskSnapshot(
            id: task,
            version: version,
            title: title,
            notes: "",
            completed: false,
            createdAt: .now,
            updatedAt: .now,
            completedAt: nil
        )
        var event = CloudEvent(
            id: Identifier.random(),
            source: "/todo/backend",
            type: type,
            subject: task.id,
            time: .now,
            traceparent: nil,
            data: task
        )
        event.specversion = specversion
        return try JSON.encode(event)
    }
}
