import HTTPClient

/// Where a check's address leads.
enum SmokeAddress {
    /// `service://name:port/path`: the target knows the way.
    case service(ServiceAccess.Call)
    /// `http(s)://…`: the outside, except link-local and metadata addresses.
    case outside(HTTPRequest)

    init(_ check: Definition.SmokeCheck) {
        let headers = check.headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        let scheme = "service://"
        guard check.address.begins(with: scheme) else {
            self = .outside(
                HTTPRequest(url: check.address, headers: headers, addressPolicy: .refuseLinkLocalAndMetadata)
            )
            return
        }
        let rest = check.address.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let path = rest.dropFirst(authority.count)
        let parts = authority.split(separator: ":", maxSplits: 1)
        self = .service(
            ServiceAccess.Call(
                service: parts.first.map(String.init) ?? "",
                port: parts.count > 1 ? plainNumber(parts[1]) : nil,
                path: path.begins(with: "/") ? String(path) : "/\(path)",
                headers: headers
            )
        )
    }
}
