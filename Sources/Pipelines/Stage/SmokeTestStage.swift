import FoundationEssentials

/// Asks the release whether it works. Every check is run and reported, also after one that failed.
struct SmokeTestStage: Sendable {
    let run: RunInProgress
    let log: any StageLog

    func run(_ release: DeployOutput) async throws -> SmokeOutput {
        let checks = run.definition.smokeTest
        if checks.isEmpty {
            log.line("the pipeline has no smokeTest: the rollout's own readiness is all that was asked")
        }
        let results = try await SmokeTester().run(
            checks: checks,
            services: try await run.target.services(release.services),
            outside: run.needs.client,
            log: log,
            deadline: .now + .seconds(run.needs.limits.smokeTestDeadline)
        )
        let output = SmokeOutput(checks: results.map(masked))
        guard let first = output.checks.first(where: { !$0.passed }) else { return output }
        let failed = output.checks.count { !$0.passed }
        throw StageError(
            .failed,
            "smoke-test-failed",
            "\(failed) of \(output.checks.count) checks failed; \(first.name): \(first.message)",
            output: Array(try JSONEncoder().encode(output))
        )
    }

    private func masked(_ result: SmokeResult) -> SmokeResult {
        var result = result
        result.message = run.secrets.masker.mask(result.message)
        result.excerpt = run.secrets.masker.mask(result.excerpt)
        return result
    }
}

/// What the smoke test leaves to the reader.
struct SmokeOutput: Codable, Sendable {
    var checks: [SmokeResult]
}
