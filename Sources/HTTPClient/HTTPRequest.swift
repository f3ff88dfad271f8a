/// One request over http or https.
public struct HTTPRequest: Sendable {
    /// Any token (RFC 9110, 9.1), sent as it is: `GET`, `PATCH`.
    public var method: String
    /// Absolute, with the scheme `http` or `https`.
    public var url: String
    /// Sent in this order. `Content-Length` and `Transfer-Encoding` are the client's and refused here.
    public var headers: [(String, String)]
    /// Sent with its length. `POST`, `PUT` and `PATCH` without a body say that its length is zero.
    public var body: [UInt8]?
    /// For everything: looking up the name, connecting, redirects and the last byte of the body. Nil for none.
    public var deadline: Duration?
    /// For looking up the name, connecting and the TLS handshake.
    public var connectTimeout: Duration
    /// Ends the request if for this long hardly a byte (less than one a second) comes or goes. Nil for never. Counted in
    /// whole seconds, and noticed a few seconds late.
    public var idleTimeout: Duration?
    /// A longer body is an error with code `tooLarge`. Does not apply to ``HTTPClient/stream(_:onHead:onBytes:)``.
    public var maxResponseBytes: Int
    /// How many redirects are followed, for `GET` and `HEAD` without a body; another request gets the 3xx itself, as
    /// every request does if this is 0. From https none leads to http. The headers `Authorization` and `Cookie` do not
    /// go along to another host.
    public var followRedirects: Int
    /// Opens a connection for this request. On a kept one that turns out to be closed, the client sends the request again:
    /// not for what must not be done twice.
    public var freshConnection: Bool
    /// Which addresses may be connected to, whatever name leads there.
    public var addressPolicy: AddressPolicy
    /// Look at the server's certificate: see ``HTTPResponse/certificateExpiry``. The request gets a connection of its own,
    /// for only a handshake shows a certificate.
    public var wantsCertificate = false

    public init(
        method: String = "GET",
        url: String,
        headers: [(String, String)] = [],
        body: [UInt8]? = nil,
        deadline: Duration? = .seconds(30),
        connectTimeout: Duration = .seconds(10),
        idleTimeout: Duration? = nil,
        maxResponseBytes: Int = 16 << 20,
        followRedirects: Int = 0,
        freshConnection: Bool = false,
        addressPolicy: AddressPolicy = .any
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.deadline = deadline
        self.connectTimeout = connectTimeout
        self.idleTimeout = idleTimeout
        self.maxResponseBytes = maxResponseBytes
        self.followRedirects = followRedirects
        self.freshConnection = freshConnection
        self.addressPolicy = addressPolicy
    }
}

extension HTTPRequest {
    /// curl follows other methods' redirects too, but turns some of them into a GET on the way.
    var followsRedirects: Bool {
        followRedirects > 0 && body == nil && (method == "GET" || method == "HEAD")
    }

    /// What curl would send as it is, or cut at a NUL, and a server could read as something else.
    func check() throws(HTTPClientError) {
        guard isToken(method) else { throw .invalidRequest("the method is not a token") }
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            throw .invalidRequest("the address has a space or a control character")
        }
        for (name, value) in headers {
            guard isToken(name) else { throw .invalidRequest("a header's name is not a token") }
            guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }) else {
                throw .invalidRequest("the header \(name) has a control character")
            }
            guard !["content-length", "transfer-encoding"].contains(name.lowercased()) else {
                throw .invalidRequest("the header \(name) is set by the client")
            }
        }
    }
}

/// RFC 9110, 5.6.2.
private func isToken(_ text: String) -> Bool {
    !text.isEmpty
        && text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"):
                true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
}
