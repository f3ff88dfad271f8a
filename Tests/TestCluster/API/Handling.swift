import HTTPServer
import Kubernetes

/// What becomes of a request.
enum Outcome {
    case json(JSON, status: Int = 200)
    case response(Response)
    case later(Duration, Response)
    /// Carried out later.
    case stalled(Duration)
    case silence
    /// To a loopback port, see ``Proxy``.
    case forward(port: UInt16, path: String)
}

extension Cluster {
    mutating func handle(_ request: Request) -> Outcome {
        let user = try? self.user(bearing: request.header("Authorization"))
        let call = Call(request: request, user: user ?? "")
        var entry = LoggedRequest(
            method: request.method,
            path: request.path,
            query: request.query,
            contentType: call.contentType,
            body: request.body,
            user: call.user
        )
        let fault = fault(for: entry)
        let outcome = answer(call, fault, isKnown: user != nil)
        entry.status = outcome.status
        requests.append(entry)
        return outcome
    }

    /// A request that was stalled, as it is answered at last.
    mutating func carryOut(_ request: Request) -> Response {
        let user = try? self.user(bearing: request.header("Authorization"))
        return answer(Call(request: request, user: user ?? ""), nil, isKnown: user != nil).response
    }

    private mutating func answer(_ call: Call, _ fault: Fault.Action?, isKnown: Bool) -> Outcome {
        do {
            if let struck = try strike(call, fault) { return struck }
            guard isKnown else { throw Failure.unauthorized }
            var dropAfter: Int?
            if case .drop(let events) = fault { dropAfter = events }
            let outcome = try route(call, dropAfter: dropAfter)
            guard case .delay(let time) = fault else { return outcome }
            return .later(time, outcome.response)
        } catch let failure as Failure {
            if case .delay(let time) = fault { return .later(time, failure.response) }
            return .response(failure.response)
        } catch {
            return .response(Failure(code: 500, reason: "InternalError", message: "\(error)").response)
        }
    }

    private mutating func strike(_ call: Call, _ fault: Fault.Action?) throws -> Outcome? {
        guard let fault else { return nil }
        let route = try? Route(call.request.path, resources)
        if let failure = fault.failure(route) { throw failure }
        switch fault {
        case .html(let status):
            let page = Array("<html><body><h1>\(status)</h1>The upstream server is not there.</body></html>".utf8)
            return .response(.bytes(page, type: "text/html; charset=utf-8", status: status))
        case .silence: return .silence
        case .stalled(let time): return .stalled(time)
        case .cut:
            if call.request.method != "GET" { _ = try? self.route(call, dropAfter: nil) }
            let stream = EventStream(hasComments: false)
            stream.write(Array("{\"kind\":".utf8))
            stream.finish(cleanly: false)
            return .response(Response(headers: [("Content-Type", "application/json")], body: .stream(stream)))
        case .gone:
            let failure = Failure.expired(1, oldest: store.revision)
            guard call.isWatch else { throw failure }
            let event: JSON = ["type": "ERROR", "object": failure.status]
            return .response(.json(event.bytes + [0x0A]))
        default: return nil
        }
    }

    private mutating func route(_ call: Call, dropAfter: Int?) throws -> Outcome {
        let path = call.request.path
        if ["/healthz", "/readyz", "/livez"].contains(path) { return .response(.text("ok")) }
        if path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" {
            return .json(try review(call), status: 201)
        }
        if call.request.method == "GET", let answer = discovery(call) {
            guard call.wantsAggregated, answer.kind == "APIGroupDiscoveryList" else { return .json(answer) }
            let type = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
            return .response(.bytes(answer.bytes, type: type))
        }
        guard let route = try Route(path, resources) else {
            return .response(.text("404 page not found\n").with(status: 404))
        }
        try authorize(route, call)
        switch route.subresource {
        case nil: return try object(route, call, dropAfter: dropAfter)
        case "status" where route.resource.subresources.contains("status"):
            switch call.request.method {
            case "GET": return .json(try get(route))
            case "PUT": return .json(try replaceStatus(route, call))
            case "PATCH": return .json(try patch(route, call).object)
            default: throw Failure.methodNotAllowed
            }
        case "scale" where route.resource.subresources.contains("scale"):
            return .json(try scale(route, call))
        case "finalize" where route.resource.key == "namespaces": return .json(try finalize(route, call))
        case "log" where route.resource.key == "pods": return .response(try log(route, call))
        case "proxy" where route.resource.key == "services": return try proxy(route, call)
        default: throw Failure.noSuchResource
        }
    }

    private mutating func object(_ route: Route, _ call: Call, dropAfter: Int?) throws -> Outcome {
        switch call.request.method {
        case "GET" where call.isWatch: return .response(try watch(route, call, dropAfter: dropAfter))
        case "GET": return .json(try route.name == nil ? list(route, call) : get(route))
        case "POST" where route.name == nil:
            let made = try create(call.object(), route.resource, namespace: route.namespace, WriteOptions(call))
            return .json(made, status: 201)
        case "PUT" where route.name != nil:
            let sent = try checked(call.object(), route.resource, namespace: route.namespace, name: route.name)
            return .json(try replace(get(route), with: sent, route.resource, WriteOptions(call)))
        case "PATCH" where route.name != nil:
            let (object, isNew) = try patch(route, call)
            return .json(served(object, as: route.resource), status: isNew ? 201 : 200)
        case "DELETE" where route.name != nil:
            return .json(try delete(route.place, route.resource, DeleteOptions(call)))
        case "DELETE": return .json(try deleteAll(route, call))
        default: throw Failure.methodNotAllowed
        }
    }
}

extension Outcome {
    /// What the client gets at once; nothing to forward or to keep silent about.
    fileprivate var response: Response {
        switch self {
        case .json(let value, let status): .json(value.bytes, status: status)
        case .response(let response), .later(_, let response): response
        case .silence, .stalled, .forward: .empty(503)
        }
    }

    fileprivate var status: Int? {
        switch self {
        case .json(_, let status): status
        case .response(let response), .later(_, let response): response.status
        case .silence, .stalled, .forward: nil
        }
    }
}

extension Response {
    fileprivate func with(status: Int) -> Response {
        var response = self
        response.status = status
        return response
    }
}

extension Failure {
    fileprivate static let methodNotAllowed = Failure(
        code: 405,
        reason: "MethodNotAllowed",
        message: "the server does not allow this method on the requested resource"
    )
}
