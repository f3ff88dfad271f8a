import HTTPClient
import HTTPServer
import Kubernetes

/// Hands requests for a service on to a server on loopback, over real HTTP.
final class Proxy: Sendable {
    private let client = HTTPClient()

    func forward(_ request: Request, port: UInt16, path: String, _ responder: Responder) {
        Task { responder.respond(await answer(request, port, path)) }
    }

    private func answer(_ request: Request, _ port: UInt16, _ path: String) async -> Response {
        var forwarded = HTTPRequest(url: "http://127.0.0.1:\(port)\(path)")
        forwarded.method = request.method
        forwarded.body = request.body.isEmpty ? nil : request.body
        do {
            let answer = try await client.send(forwarded)
            let type = answer.header("Content-Type") ?? "application/octet-stream"
            return .bytes(answer.body, type: type, status: answer.status)
        } catch {
            let message = "error trying to reach service: \(error)"
            return Failure(code: 503, reason: "ServiceUnavailable", message: message).response
        }
    }
}

extension Cluster {
    /// `…/services/[SCHEME:]NAME[:PORT]/proxy/PATH`; the port by number or name.
    func proxy(_ route: Route, _ call: Call) throws -> Outcome {
        var parts = (route.name ?? "").split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 3 { parts.removeFirst() }
        let place = Place(resource: "services", namespace: route.namespace ?? "", name: parts[0])
        guard let service = store[place] else { throw Failure.notFound(route.resource, parts[0]) }
        let ports = service[["spec", "ports"]]?.items ?? []
        let wanted = parts.count > 1 ? parts[1] : ""
        let port = ports.first {
            wanted.isEmpty || $0["name"]?.string == wanted || $0["port"]?.integer.map { String($0) } == wanted
        }
        guard let number = port?["port"]?.integer,
            let loopback = backends["\(place.namespace)/\(place.name):\(number)"]
        else {
            let message = "no endpoints available for service \"\(route.name ?? "")\""
            throw Failure(code: 503, reason: "ServiceUnavailable", message: message)
        }
        var path = route.rest.isEmpty ? "/" : route.rest
        if !call.request.query.isEmpty {
            path += "?" + call.request.query.map { "\(escaped($0.name))=\(escaped($0.value))" }.joined(separator: "&")
        }
        return .forward(port: loopback, path: path)
    }

    private func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || [0x2D, 0x2E, 0x5F, 0x7E].contains(byte)
            return isPlain ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }
}
