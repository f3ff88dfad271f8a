import HTTPClient

/// Where a check's `get` leads: `service://name:port/path` to the Service's endpoint, with the Service's name as Host;
/// `http(s)://…` to the outside, except to link-local and metadata addresses.
enum SmokeAddress {
    struct Problem: Error {
        var message: String
    }

    static func request(
        for check: Definition.SmokeCheck,
        _ endpoints: [ServiceEndpoint]
    ) throws(Problem) -> HTTPRequest {
        let headers = check.headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        let scheme = "service://"
        guard check.get.begins(with: scheme) else {
            return HTTPRequest(url: check.get, headers: headers, addressPolicy: .refuseLinkLocalAndMetadata)
        }
        let rest = check.get.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let path = rest.dropFirst(authority.count)
        let endpoint = try find(String(authority), endpoints)
        let hasHost = headers.contains { $0.0.lowercased() == "host" }
        return HTTPRequest(
            url: "http://\(endpoint.address)\(path.begins(with: "/") ? "" : "/")\(path)",
            headers: hasHost ? headers : [("Host", endpoint.name)] + headers
        )
    }

    private static func find(_ authority: String, _ endpoints: [ServiceEndpoint]) throws(Problem) -> ServiceEndpoint {
        let parts = authority.split(separator: ":", maxSplits: 1)
        let name = parts.first.map(String.init) ?? ""
        let port = parts.count > 1 ? plainNumber(parts[1]) : nil
        let found = endpoints.filter { $0.name == name && (port == nil || $0.port == port) }
        guard let endpoint = found.first else {
            throw Problem(message: "the release has no Service \(authority)")
        }
        guard found.count == 1 else {
            throw Problem(message: "the Service \(name) has several ports: name one")
        }
        return endpoint
    }
}
