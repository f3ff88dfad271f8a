/// Which checks of the smoke test fail already, before a deploy changes anything: what was red before is no verdict on
/// what was pushed.
struct EarlierFaults {
    let run: RunInProgress
    let log: any StageLog

    /// Asks each check once, of those that the live release was held to as well. A check that is new may well fail
    /// before the deploy that it was written for. Nothing is changed: checks that are no GET, and those that need one of
    /// them, are left out.
    ///
    /// - Returns: places in the definition's list of checks, in order.
    /// - Throws: `CancellationError`, and what the history throws.
    func find(_ target: any DeployTarget) async throws -> [Int] {
        let history = run.needs.history
        let environment = run.definition.environment
        guard let live = try await history.live(environment: environment),
            let earlier = try await history.definition(run: live.run)
        else { return [] }
        let isSamePlace = earlier.deploy.isSamePlace(as: run.definition.deploy)
        let old = earlier.smokeTest.independent.map(\.element)
        let checks = run.definition.smokeTest.independent.filter { _, check in
            (isSamePlace || !check.address.begins(with: "service://")) && old.contains { $0.asks(as: check) }
        }
        guard !checks.isEmpty, let services = await services(of: live, target) else { return [] }
        log.line("asking the smoke test's checks once, before anything is changed")
        let results = try await SmokeTester(tracer: run.needs.tracer).run(
            checks: checks.map(\.element).map(\.once),
            services: services,
            outside: run.needs.client,
            log: log,
            deadline: .now + .seconds(run.needs.limits.smokeTestDeadline)
        )
        let failing = zip(checks, results).filter { !$1.passed }
        // Of checks that could not be asked nothing is known.
        if failing.contains(where: \.1.isUnanswered), let fault = await services.fault() {
            log.line("checks without an answer do not count: \(fault.message)")
            return failing.filter { !$1.isUnanswered }.map(\.0.offset)
        }
        return failing.map(\.0.offset)
    }

    /// How the live release is reached; nil if the target cannot say. That is for the deploy to complain about.
    private func services(of live: LiveRelease, _ target: any DeployTarget) async -> ServiceAccess? {
        do {
            return try await target.services(try await run.needs.history.services(of: live))
        } catch {
            log.line("the smoke test's checks are not asked before the deploy: \(run.needs.reason(of: error).message)")
            return nil
        }
    }
}

extension Definition.SmokeCheck {
    /// Both ask the same and expect the same.
    fileprivate func asks(as other: Self) -> Bool {
        address == other.address && headers == other.headers && expect == other.expect && tls == other.tls
    }

    fileprivate var once: Self {
        var check = self
        check.retryFor = 0
        return check
    }
}
