public import HTTPClient
public import Telemetry

/// Runs the smoke test of a pipeline: every check asks once and again until it passes or its time is over, all of them
/// side by side, and each is reported.
public struct SmokeTester: Sendable {
    /// For one request.
    private static let patience: Duration = .seconds(10)
    private static let maximumBody = 1 << 20

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
        let results = await withTaskGroup(of: (Int, SmokeResult).self) { group in
            for (index, check) in checks.enumerated() {
                group.addTask {
                    let question = Question(check: check, services: services, outside: outside, tracer: tracer)
                    return (index, await run(question, log, deadline))
                }
            }
            var results: [Int: SmokeResult] = [:]
            for await (index, result) in group { results[index] = result }
            return checks.indices.compactMap { results[$0] }
        }
        try Task.checkCancellation()
        return results
    }

    /// One check and how it is asked.
    private struct Question: Sendable {
        let check: Definition.SmokeCheck
        let services: ServiceAccess
        let outside: HTTPClient
        let tracer: Tracer

        /// Made anew for each try: a target's credentials may have become others meanwhile.
        func ask(within limit: Duration) async throws -> HTTPResponse {
            let address = SmokeAddress(check)
            var request =
                switch address {
                case .outside(let request): request
                case .service(let call): try await services.request(call)
                }
            request.maxResponseBytes = SmokeTester.maximumBody
            request.wantsCertificate = check.tls != nil
            request.deadline = limit
            return try await traced(request) { request in
                if case .outside = address { return try await outside.send(request) }
                return try await services.send(request)
            }
        }

        /// What the run deployed gets the run's trace, and so one trace leads from the push into the application.
        private func traced(
            _ request: HTTPRequest,
            _ send: (HTTPRequest) async throws -> HTTPResponse
        ) async throws -> HTTPResponse {
            guard SpanContext.current != nil else { return try await send(request) }
            return try await tracer.withSpan(
                "check \(check.name)",
                kind: .client,
                attributes: ["http.request.method": .string(request.method), "fairlead.check": .string(check.name)]
            ) { span in
                var request = request
                if !request.headers.contains(where: { $0.0.lowercased() == "traceparent" }) {
                    request.headers += span.context.headers
                }
                let response = try await HTTPClient.$around.withValue(nil) { try await send(request) }
                span.noteResponse(status: response.status)
                return response
            }
        }
    }

    private func run(
        _ question: Question,
        _ log: any StageLog,
        _ deadline: ContinuousClock.Instant
    ) async -> SmokeResult {
        let check = question.check
        let start = ContinuousClock.now
        let end = min(start + .seconds(check.retryFor), deadline)
        var last = Try(message: "was not asked: the time was over")
        var tries = 0
        while tries == 0 || ContinuousClock.now < end {
            let left = max(.milliseconds(100), deadline - .now)
            last = await ask(question, within: min(Self.patience, left))
            tries += 1
            if last.passed || last.isFinal || Task.isCancelled { break }
            if tries == 1 { log.line("\(check.name): \(last.message); asking again for \(check.retryFor.shown) s") }
            try? await Task.sleep(for: min(.seconds(check.retryEvery), max(.zero, end - .now)))
        }
        if !last.passed, tries > 1 { last.message += " after \((ContinuousClock.now - start).words)" }
        return report(last, check, log)
    }

    private func report(_ last: Try, _ check: Definition.SmokeCheck, _ log: any StageLog) -> SmokeResult {
        log.line("\(last.passed ? "passed" : "FAILED"): \(check.name): \(last.message)")
        return SmokeResult(
            name: check.name,
            passed: last.passed,
            status: last.status,
            duration: last.duration,
            message: last.message,
            excerpt: last.excerpt,
            isUnanswered: last.isUnanswered
        )
    }

    // MARK: - One request

    private struct Try {
        var passed = false
        /// Asking again would not help.
        var isFinal = false
        var isUnanswered = false
        var status: Int?
        var duration = 0.0
        var message: String
        var excerpt = ""
    }

    private func ask(_ question: Question, within limit: Duration) async -> Try {
        let check = question.check
        var isOfService = false
        if case .service = SmokeAddress(check) { isOfService = true }
        do {
            let response = try await question.ask(within: limit)
            let problem = SmokeExpectation(check, now: now()).problem(with: response)
            let took = response.duration.seconds
            let isRefused = response.status == 429 || response.status >= 500
            return Try(
                passed: problem == nil,
                isUnanswered: problem != nil && isOfService && isRefused,
                status: response.status,
                duration: took,
                message: problem ?? "status \(response.status) in \((took * 1000).rounded().shown) ms",
                excerpt: SmokeExcerpt.of(response.body)
            )
        } catch let error as ServiceAccess.Impossible {
            return Try(isFinal: true, message: error.message)
        } catch let error as HTTPClientError {
            switch error.code {
            case .refusedAddress:
                return Try(
                    isFinal: true,
                    message: "the address is refused: link-local and metadata addresses are not asked"
                )
            case .timeout: return Try(isUnanswered: isOfService, message: "no answer within \(limit.words)")
            case .tooLarge: return Try(message: "the answer has more than \(Self.maximumBody >> 20) MiB")
            default: return Try(isUnanswered: isOfService, message: "no answer: \(error.message)")
            }
        } catch {
            return Try(isUnanswered: isOfService, message: "no answer: \(error)")
        }
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
