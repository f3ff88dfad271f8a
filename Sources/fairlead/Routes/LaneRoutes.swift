import FoundationEssentials
import HTTPServer
import Logging
import Pipelines

/// `/api/v1/pipelines/{name}`: what an operator does to the lane that a pipeline deploys through.
struct LaneRoutes: Sendable {
    let api: APIRoutes

    /// Applies the release of an earlier run again, and holds pushes back.
    func rollback(pipeline name: String, _ request: Request) async throws -> Response {
        let who = try await api.access.require(.deployer, request)
        let entry = try api.entry(name)
        let target = try run(in: request)
        let environment = entry.definition.environment
        let result = try await api.needs.history.enqueueRollback(
            pipeline: name,
            environment: environment,
            to: target,
            hold: entry.definition.hold,
            by: who
        )
        switch result {
        case .success(let run): return try await api.summary(run, status: 202)
        case .failure(let refusal): throw Problem(refusal, run: target, pipeline: name, environment: environment)
        }
    }

    /// Begins nothing more in the pipeline's environment until somebody resumes.
    func pause(pipeline name: String, _ request: Request) async throws -> Response {
        let who = try await api.access.require(.deployer, request)
        let entry = try api.entry(name)
        let environment = entry.definition.environment
        let reason = try reason(in: request)
        switch try await api.needs.history.pause(environment: environment, reason: reason, by: who) {
        case .paused:
            api.needs.logger.notice(
                "An environment was paused",
                metadata: ["environment": "\(environment)", "by": "\(who)", "reason": "\(reason ?? "")"]
            )
            return .encoded(try await api.view(entry, .everything))
        case .already(let pause):
            throw Problem.conflict(
                "already-paused",
                "\(environment) is paused already" + (pause.by.map { " by \($0)" } ?? "")
                    + (pause.reason.map { ": \($0)" } ?? "")
            )
        }
    }

    /// Lets pushes through again.
    func resume(pipeline name: String, _ request: Request) async throws -> Response {
        let who = try await api.access.require(.deployer, request)
        let entry = try api.entry(name)
        let environment = entry.definition.environment
        switch try await api.needs.history.resume(environment: environment) {
        case .resumed(let hold, let pause):
            api.needs.logger.notice(
                "Pushes are let through again",
                metadata: [
                    "environment": "\(environment)", "by": "\(who)", "hold.run": "\(hold.map { "\($0.run)" } ?? "")",
                    "paused.by": "\(pause?.by ?? "")",
                ]
            )
            return .encoded(try await api.view(entry, .everything))
        case .notHeld:
            throw Problem.conflict(
                "not-held",
                "nothing holds pushes to \(environment) back; there is nothing to resume"
            )
        case .rollingBack(let run):
            throw Problem.conflict(
                "rolling-back",
                "run \(run) is rolling \(environment) back; wait for its end, or cancel it, which ends its hold too"
            )
        }
    }

    /// The longest reason for a pause that is kept, in bytes.
    private static let longestReason = 500

    private func reason(in request: Request) throws -> String? {
        struct Body: Decodable { let reason: String? }
        guard !request.body.isEmpty else { return nil }
        let body = try request.decoded(as: Body.self, keys: ["reason"], shape: #"empty or {"reason": "…"}"#)
        guard let reason = body.reason, !reason.isEmpty else { return nil }
        guard reason.utf8.count <= Self.longestReason else {
            throw Problem.badRequest("reason: at most \(Self.longestReason) bytes")
        }
        // It goes into the server's log, which is read line by line, and on terminals.
        let breaks: [Unicode.GeneralCategory] = [.control, .lineSeparator, .paragraphSeparator]
        guard !reason.unicodeScalars.contains(where: { breaks.contains($0.properties.generalCategory) }) else {
            throw Problem.badRequest("reason: one line, without control characters")
        }
        return reason
    }

    /// The run that the body names.
    private func run(in request: Request) throws -> Int64 {
        struct Body: Decodable { let to: Int64 }
        let shape = #"{"to": N}, N the number of the run whose release is wanted"#
        let run = try request.decoded(as: Body.self, keys: ["to"], shape: shape).to
        guard run > 0 else { throw Problem.badRequest("the body must be \(shape)") }
        return run
    }
}

extension Problem {
    init(_ refusal: RollbackRefusal, run: Int64, pipeline: String, environment: String) {
        self =
            switch refusal {
            case .unknownRun: .notFound("there is no run \(run)")
            case .otherPipeline(let other):
                .conflict("other-pipeline", "run \(run) is of pipeline \(other), not of \(pipeline)")
            case .otherEnvironment(let other):
                .conflict(
                    "other-environment",
                    "run \(run) deployed to environment \(other); pipeline \(pipeline) deploys to \(environment) now"
                )
            case .neverReleased:
                .conflict("no-release", "run \(run) has released nothing; name a run that succeeded")
            case .undone:
                .conflict(
                    "release-undone",
                    "the release of run \(run) failed and was given up; name a run that succeeded"
                )
            case .discarded:
                .conflict(
                    "release-discarded",
                    "the release of run \(run) is further back than releases are kept (retention.releases); start a run of "
                        + "its revision instead"
                )
            case .alreadyLive:
                .conflict(
                    "already-live",
                    "the release of run \(run) is what \(environment) serves already, and nothing was applied since"
                )
            case .rollingBack(let other):
                .conflict("rolling-back", "run \(other) is rolling \(environment) back; wait for its end, or cancel it")
            }
    }
}
