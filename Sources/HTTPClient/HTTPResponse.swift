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

    public init(
        status: Int,
        headers: [(String, String)],
        body: [UInt8],
        duration: Duration,
        remoteAddress: String?
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.duration = duration
        self.remoteAddress = remoteAddress
    }

    /// The first header of this name, in any mixture of case.
    public func header(_ name: String) -> String? {
        headers.first { $0.0.lowercased() == name.lowercased() }?.1
    }
}
