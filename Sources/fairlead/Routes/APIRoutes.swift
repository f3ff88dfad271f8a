import FoundationEssentials
import HTTPClient
import HTTPServer
import Pipelines

/// `/api/v1`: runs, their logs, pipelines, and what an operator may do to them.
struct APIRoutes: Sendable {
    let needs: RunDependencies
    let access: Access
    let runner: Runner
    let comparisons: HeadComparisons
    let pipelines: @Sendable () -> PipelineSet

    private var history: History { needs.history }

    /// The most runs that one page lists.
    private static let pageLimit = 100
    /// The most bytes of log that one answer carries.
    private static let logLimit = 1 << 20

    func runs(_ request: Request) async throws -> Response {
        struct Page: Encodable {
            let runs: [RunSummary]
            let next: String?

            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encode(runs, forKey: .runs)
                try container.encode(next, forKey: .next)
            }
            private enum CodingKeys: String, CodingKey { case runs, next }
        }
        let visibility = try await access.visibility(request)
        let query = try RunsQuery(request)
        let page = try await history.runs(
            pipeline: query.pipeline,
            status: query.status,
            ref: query.ref,
            before: query.before,
            limit: query.limit
        )
        let runs = visibility == .everything ? page.runs : page.runs.map { $0.redacted() }
        return .encoded(Page(runs: runs, next: page.next.map { query.next(before: $0) }))
    }

    func run(_ id: String, _ request: Request) async throws -> Response {
        let visibility = try await access.visibility(request)
        guard let run = try await history.run(try number(id)) else { throw Problem.notFound("there is no run \(id)") }
        return .encoded(visibility == .everything ? run : run.redacted())
    }

    func log(run id: String, stage name: String, _ request: Request) async throws -> Response {
        guard try await access.visibility(request) == .everything else { throw Problem.unauthorized }
        guard let stage = StageName(rawValue: name) else {
            throw Problem.notFound(
                "there is no stage \(name); stages are \(StageName.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        let after = try request.integer("after") ?? 0
        guard after >= 0 else { throw Problem.badRequest("after: must not be negative") }
        let run = try number(id)
        let attempt: Int?
        if let given = try request.integer("attempt") {
            attempt = Int(given)
        } else {
            attempt = try await history.newestAttempt(run: run, stage: stage)
        }
        guard let attempt, let part = try await piece(run, stage, attempt, after) else {
            throw Problem.notFound("run \(id) has no such attempt of stage \(name)")
        }
        return Response(
            status: 200,
            headers: [
                ("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
                ("X-Log-Next", "\(part.next)"), ("X-Log-Complete", "\(part.complete)"),
            ],
            body: .bytes(part.bytes)
        )
    }

    private func piece(
        _ run: Int64,
        _ stage: StageName,
        _ attempt: Int,
        _ after: Int64
    ) async throws -> (bytes: [UInt8], next: Int64, complete: Bool)? {
        do {
            return try await history.log(
                run: run,
                stage: stage,
                attempt: attempt,
                after: after,
                limit: Self.logLimit
            )
        } catch let error as HistoryError where error.code == .notFound {
            return nil
        }
    }

    func cancel(_ id: String, _ request: Request) async throws -> Response {
        try await access.require(.deployer, request)
        let run = try number(id)
        switch try await runner.cancel(run) {
        case .notFound: throw Problem.notFound("there is no run \(id)")
        case .alreadyOver: throw Problem.conflict("already-over", "run \(id) is over already")
        case .cancelled, .requested: return try await summary(run, status: 202)
        }
    }

    func start(pipeline name: String, _ request: Request) async throws -> Response {
        let who = try await access.require(.deployer, request)
        let entry = try entry(name)
        guard let ref = entry.definition.source.ref else {
            throw Problem.conflict("needs-tag", "pipeline \(name) deploys tags; push one")
        }
        let run = try await history.enqueueManual(
            pipeline: name,
            environment: entry.definition.environment,
            definitionHash: entry.hash,
            ref: ref,
            revision: try revision(in: request),
            by: who
        )
        return try await summary(run, status: 202)
    }

    /// What a push would do now. It fetches and asks the target, so it takes the role of those who deploy.
    func plan(pipeline name: String, _ request: Request) async throws -> Response {
        struct Plan: Encodable { let lines: [String] }
        try await access.require(.deployer, request)
        let entry = try entry(name)
        let revision = try revision(in: request)
        do {
            let log = LoggerLog(needs.logger)
            return .encoded(Plan(lines: try await needs.plan(entry.definition, revision: revision, log: log)))
        } catch {
            throw Problem.conflict("no-plan", needs.reason(of: error).message)
        }
    }

    /// The revision that the body asks for; nil for the head.
    private func revision(in request: Request) throws -> String? {
        struct Body: Decodable { let revision: String? }
        guard !request.body.isEmpty else { return nil }
        let body = try request.decoded(as: Body.self, keys: ["revision"], shape: #"empty or {"revision": "…"}"#)
        if let revision = body.revision, !isRevision(revision) {
            throw Problem.badRequest(
                "revision: must be a full commit id of 40 (SHA-256: 64) lower-case hexadecimal digits"
            )
        }
        return body.revision
    }

    func pipelines(_ request: Request) async throws -> Response {
        struct List: Encodable { let pipelines: [PipelineView] }
        let visibility = try await access.visibility(request)
        var views: [PipelineView] = []
        for entry in pipelines().entries { views.append(try await view(entry, visibility)) }
        return .encoded(List(pipelines: views))
    }

    func pipeline(_ name: String, _ request: Request) async throws -> Response {
        let visibility = try await access.visibility(request)
        let entry = try entry(name)
        return .encoded(try await view(entry, visibility))
    }

    func entry(_ name: String) throws -> PipelineSet.Entry {
        guard let entry = pipelines()[name] else { throw Problem.notFound("there is no pipeline \(name)") }
        return entry
    }

    func view(_ entry: PipelineSet.Entry, _ visibility: Visibility) async throws -> PipelineView {
        let environment = entry.definition.environment
        let state = PipelineView.State(
            live: try await history.pipelineLive(environment: environment),
            hold: try await history.hold(environment: environment),
            pause: try await history.pause(environment: environment),
            compared: comparisons[entry.definition.name]
        )
        return PipelineView(entry.definition, state, whole: visibility == .everything)
    }

    func summary(_ run: Int64, status: Int) async throws -> Response {
        guard let summary = try await history.runSummary(run) else { throw Problem.notFound("there is no run \(run)") }
        return .encoded(summary, status: status, headers: [("Location", "/api/v1/runs/\(run)")])
    }

    func number(_ text: String) throws -> Int64 {
        guard let number = Int64(text), number > 0 else { throw Problem.notFound("\(text) is not the number of a run") }
        return number
    }
}

/// A full commit id, SHA-1 or SHA-256.
func isRevision(_ text: String) -> Bool {
    (text.utf8.count == 40 || text.utf8.count == 64)
        && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
}

/// The filters of a list of runs.
private struct RunsQuery {
    var pipeline: String?
    var status: RunStatus?
    var ref: String?
    var before: Int64?
    var limit = 25

    init(_ request: Request) throws {
        for (name, value) in request.query where !value.isEmpty {
            switch name {
            case "pipeline": pipeline = value
            case "status":
                guard let known = RunStatus(rawValue: value) else {
                    throw Problem.badRequest(
                        "status: one of \(RunStatus.allCases.map(\.rawValue).joined(separator: ", "))"
                    )
                }
                status = known
            case "ref": ref = value
            case "before": before = try request.integer("before")
            case "limit":
                guard let number = Int(value), (1...100).contains(number) else {
                    throw Problem.badRequest("limit: a number from 1 to 100")
                }
                limit = number
            default:
                throw Problem.badRequest("\(name): no such parameter; there are pipeline, status, ref, before, limit")
            }
        }
    }

    func next(before: Int64) -> String {
        var pairs = [("before", "\(before)"), ("limit", "\(limit)")]
        if let pipeline { pairs.append(("pipeline", pipeline)) }
        if let status { pairs.append(("status", status.rawValue)) }
        if let ref { pairs.append(("ref", ref)) }
        return "/api/v1/runs?" + pairs.map { "\($0.0)=\($0.1.percentEncoded)" }.joined(separator: "&")
    }
}

extension Request {
    /// A whole number from the query; nil where the name is absent.
    func integer(_ name: String) throws -> Int64? {
        guard let text = query.first(where: { $0.name == name })?.value else { return nil }
        guard let number = Int64(text) else { throw Problem.badRequest("\(name): must be a whole number") }
        return number
    }
}
