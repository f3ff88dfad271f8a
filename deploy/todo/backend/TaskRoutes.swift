import HTTPServer
import TodoCommon

/// `/api/tasks`: create, read, update and delete tasks as JSON.
struct TaskRoutes: Sendable {
    let list: TaskList

    /// Tasks on one page, unless the client says how many.
    private static let pageSize = 50
    private static let largestPage = 200

    var routes: [Route] {
        [
            Route("GET", "/api/tasks") { request, _ in try await page(request) },
            Route("POST", "/api/tasks") { request, context in try await create(request, context) },
            Route("GET", "/api/tasks/{id}") { request, context in try await read(request, context) },
            Route("PATCH", "/api/tasks/{id}") { request, context in try await update(request, context) },
            Route("DELETE", "/api/tasks/{id}") { request, context in try await delete(request, context) },
            Route("POST", "/api/tasks/{id}/complete") { request, context in try await complete(request, context) },
        ]
    }

    // MARK: - Handlers

    private func page(_ request: Request) async throws -> Response {
        struct Page: Encodable {
            let tasks: [TodoTask]
            let next: String?
        }
        let query = try PageQuery(request, largest: Self.largestPage, standard: Self.pageSize)
        let (tasks, isLast) = try await list.page(limit: query.limit, after: query.after, completed: query.completed)
        let next = isLast ? nil : tasks.last.map { query.address(after: $0.id) }
        return .encoded(
            Page(tasks: tasks, next: next),
            headers: next.map { [("Link", "<\($0)>; rel=\"next\"")] } ?? []
        )
    }

    private func create(_ request: Request, _ context: RequestContext) async throws -> Response {
        let input = try TaskInput(try body(request), isNew: true)
        let task = try await list.create(input, trace: context.traceparent)
        return answer(task, status: 201, headers: [("Location", "/api/tasks/\(task.id)")])
    }

    private func read(_ request: Request, _ context: RequestContext) async throws -> Response {
        let task = try await list.task(try id(context))
        let known = request.headers(named: "If-None-Match").flatMap(Self.tags)
        guard !known.contains(task.etag), !known.contains("W/\(task.etag)"), !known.contains("*") else {
            return .empty(304, headers: [("ETag", task.etag), ("Cache-Control", "no-store")])
        }
        return answer(task)
    }

    private func update(_ request: Request, _ context: RequestContext) async throws -> Response {
        let condition = condition(request)
        guard condition.tags != nil else {
            throw Problem(
                428,
                "condition-needed",
                "Say which version you change",
                detail: "send If-Match with the task's ETag, or * to change whatever is there"
            )
        }
        let input = try TaskInput(try body(request), isNew: false)
        return answer(try await list.update(try id(context), input, if: condition, trace: context.traceparent))
    }

    private func complete(_ request: Request, _ context: RequestContext) async throws -> Response {
        var input = TaskInput()
        input.completed = true
        let task = try await list.update(try id(context), input, if: condition(request), trace: context.traceparent)
        return answer(task)
    }

    private func delete(_ request: Request, _ context: RequestContext) async throws -> Response {
        try await list.delete(try id(context), if: condition(request), trace: context.traceparent)
        return .empty(204)
    }

    // MARK: - Parts of requests and answers

    private func answer(_ task: TodoTask, status: Int = 200, headers: [(String, String)] = []) -> Response {
        .encoded(task, status: status, headers: [("ETag", task.etag)] + headers)
    }

    private func id(_ context: RequestContext) throws -> String {
        let id = context.parameters["id"] ?? ""
        guard Identifier.isValid(id) else { throw Problem.notFound("no task has the id \(id): ids are UUIDs") }
        return id
    }

    private func body(_ request: Request) throws -> [UInt8] {
        let type = (request.header("Content-Type") ?? "").split(separator: ";").first.map(String.init) ?? ""
        guard ["application/json", "application/merge-patch+json"].contains(type.lowercased()) else {
            throw Problem(
                415,
                "content-type",
                "The body's type is not understood",
                detail: "send application/json",
                headers: [("Accept", "application/json")]
            )
        }
        return request.body
    }

    private func condition(_ request: Request) -> TaskList.Condition {
        let fields = request.headers(named: "If-Match")
        return TaskList.Condition(tags: fields.isEmpty ? nil : fields.flatMap(Self.tags))
    }

    /// RFC 9110, 8.8.3: a list of tags; ours hold no comma.
    private static func tags(_ field: String) -> [String] {
        field.split(separator: ",").map { String($0.drop { $0 == " " }.prefix { $0 != " " }) }
    }
}

/// What a client asks for in `GET /api/tasks`.
private struct PageQuery {
    let limit: Int
    let after: String?
    let completed: Bool?

    init(_ request: Request, largest: Int, standard: Int) throws {
        var values: [String: String] = [:]
        for (name, value) in request.query {
            guard ["limit", "after", "completed"].contains(name) else {
                throw Problem.badRequest("the parameter \(name) is not known: limit, after and completed are")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw Problem.badRequest("the parameter \(name) is there twice")
            }
        }
        let limit = values["limit"].map { Int($0) ?? 0 } ?? standard
        guard (1...largest).contains(limit) else {
            throw Problem.badRequest("limit must be 1 to \(largest)")
        }
        guard values["after"].map(Identifier.isValid) ?? true else {
            throw Problem.badRequest("after must be the id of a task: follow the link `next`")
        }
        guard ["true", "false", nil].contains(values["completed"]) else {
            throw Problem.badRequest("completed must be true or false")
        }
        self.limit = limit
        after = values["after"]
        completed = values["completed"].map { $0 == "true" }
    }

    func address(after id: String) -> String {
        "/api/tasks?limit=\(limit)&after=\(id)" + (completed.map { "&completed=\($0)" } ?? "")
    }
}
