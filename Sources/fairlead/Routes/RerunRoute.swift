import FoundationEssentials
import HTTPServer
import Logging
import Pipelines

/// `POST /api/v1/runs/{id}/rerun`: runs a run again from one of its stages.
struct RerunRoute: Sendable {
    let api: APIRoutes

    private struct Wish {
        var from: StageName?
        var fresh = false

        init(_ request: Request) throws {
            struct Body: Decodable {
                let from: String?
                let fresh: Bool?
            }
            guard !request.body.isEmpty else { return }
            let body = try request.decoded(
                as: Body.self,
                keys: ["from", "fresh"],
                shape: #"empty or {"from": "STAGE", "fresh": true or false}"#
            )
            fresh = body.fresh ?? false
            guard let name = body.from else { return }
            guard let stage = StageName(rawValue: name) else {
                throw Problem.badRequest(
                    "from: one of \(StageName.allCases.map(\.rawValue).joined(separator: ", "))"
                )
            }
            from = stage
        }
    }

    func rerun(_ id: String, _ request: Request) async throws -> Response {
        let who = try await api.access.require(.deployer, request)
        let run = try api.number(id)
        let wish = try Wish(request)
        let history = api.needs.history
        let stage = try granted(try await history.rerunStage(run: run, from: wish.from, fresh: wish.fresh), run)
        guard let record = try await history.record(run: run) else { throw Problem.notFound("there is no run \(run)") }
        if stage == .deploy, let image = await api.needs.missingImage(of: run) {
            throw Problem.conflict(
                "image-gone",
                "the registry does not have \(image) any more; run the run again from build"
            )
        }
        let begun = try await history.rerun(
            run: run,
            from: wish.from,
            fresh: wish.fresh,
            hold: api.pipelines()[record.pipeline]?.definition.hold ?? .untilResumed,
            by: who
        )
        let from = try granted(begun, run)
        api.needs.logger.notice(
            "A run is run again",
            metadata: ["run.id": "\(run)", "stage.name": "\(from.rawValue)", "by": "\(who)"]
        )
        return try await api.summary(run, status: 202)
    }

    private func granted(_ result: Result<StageName, RerunRefusal>, _ run: Int64) throws -> StageName {
        switch result {
        case .success(let stage): return stage
        case .failure(let refusal): throw Problem(refusal, run: run)
        }
    }
}

extension Problem {
    init(_ refusal: RerunRefusal, run: Int64) {
        self =
            switch refusal {
            case .unknownRun: .notFound("there is no run \(run)")
            case .notOver(let status):
                .conflict("not-over", "run \(run) is \(status.rawValue); wait for its end, or cancel it")
            case .superseded(let successor):
                .conflict(
                    "superseded",
                    "run \(run) was superseded"
                        + (successor.map { " by run \($0): run that one again" } ?? "; push again")
                )
            case .skipped:
                .conflict(
                    "skipped",
                    "run \(run) had nothing to do; a run that is started with POST /api/v1/pipelines/NAME/runs skips nothing"
                )
            case .newerWaits(let newer):
                .conflict("newer-run", "run \(newer) is newer and not over; let it run, or cancel it first")
            case .older(let newest):
                .conflict(
                    "older-run",
                    "run \(newest) came after run \(run); to have the release of run \(run) back, ask for a rollback: "
                        + "POST /api/v1/pipelines/NAME/rollback with {\"to\": \(run)}"
                )
            case .nothingFailed:
                .conflict("nothing-failed", "every stage of run \(run) succeeded; name the one to begin with as `from`")
            case .noStage(let stage):
                .conflict(
                    "no-such-stage",
                    "run \(run) is a rollback and has no \(stage.rawValue) stage; run it again from deploy"
                )
            case .needlesslyFresh(let stage):
                .conflict(
                    "not-fresh",
                    "images are built in the build stage; with `fresh`, begin there and not at \(stage.rawValue)"
                )
            case .outputMissing(let stage):
                .conflict(
                    "output-missing",
                    "the \(stage.rawValue) stage of run \(run) has left nothing to begin with; run it again from "
                        + stage.rawValue
                )
            case .releaseGone(let status):
                .conflict(
                    "release-gone",
                    "the release of run \(run) is \(status.rawValue) and not what the environment serves; run it again from deploy"
                )
            }
    }
}
