import CCurl

/// What came back: any status is a response, not an error.
public struct HTTPResponse: Sendable {
    public let status: Int
    /// In order of arrival, names as they were sent.
    public let headers: [(String, String)]
    public let body: [UInt8]
    /// From the start of the request to its end, redirects included.
    public let duration: Duration
    /// The address that answered, an IP address without port.
    public let remoteAddress: String?
    /// When the server's certificate ends, in seconds since 1970 UTC. Only for a request over https that asked for it.
    public let certificateExpiry: Int64?

    public init(
        status: Int,
        headers: [(String, String)],
        body: [UInt8],
        duration: Duration,
        remoteAddress: String?,
        certificateExpiry: Int64? = nil
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.duration = duration
        self.remoteAddress = remoteAddress
        self.certificateExpiry = certificateExpiry
    }

    /// The first header of this name, in any mixture of case.
    public func header(_ name: String) -> String? {
        headers.first { $0.0.lowercased() == name.lowercased() }?.1
    }

    /// When the server says that it answered (header `Date`; RFC 9110, 6.6.1), in seconds since 1970.
    public var date: Int64? {
        guard let text = header("Date") else { return nil }
        let seconds = curl_getdate(text, nil)
        return seconds < 0 ? nil : Int64(seconds)
    }

    /// How long the server asks to wait (header `Retry-After`; RFC 9110, 10.2.3). A moment counts from the answer's own
    /// ``date``, and without one says nothing.
    public var retryAfter: Duration? {
        guard let text = header("Retry-After") else { return nil }
        if let seconds = Int64(text) { return .seconds(max(seconds, 0)) }
        let moment = curl_getdate(text, nil)
        guard moment >= 0, let date else { return nil }
        return .seconds(max(Int64(moment) - date, 0))
    }
}
