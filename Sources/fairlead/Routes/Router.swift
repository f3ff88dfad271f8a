import HTTPServer
import Logging
import Pipelines
import Telemetry

/// Every path that the server answers.
struct Router: Sendable {
    let webhook: WebhookRoute
    let access: Access
    let api: APIRoutes
    let lanes: LaneRoutes
    let events: EventsRoute
    let sessions: SessionRoutes
    let health: HealthRoutes
    let metrics: MetricsRoute
    let page: PageRoutes
    let tracer: Tracer
    let logger: Logger

    func handle(_ request: Request, _ responder: Responder) {
        if request.path == WebhookRoute.path { return webhook.handle(request, responder) }
        if let answer = health.answer(request) { return responder.respond(answer) }
        if request.path == "/metrics" {
            Task { responder.respond(await answer(request) { try await metrics.answer(request) }) }
            return
        }
        guard access.acceptsHost(request) else { return responder.respond(Problem.wrongHost.response) }
        if let answer = page.answer(request) { return responder.respond(answer) }
        Task {
            let response = await traced(request) { await answer(request) { try await route(request) } }
            responder.respond(response)
        }
    }

    /// What changes something is traced; what only looks would be noise.
    private func traced(_ request: Request, _ body: () async -> Response) async -> Response {
        guard request.method == "POST", let span = tracer.span(of: request, route: RoutePattern.of(request.path)) else {
            return await body()
        }
        let response = await SpanContext.$current.withValue(span.context) { await body() }
        span.end(answer: response.status)
        return response
    }

    private func answer(_ request: Request, _ route: () async throws -> Response) async -> Response {
        do {
            return compressed(try await route(), for: request)
        } catch let problem as Problem {
            return problem.response
        } catch let error as HistoryError where error.code == .diskFull {
            return Problem.diskFull.response
        } catch let error as HistoryError where error.mayPass {
            logger.error(
                "The database cannot be used",
                metadata: ["http.path": "\(request.path)", "error": "\(error)"]
            )
            return Problem.databaseUnavailable.response
        } catch {
            logger.error("A request failed", metadata: ["http.path": "\(request.path)", "error": "\(error)"])
            return Problem.internalError.response
        }
    }

    private func route(_ request: Request) async throws -> Response {
        let parts = request.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        guard parts.count >= 3, parts[0] == "api", parts[1] == "v1" else {
            throw Problem.notFound("no page and no resource has the path \(request.path)")
        }
        let isRead = request.method == "GET" || request.method == "HEAD"
        switch (isRead ? "GET" : request.method, Array(parts.dropFirst(2))) {
        case ("GET", ["runs"]): return try await api.runs(request)
        case ("GET", let path) where path.count == 2 && path[0] == "runs": return try await api.run(path[1], request)
        case ("GET", let path) where path.count == 5 && path[0] == "runs" && path[2] == "stages" && path[4] == "log":
            return try await api.log(run: path[1], stage: path[3], request)
        case ("POST", let path) where path.count == 3 && path[0] == "runs" && path[2] == "cancel":
            return try await api.cancel(path[1], request)
        case ("POST", let path) where path.count == 3 && path[0] == "runs" && path[2] == "rerun":
            return try await RerunRoute(api: api).rerun(path[1], request)
        case ("GET", ["pipelines"]): return try await api.pipelines(request)
        case ("GET", let path) where path.count == 2 && path[0] == "pipelines":
            return try await api.pipeline(path[1], request)
        case ("POST", let path) where path.count == 3 && path[0] == "pipelines" && path[2] == "runs":
            return try await api.start(pipeline: path[1], request)
        case ("POST", let path) where path.count == 3 && path[0] == "pipelines" && path[2] == "plan":
            return try await api.plan(pipeline: path[1], request)
        case ("POST", let path) where path.count == 3 && path[0] == "pipelines" && path[2] == "rollback":
            return try await lanes.rollback(pipeline: path[1], request)
        case ("POST", let path) where path.count == 3 && path[0] == "pipelines" && path[2] == "pause":
            return try await lanes.pause(pipeline: path[1], request)
        case ("POST", let path) where path.count == 3 && path[0] == "pipelines" && path[2] == "resume":
            return try await lanes.resume(pipeline: path[1], request)
        case ("GET", ["events"]): return try await events.open(request)
        case ("GET", ["session"]): return try await sessions.read(request)
        case ("POST", ["session"]): return try await sessions.create(request)
        case ("DELETE", ["session"]): return try await sessions.delete(request)
        case ("GET", ["openapi.json"]): return page.openAPI
        default: throw Problem.notFound("no resource answers \(request.method) \(request.path)")
        }
    }
}
