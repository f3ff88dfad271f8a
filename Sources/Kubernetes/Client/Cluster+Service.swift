public import HTTPClient

/// A Service's port, as the API server's proxy reaches it.
public struct ServiceAddress: Sendable, Hashable {
    public enum Scheme: String, Sendable, Hashable {
        case http
        /// The API server does not check the Service's certificate.
        case https
    }

    public var namespace: String
    public var name: String
    /// A number, or the port's name.
    public var port: String
    public var scheme: Scheme

    public init(namespace: String, name: String, port: String, scheme: Scheme = .http) {
        self.namespace = namespace
        self.name = name
        self.port = port
        self.scheme = scheme
    }
}

extension Cluster {
    /// A request to a Service through the API server, for ``send(_:)``; method, headers, body and limits are the
    /// caller's to set. A Status with 503 means that no pod is ready behind the Service.
    ///
    /// - Parameter path: of the Service, encoded, perhaps with a query.
    /// - Throws: ``KubernetesError`` with code `badRequest` for a path that leads out of the Service.
    public func request(to service: ServiceAddress, path: String) throws -> HTTPRequest {
        let segments = path.prefix { $0 != "?" }.split(separator: "/", omittingEmptySubsequences: false)
        // Client or server may shorten the address before they look at it, and it carries our credentials.
        let isSafe = segments.allSatisfy { segment in
            guard let decoded = String(segment).percentDecoded else { return false }
            return decoded != "." && decoded != ".." && !decoded.contains { "/\\#".contains($0) }
        }
        guard isSafe, !path.contains("#"), service.isValid else {
            throw KubernetesError(
                .badRequest,
                "service \(service.name):\(service.port)\(path): that is not an address within a Service"
            )
        }
        let scheme = service.scheme == .https ? "https:" : ""
        let name = "\(service.name.percentEncoded):\(service.port.percentEncoded)"
        let base = "/api/v1/namespaces/\(service.namespace.percentEncoded)/services/\(scheme)\(name)/proxy"
        return HTTPRequest(url: access.server + base + (path.hasPrefix("/") ? "" : "/") + path)
    }

    /// Sends a request to the cluster with our credentials, once: any status is a response.
    ///
    /// - Parameter request: from ``request(to:path:)``.
    public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard request.url.hasPrefix(access.server + "/") else {
            throw KubernetesError(.badRequest, "\(request.url) is not an address of the cluster")
        }
        // A Service's own 401 is no reason for a new token, and not to be asked twice.
        let isRefused = { (response: HTTPResponse) in
            response.status == 401 && (try? JSON(parsing: response.body))?.kind == "Status"
        }
        return try await authorized(request, subject: "request to a Service", isRefused: isRefused) {
            try await connection.client.send($0)
        }
    }
}

extension ServiceAddress {
    /// Names as DNS has them, which a dot alone is not.
    fileprivate var isValid: Bool {
        [namespace, name, port].allSatisfy { text in
            !text.isEmpty && text.utf8.allSatisfy { $0 >= 0x61 && $0 <= 0x7a || $0 >= 0x30 && $0 <= 0x39 || $0 == 0x2d }
        }
    }
}
