public import HTTPClient
public import Telemetry

/// Runs the smoke test of a pipeline: every check is asked, and again until it passes or its time is over, and each is
/// reported, also after one that failed.
///
/// Checks are asked in their order. Those that change nothing and whose answers no other needs are asked side by side
/// with their neighbours of that kind.
public struct SmokeTester: Sendable {
    /// For one request.
    private static let patience: Duration = .seconds(10)

    /// Seconds since 1970 UTC.
    private let now: @Sendable () -> Int64

    private let tracer: Tracer

    public init(tracer: Tracer = Tracer()) {
        self.init(now: { History.systemMilliseconds() / 1000 }, tracer: tracer)
    }

    /// - Parameter now: what certificates are held against.
    init(now: @escaping @Sendable () -> Int64, tracer: Tracer = Tracer()) {
        self.now = now
        self.tracer = tracer
    }

    /// - Parameters:
    ///   - services: how `service://` addresses are reached.
    ///   - outside: asks every other address.
    ///   - deadline: for all checks together.
    /// - Returns: one result for each check, in their order. Whether one failed is for the caller to look at.
    /// - Throws: `CancellationError`.
    public func run(
        checks: [Definition.SmokeCheck],
        services: ServiceAccess,
        outside: HTTPClient,
        log: any StageLog,
        deadline: ContinuousClock.Instant
    ) async throws -> [SmokeResult] {
        var variables = SmokeVariables()
        var results: [SmokeResult] = []
        for group in Self.groups(checks) {
            let known = checks.haveVariables ? variables : nil
            let answers = await withTaskGroup(of: (Int, Answer).self) { tasks in
                for (index, check) in group.enumerated() {
                    tasks.addTask {
                        let asking = Asking(services: services, outside: outside, log: log, deadline: deadline)
                        return (index, await run(check, known, asking))
                    }
                }
                var answers: [Int: Answer] = [:]
                for await (index, answer) in tasks { answers[index] = answer }
                return group.indices.compactMap { answers[$0] }
            }
            try Task.checkCancellation()
            for (check, answer) in zip(group, answers) { variables.note(answer.captured, of: check, answer.result) }
            results += answers.map(\.result)
        }
        return results
    }

    /// What is asked side by side.
    private static func groups(_ checks: [Definition.SmokeCheck]) -> [[Definition.SmokeCheck]] {
        checks.reduce(into: []) { groups, check in
            if check.isPlain, groups.last?.last?.isPlain == true {
                groups[groups.count - 1].append(check)
            } else {
                groups.append([check])
            }
        }
    }

    // MARK: - One check

    private struct Asking: Sendable {
        let services: ServiceAccess
        let outside: HTTPClient
        let log: any StageLog
        let deadline: ContinuousClock.Instant
    }

    private struct Answer: Sendable {
        var result: SmokeResult
        var captured: [String: JSONValue] = [:]
    }

    /// - Parameter variables: nil where no check captures anything: braces are braces.
    private func run(_ check: Definition.SmokeCheck, _ variables: SmokeVariables?, _ asking: Asking) async -> Answer {
        var filled = check
        if let variables {
            if let lack = variables.lack(of: check) {
                let message = "not asked: {{\(lack.variable)}} is missing, for \(quoted(lack.check)) failed"
                return report(.init(isUnanswered: lack.isUnanswered, message: message), check, asking.log)
            }
            do {
                filled = try variables.fill(check)
            } catch {
                let message = (error as? ServiceAccess.Impossible)?.message ?? "\(error)"
                return report(.init(message: message), check, asking.log)
            }
        }
        let question = SmokeQuestion(
            check: filled,
            services: asking.services,
            outside: asking.outside,
            tracer: tracer,
            now: now
        )
        return report(await ask(question, asking), check, asking.log)
    }

    private func ask(_ question: SmokeQuestion, _ asking: Asking) async -> SmokeQuestion.Try {
        let check = question.check
        let deadline = asking.deadline
        let start = ContinuousClock.now
        let end = min(start + .seconds(check.retryFor), deadline)
        var last = SmokeQuestion.Try(message: "was not asked: the time was over")
        var tries = 0
        while tries == 0 || ContinuousClock.now < end {
            let left = max(.milliseconds(100), deadline - .now)
            let next = await question.ask(within: min(Self.patience, left))
            // What was answered before tells more than that there was no time left for another try.
            if tries == 0 || !next.isLate || left > Self.patience { last = next }
            tries += 1
            if last.passed || last.isFinal || Task.isCancelled { break }
            if tries == 1 {
                asking.log.line("\(check.name): \(last.message); asking again for \(check.retryFor.shown) s")
            }
            try? await Task.sleep(for: min(.seconds(check.retryEvery), max(.zero, end - .now)))
        }
        if !last.passed, tries > 1 { last.message += " after \((ContinuousClock.now - start).words)" }
        return last
    }

    private func report(_ last: SmokeQuestion.Try, _ check: Definition.SmokeCheck, _ log: any StageLog) -> Answer {
        log.line("\(last.passed ? "passed" : "FAILED"): \(check.name): \(last.message)")
        let result = SmokeResult(
            name: check.name,
            passed: last.passed,
            status: last.status,
            duration: last.duration,
            message: last.message,
            excerpt: last.excerpt,
            isUnanswered: last.isUnanswered
        )
        return Answer(result: result, captured: last.captured)
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

extension Double {
    /// Without `.0` behind a whole number.
    var shown: String {
        self == rounded() && abs(self) < 1e15 ? "\(Int(self))" : "\(self)"
    }
}
