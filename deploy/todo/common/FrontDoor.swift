import HTTPServer
import Logging
import Telemetry

/// Takes every request: finds its route, measures and traces it, and turns errors into answers.
struct FrontDoor: Sendable {
    private let program: Program
    private let service: Program.Service
    private let stopping: Flag
    private let requests: Family<Counter>
    private let durations: Family<Histogram>

    init(program: Program, service: Program.Service, stopping: Flag) {
        self.program = program
        self.service = service
        self.stopping = stopping
        requests = program.requests
        durations = program.durations
        // Rules over them must not find nothing, nor see only the second of two.
        for route in service.router.routes {
            _ = durations[route.method, route.pattern]
            for status in ["200", "500", "503"] { _ = requests[route.method, route.pattern, status] }
        }
    }

    func answer(_ request: Request) async -> Response {
        if let own = await operational(request) { return own }
        let start = ContinuousClock.now
        let (pattern, body) = choose(request)
        let method = Self.methods.contains(request.method) ? request.method : Router.unknown
        let response = await traced(request, method, pattern, body)
        requests[method, pattern, "\(response.status)"].increment()
        durations[method, pattern].observe(.now - start)
        return response
    }

    private static let methods: Set = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    // MARK: - What every program answers

    private func operational(_ request: Request) async -> Response? {
        guard Program.ownPaths.contains(request.path) else { return nil }
        // A gateway that keeps these paths from the world compares what was sent.
        guard request.rawPath == request.path else {
            return Problem.notFound("nothing has the path \(request.rawPath)").response
        }
        let allowed = ["GET", "HEAD"]
        guard allowed.contains(request.method) else { return Problem.methodNotAllowed(allowed).response }
        return switch request.path {
        case "/healthz": health(await service.liveness())
        case "/readyz": health(stopping.isSet ? "the program is stopping" : await service.readiness())
        default: .bytes(Array(await program.metrics.exposition().utf8), type: MetricRegistry.contentType)
        }
    }

    private func health(_ trouble: String?) -> Response {
        .text((trouble ?? "ok") + "\n", status: trouble == nil ? 200 : 503, headers: [("Cache-Control", "no-store")])
    }

    // MARK: - Routes

    private func choose(_ request: Request) -> (pattern: String, body: () async throws -> Response) {
        switch service.router.choose(request) {
        case .route(let route, let parameters):
            let context = { RequestContext(parameters: parameters, traceparent: SpanContext.current?.traceparent) }
            return (route.pattern, { try await route.body(request, context()) })
        case .methods(let allowed, let pattern):
            return (pattern, { throw Problem.methodNotAllowed(allowed) })
        case .nothing:
            return (Router.unknown, { throw Problem.notFound("nothing has the path \(request.path)") })
        }
    }

    private func traced(
        _ request: Request,
        _ method: String,
        _ pattern: String,
        _ body: () async throws -> Response
    ) async -> Response {
        let parent = request.header("traceparent").flatMap {
            SpanContext(traceparent: $0, tracestate: request.header("tracestate"))
        }
        return await program.tracer.withSpan(
            "\(method) \(pattern)",
            kind: .server,
            parent: parent,
            attributes: ["http.request.method": .string(method), "http.route": .string(pattern)]
        ) { span in
            let response = await guarded(request, body)
            span.set("http.response.status_code", .int(response.status))
            if response.status >= 500 { span.setStatus(.error("")) }
            return response
        }
    }

    private func guarded(_ request: Request, _ body: () async throws -> Response) async -> Response {
        do {
            return try await body()
        } catch let problem as Problem {
            return problem.response
        } catch let error as StateError {
            program.logger.warning(
                "The state store cannot be used",
                metadata: ["http.path": "\(request.path)", "error": "\(error)"]
            )
            return Problem.unavailable("the state store does not answer as it should").response
        } catch {
            program.logger.error(
                "A request failed",
                metadata: ["http.path": "\(request.path)", "error": "\(error)"]
            )
            return Problem.internalError.response
        }
    }
}
