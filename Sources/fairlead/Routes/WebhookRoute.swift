import GitHub
import HTTPServer
import Logging
import Pipelines
import Signing
import Telemetry

/// `POST /webhooks/github`: verify, parse, decide, put on disk, and only then say 202.
///
/// It answers without Swift concurrency: this is the path that GitHub's bursts take. The order of checks is
/// framing and size (HTTPServer), signature over the raw bytes, and only then anything that looks inside.
struct WebhookRoute: Sendable {
    let guardian: SourceGuard
    let pipelines: @Sendable () -> PipelineSet
    let deliveries: DeliveryLog
    let metrics: ServerMetrics
    let tracer: Tracer
    let logger: Logger

    static let path = "/webhooks/github"

    func handle(_ request: Request, _ responder: Responder) {
        guard request.method == "POST" else { return responder.respond(Problem.methodNotAllowed(["POST"]).response) }
        guard let secret = guardian.secret(signing: request) else { return unauthorized(responder, "signature") }
        do {
            let event = try read(request)
            switch event {
            case .ping:
                metrics.count(.ignored)
                answer(responder, 200, #"{"ignored":{"code":"ping","message":"pong"}}"#)
            case .other(let name):
                let reason = Reason("event-not-handled", "Fairlead acts on push; this is \(name)")
                metrics.count(.ignored)
                answer(responder, 200, ignored(reason))
            case .push(let push):
                guard guardian.allows(push.repository, secret) else { return unauthorized(responder, "source") }
                accept(push, signedBy: secret, request, responder)
            }
        } catch let problem as Problem {
            responder.respond(problem.response)
        } catch {
            logger.error("A webhook could not be handled", metadata: ["error": "\(error)"])
            responder.respond(Problem.internalError.response)
        }
    }

    private func read(_ request: Request) throws -> WebhookEvent {
        guard let event = request.header("X-GitHub-Event") else {
            throw Problem.badRequest("the header X-GitHub-Event is missing")
        }
        guard let guid = request.header("X-GitHub-Delivery"), isDeliveryID(guid) else {
            throw Problem.badRequest("the header X-GitHub-Delivery is missing or is not an id of at most 64 characters")
        }
        do {
            return try decodeWebhook(event: event, contentType: request.header("Content-Type"), body: request.body)
        } catch let error as PayloadError {
            throw Problem.badRequest("\(error.field): \(error.message)")
        } catch let error as UnsupportedContentType {
            throw Problem(
                status: 415,
                type: "unsupported-content-type",
                title: "The content type is not one that GitHub sends",
                detail: "\(error)"
            )
        }
    }

    private func accept(_ push: PushEvent, signedBy secret: Int, _ request: Request, _ responder: Responder) {
        let guid = request.header("X-GitHub-Delivery") ?? ""
        var incoming = IncomingPush(push, guid: guid)
        let decision: DeliveryDecision
        let ignoredReason: Reason?
        switch pipelines().decide(push) {
        case .accepted(let concerned):
            let entries = guardian.allowed(concerned, secret)
            guard !entries.isEmpty else { return unauthorized(responder, "source") }
            decision = .accepted(
                pipelines: entries.map { ($0.definition.name, $0.definition.environment, $0.hash) }
            )
            ignoredReason = nil
        case .ignored(let reason):
            decision = .ignored(reason)
            ignoredReason = reason
        }
        let span = tracer.span(of: request, route: Self.path)
        span?.set("fairlead.delivery", .string(guid))
        incoming.traceContext = span?.context.recorded
        deliveries.accept(incoming, outcome: decision) { [logger, metrics] result in
            var status = 200
            defer { span?.end(answer: status) }
            switch result {
            case .accepted(_, let runs):
                metrics.count(ignoredReason == nil ? .accepted : .ignored)
                if let ignoredReason {
                    answer(responder, 200, ignored(ignoredReason))
                } else {
                    status = 202
                    answer(responder, status, receipt(guid, runs))
                }
            case .duplicate(_, .ignored(let reason), _):
                metrics.count(.duplicate)
                answer(responder, 200, ignored(reason))
            case .duplicate(_, .accepted, let runs):
                metrics.count(.duplicate)
                answer(responder, 200, receipt(guid, runs, duplicate: true))
            case .failed(let error):
                status = 503
                logger.error("A delivery could not be put on disk", metadata: ["error": "\(error)"])
                responder.respond(
                    Problem(
                        status: status,
                        type: "not-recorded",
                        title: "The delivery could not be put on disk",
                        detail: error.code == .diskFull
                            ? "the disk is full; nothing was recorded, deliver it again"
                            : "nothing was recorded; deliver it again",
                        headers: [("Retry-After", "30")]
                    ).response
                )
            }
        }
    }

    /// One and the same answer for all that is not properly signed.
    private func unauthorized(_ responder: Responder, _ what: String) {
        logger.notice("A webhook was refused", metadata: ["refused.by": "\(what)"])
        responder.respond(Self.notSigned)
    }

    private static let notSigned = Problem(
        status: 401,
        type: "not-signed",
        title: "The delivery is not properly signed",
        detail: "give the webhook the secret that fairlead.yaml names for this repository under webhooks.secrets"
    ).response
}

private func answer(_ responder: Responder, _ status: Int, _ json: String) {
    responder.respond(
        Response(status: status, headers: [("Content-Type", "application/json")], body: .bytes(Array(json.utf8)))
    )
}

private func ignored(_ reason: Reason) -> String {
    #"{"ignored":{"code":"\#(reason.code)","message":\#(jsonString(reason.message))}}"#
}

private func receipt(_ guid: String, _ runs: [AcceptedRun], duplicate: Bool = false) -> String {
    let list = runs.map { #"{"id":\#($0.id),"pipeline":"\#($0.pipeline)"}"# }.joined(separator: ",")
    return #"{"delivery":"\#(guid)","runs":[\#(list)]\#(duplicate ? #","duplicate":true"# : "")}"#
}

/// Delivery ids are GUIDs from GitHub; other senders may use other names of the same harmless letters.
private func isDeliveryID(_ guid: String) -> Bool {
    (1...64).contains(guid.utf8.count)
        && guid.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 45
                || byte == 95
        }
}

private func jsonString(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case let control where control.value < 0x20:
            let hex = String(control.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
