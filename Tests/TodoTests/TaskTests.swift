import Foundation
import Testing

@testable import TodoCommon
@testable import todo_backend

/// The backend, as its clients see it.
@Suite("Tasks")
struct TaskTests {
    private struct Task: Decodable, Equatable {
        let id: String
        let version: Int
        let title: String
        let notes: String
        let completed: Bool
        let completedAt: String?
    }

    private struct Problem: Decodable {
        struct Field: Decodable { let field: String }
        let type: String
        let status: Int
        let errors: [Field]?
    }

    @Test("a task lives: made, read, changed, completed, deleted, with an event for each")
    func life() async throws {
        try await Stack.with { stack in
            let made = try await stack.tasks("POST", "", #"{"title":"Buy milk","notes":"two\nlitres"}"#)
            #expect(made.status == 201)
            #expect(made.header("ETag") == "\"1\"")
            let task: Task = try made.json()
            #expect(made.header("Location") == "/api/tasks/\(task.id)")
            #expect(Identifier.isValid(task.id))

            let read = try await stack.tasks("GET", "/\(task.id)")
            #expect(read.status == 200)
            #expect(read.body == made.body)
            let known = try await stack.tasks("GET", "/\(task.id)", headers: [("If-None-Match", "\"1\"")])
            #expect(known.status == 304)

            let changed = try await stack.tasks(
                "PATCH",
                "/\(task.id)",
                #"{"title":"Buy oat milk"}"#,
                headers: [("If-Match", "\"1\"")]
            )
            #expect(changed.status == 200)
            #expect(changed.header("ETag") == "\"2\"")
            #expect(try changed.json(Task.self).notes == "two\nlitres")
            // Nothing to change is no change.
            let same = try await stack.tasks(
                "PATCH",
                "/\(task.id)",
                #"{"title":"Buy oat milk"}"#,
                headers: [("If-Match", "*")]
            )
            #expect(same.header("ETag") == "\"2\"")

            let done = try await stack.tasks("POST", "/\(task.id)/complete")
            #expect(try done.json(Task.self).completed)
            #expect(try done.json(Task.self).completedAt != nil)
            #expect(try await stack.tasks("POST", "/\(task.id)/complete").header("ETag") == "\"3\"")
            let open = try await stack.tasks(
                "PATCH",
                "/\(task.id)",
                #"{"completed":false}"#,
                headers: [("If-Match", "\"3\"")]
            )
            #expect(try open.json(Task.self).completedAt == nil)

            #expect(try await stack.tasks("DELETE", "/\(task.id)").status == 204)
            #expect(try await stack.tasks("GET", "/\(task.id)").status == 404)
            #expect(try await stack.tasks("DELETE", "/\(task.id)").status == 404)

            let events = try await eventually("five events") {
                let events = try await stack.history("task=\(task.id)")
                return events.count == 5 ? events : nil
            }
            #expect(
                events.map(\.type)
                    == ["deleted", "updated", "completed", "updated", "created"].map { "todo.tasks.\($0)" }
            )
            #expect(events.map(\.version) == [5, 4, 3, 2, 1])
            #expect(try await stack.metric(#"todo_task_changes_total{change="updated"}"#, of: stack.backend) == 2)
        }
    }

    @Test("what is wrong is refused with a sentence for each fault, and changes nothing")
    func refusals() async throws {
        try await Stack.with { stack in
            let long = String(repeating: "ä", count: 201)
            let wrong: [(body: String, status: Int, fields: [String])] = [
                ("", 400, []), ("[]", 400, []), ("{", 400, []), (#"{"title":"a"} x"#, 400, []),
                ("{}", 422, ["title"]), (#"{"title":" "}"#, 422, ["title"]), (#"{"title":7}"#, 422, ["title"]),
                (#"{"title":"a\u0000b"}"#, 422, ["title"]), (#"{"title":"a\nb"}"#, 422, ["title"]),
                (#"{"title":"\#(long)"}"#, 422, ["title"]), (#"{"title":"a","notes":null}"#, 422, ["notes"]),
                (#"{"title":"a","completed":true}"#, 422, ["completed"]),
                (#"{"id":"x","nonsense":1}"#, 422, ["nonsense", "id", "title"]),
            ]
            for (body, status, fields) in wrong {
                let answer = try await stack.tasks("POST", "", body)
                #expect(answer.status == status, "\(body)")
                #expect(answer.header("Content-Type") == "application/problem+json")
                let problem: Problem = try answer.json()
                #expect(problem.status == status)
                #expect((problem.errors ?? []).map(\.field) == fields, "\(body)")
            }
            #expect(try await stack.tasks("POST", "", #"{"title":"\#(long.dropLast())"}"#).status == 201)

            let requests: [(String, String, String?, [(String, String)], Int)] = [
                ("GET", "?limit=0", nil, [], 400), ("GET", "?limit=201", nil, [], 400),
                ("GET", "?after=x", nil, [], 400), ("GET", "?completed=maybe", nil, [], 400),
                ("GET", "?page=2", nil, [], 400), ("GET", "?limit=1&limit=2", nil, [], 400),
                ("GET", "/no-uuid", nil, [], 404), ("GET", "/no/such/path", nil, [], 404),
                ("PUT", "", "{}", [], 405), ("POST", "", #"{"title":"a"}"#, [("Content-Type", "text/plain")], 415),
                ("POST", "", #"{"title":""# + String(repeating: "a", count: 70_000) + #""}"#, [], 413),
            ]
            for (method, path, body, headers, status) in requests {
                let url = "\(stack.backend.url)/api/tasks\(path)"
                // The first Content-Type counts.
                let answer = try await stack.ask(method, url, headers.isEmpty ? body : nil, headers: headers)
                #expect(answer.status == status, "\(method) \(path)")
            }
            struct Page: Decodable { let tasks: [Task] }
            #expect(try await stack.tasks("GET").json(Page.self).tasks.count == 1)
        }
    }

    @Test("a body that goes deep costs no more than a flat one of its size")
    func depth() {
        let nested = { (levels: Int) in
            String(repeating: #"{"a":"#, count: levels) + "1" + String(repeating: "}", count: levels)
        }
        let work = { (value: String, count: Int) -> Int in
            let fields = (0..<count).map { #","\#($0)":\#(value)"# }.joined()
            let body = Array(#"{"title":"a"\#(fields)}"#.utf8)
            let start = processorTime()
            #expect((try? TaskInput(body, isNew: true)) == nil)
            return processorTime() - start
        }
        _ = work("1", 1)
        // Nearly as deep as the parser goes. Looked into, a level costs as much as all that are above it.
        #expect(work(nested(480), 10) < 20 * work(nested(10), 480))
    }

    /// Of this thread, in nanoseconds.
    private func processorTime() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    @Test("of two who saw the same version one changes it, and the other learns of it")
    func lostUpdate() async throws {
        try await Stack.with { stack in
            let task: Task = try await stack.tasks("POST", "", #"{"title":"0"}"#).json()
            let blind = try await stack.tasks("PATCH", "/\(task.id)", #"{"title":"x"}"#)
            #expect(blind.status == 428)
            // Twenty at once add one each, as read-modify-write: every one of them counts.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 { group.addTask { try await increment(task.id, stack) } }
                try await group.waitForAll()
            }
            let after: Task = try await stack.tasks("GET", "/\(task.id)").json()
            #expect(after.title == "20")
            #expect(after.version == 21)
            let stale = try await stack.tasks(
                "DELETE",
                "/\(task.id)",
                headers: [("If-Match", "\"20\""), ("If-Match", "\"7\"")]
            )
            #expect(stale.status == 412)
            #expect(stale.header("ETag") == "\"21\"")
        }
    }

    private func increment(_ id: String, _ stack: Stack) async throws {
        while true {
            let read = try await stack.tasks("GET", "/\(id)")
            let task: Task = try read.json()
            let written = try await stack.tasks(
                "PATCH",
                "/\(id)",
                #"{"title":"\#(Int(task.title)! + 1)"}"#,
                headers: [("If-Match", read.header("ETag") ?? "")]
            )
            if written.status == 200 { return }
            guard written.status == 412 else { throw Unexpected("\(written.status): \(written.text)") }
        }
    }

    @Test("the list of a full store is shown to many at once with the memory that the pod may have")
    func full() async throws {
        try await Stack.with { stack in
            let notes = String(repeating: "😀", count: TaskInput.notesLimit)
            let time = Timestamp.now.text
            for bucket in 0..<TaskList.buckets {
                let tasks = (0..<TaskList.tasksInBucket).map { _ in
                    let id = Identifier.timeOrdered()
                    return #""\#(id)":{"id":"\#(id)","version":1,"title":"a","notes":"\#(notes)","completed":false,"#
                        + #""createdAt":"\#(time)","updatedAt":"\#(time)"}"#
                }
                let text = #"{"write":"","content":{"tasks":{\#(tasks.joined(separator: ","))},"waiting":[]}}"#
                stack.backing.with { $0.documents["backend||tasks-\(bucket)"] = (Array(text.utf8), 1) }
            }
            struct Page: Decodable { let tasks: [Task] }
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<6 {
                    group.addTask { try await stack.tasks("GET", "?limit=10").json(Page.self).tasks.count }
                }
                for try await count in group { #expect(count == 10) }
            }
            // `limits` in deploy/todo/chart and deploy/todo/podman.
            #expect(try stack.backend.mostMemory() < 192 << 20)
        }
    }

    @Test("pages show every task once, newest first, also while tasks are added")
    func pages() async throws {
        struct Page: Decodable {
            let tasks: [Task]
            let next: String?
        }
        try await Stack.with { stack in
            var made: [String] = []
            for number in 0..<25 {
                let task: Task = try await stack.tasks("POST", "", #"{"title":"\#(number)"}"#).json()
                made.append(task.id)
                if number % 5 == 0 { _ = try await stack.tasks("POST", "/\(task.id)/complete") }
            }
            var seen: [String] = []
            var next: String? = "/api/tasks?limit=10"
            while let path = next {
                let answer = try await stack.ask("GET", stack.backend.url + path)
                let page: Page = try answer.json()
                #expect(answer.header("Link") == page.next.map { "<\($0)>; rel=\"next\"" })
                seen += page.tasks.map(\.id)
                next = page.next
                _ = try await stack.tasks("POST", "", #"{"title":"later"}"#)
            }
            #expect(seen == made.reversed())
            let done: Page = try await stack.tasks("GET", "?completed=true").json()
            #expect(done.tasks.count == 5)
            #expect(done.next == nil)
        }
    }
}
