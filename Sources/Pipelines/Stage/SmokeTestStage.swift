import FoundationEssentials

/// Asks the release whether it works. Every check is run and reported, also after one that failed.
struct SmokeTestStage: Sendable {
    /// The code of a verdict that rests on nothing but checks that failed before the deploy.
    static let failedBefore = "smoke-test-failed-before"

    let run: RunInProgress
    let log: any StageLog

    func run(_ release: DeployOutput) async throws -> SmokeOutput {
        let checks = run.definition.smokeTest
        if checks.isEmpty {
            log.line("the pipeline has no smokeTest: the rollout's own readiness is all that was asked")
        }
        let services = try await run.target.services(release.services)
        let results = try await SmokeTester(tracer: run.needs.tracer).run(
            checks: checks,
            services: services,
            outside: run.needs.client,
            log: log,
            // A little before the stage's own, which does not know what it waited for.
            deadline: .now + .seconds(run.needs.limits.smokeTestDeadline * 0.9)
        )
        let failingBefore = Set(release.failingBefore ?? [])
        let output = SmokeOutput(
            checks: results.enumerated().map { masked($1, wasFailingBefore: failingBefore.contains($0)) }
        )
        if let verdict = try verdict(on: output) { throw try await technical(verdict, output, services) ?? verdict }
        return output
    }

    /// Where no Service has answered because the target does not: no verdict on what was pushed.
    private func technical(
        _ verdict: StageError,
        _ output: SmokeOutput,
        _ services: ServiceAccess
    ) async throws -> StageError? {
        let isUnanswered = output.checks.allSatisfy { $0.passed || $0.wasFailingBefore || $0.isUnanswered }
        guard isUnanswered, verdict.reason.code != Self.failedBefore, let fault = await services.fault() else {
            return nil
        }
        return StageError(
            .errored,
            fault.code,
            "the smoke test could not ask: \(fault.message)",
            output: verdict.output
        )
    }

    private func verdict(on output: SmokeOutput) throws -> StageError? {
        let failed = output.checks.filter { !$0.passed }
        guard !failed.isEmpty else { return nil }
        let fresh = failed.filter { !$0.wasFailingBefore }
        let first = fresh.first ?? failed[0]
        let count = "\(failed.count) of \(output.checks.count) checks failed"
        return StageError(
            .failed,
            fresh.isEmpty ? Self.failedBefore : "smoke-test-failed",
            fresh.isEmpty
                ? "\(count), as before the deploy, which therefore stays; \(first.name): \(first.message)"
                : "\(count); \(first.name): \(first.message)",
            output: Array(try JSONEncoder().encode(output))
        )
    }

    private func masked(_ result: SmokeResult, wasFailingBefore: Bool) -> SmokeResult {
        var result = result
        result.wasFailingBefore = wasFailingBefore
        result.message = run.secrets.masker.mask(result.message)
        result.excerpt = run.secrets.masker.mask(result.excerpt)
        return result
    }
}

/// What the smoke test leaves to the reader.
struct SmokeOutput: Codable, Sendable {
    var checks: [SmokeResult]
}
