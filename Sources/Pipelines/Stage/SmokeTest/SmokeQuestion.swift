import HTTPClient
import Kubernetes
import Telemetry

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One check and how it is asked. In its texts stand values, no names.
struct SmokeQuestion: Sendable {
    let check: Definition.SmokeCheck
    let services: ServiceAccess
    let outside: HTTPClient
    let tracer: Tracer
    /// Seconds since 1970 UTC, for certificates.
    let now: @Sendable () -> Int64

    static let maximumBody = 1 << 20

    /// What came of asking once.
    struct Try {
        var passed = false
        /// Asking again would not help, or might do a second time what was done.
        var isFinal = false
        var isUnanswered = false
        /// Its time was over before there was an answer.
        var isLate = false
        var status: Int?
        var duration = 0.0
        var message: String
        var excerpt = ""
        var captured: [String: JSONValue] = [:]
    }

    func ask(within limit: Duration) async -> Try {
        let address = SmokeAddress(check)
        var isOfService = false
        if case .service = address { isOfService = true }
        let request: HTTPRequest
        do {
            request = try await self.request(address, within: limit)
        } catch let error as ServiceAccess.Impossible {
            return Try(isFinal: true, message: error.message)
        } catch {
            return Try(isUnanswered: isOfService, message: "no answer: \(error)")
        }
        do {
            let response = try await traced(request) { request in
                isOfService ? try await services.send(request) : try await outside.send(request)
            }
            return judge(response, isOfService: isOfService)
        } catch {
            return unanswered(error, within: limit, isOfService: isOfService)
        }
    }

    /// Made anew for each try: a target's credentials may have become others meanwhile.
    private func request(_ address: SmokeAddress, within limit: Duration) async throws -> HTTPRequest {
        var request =
            switch address {
            case .outside(let request): request
            case .service(let call): try await services.request(call)
            }
        request.method = check.method.rawValue.uppercased()
        switch check.body {
        case .json(let value):
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            request.body = Array(try encoder.encode(value))
            if !request.headers.contains(where: { $0.0.lowercased() == "content-type" }) {
                request.headers.append(("Content-Type", "application/json"))
            }
        case .text(let text): request.body = Array(text.utf8)
        case nil: break
        }
        // The client itself would ask again on a connection that turns out to be closed.
        request.freshConnection = check.method != .get
        request.maxResponseBytes = Self.maximumBody
        request.wantsCertificate = check.tls != nil
        request.deadline = limit
        return request
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

    // MARK: - What came of it

    private func judge(_ response: HTTPResponse, isOfService: Bool) -> Try {
        let took = response.duration.seconds
        var captured: [String: JSONValue] = [:]
        var problem = SmokeExpectation(check, now: now()).problem(with: response)
        if problem == nil { (captured, problem) = SmokeVariables.capture(check.capture, of: response.body) }
        let isRefused = response.status == 429 || response.status >= 500
        return Try(
            passed: problem == nil,
            isFinal: check.method != .get && response.status != 429 && response.status != 503,
            isUnanswered: problem != nil && isOfService && isRefused,
            status: response.status,
            duration: took,
            message: problem ?? "status \(response.status) in \((took * 1000).rounded().shown) ms",
            excerpt: SmokeExcerpt.of(response.body),
            captured: captured
        )
    }

    private func unanswered(_ error: any Error, within limit: Duration, isOfService: Bool) -> Try {
        let told = error as? HTTPClientError ?? (error as? KubernetesError)?.cause as? HTTPClientError
        // The server may have done what it did not answer.
        let isFinal = check.method != .get && told?.isUnsent != true
        let end = isFinal ? "; not asked again, for it may have been done" : ""
        guard let error = error as? HTTPClientError else {
            return Try(isFinal: isFinal, isUnanswered: isOfService, message: "no answer: \(error)\(end)")
        }
        switch error.code {
        case .refusedAddress:
            return Try(
                isFinal: true,
                message: "the address is refused: link-local and metadata addresses are not asked"
            )
        case .timeout:
            return Try(
                isFinal: isFinal,
                isUnanswered: isOfService,
                isLate: true,
                message: "no answer within \(limit.words)\(end)"
            )
        case .tooLarge:
            return Try(isFinal: isFinal, message: "the answer has more than \(Self.maximumBody >> 20) MiB\(end)")
        default:
            return Try(isFinal: isFinal, isUnanswered: isOfService, message: "no answer: \(error.message)\(end)")
        }
    }
}
