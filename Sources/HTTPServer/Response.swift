/// What a handler answers. The server adds Date, Connection, and Content-Length or Transfer-Encoding by itself, and
/// leaves out the last two where a handler sets them: framing is not a handler's business.
public struct Response: Sendable {
    public enum Body: Sendable {
        case empty
        case bytes([UInt8])
        /// Server-sent events; the response lasts until the stream ends. A stream serves one response.
        case stream(EventStream)
    }

    /// 200 to 599.
    public var status: Int
    /// Names and values. A line break or another control character in one of them turns the response into a 500.
    public var headers: [(String, String)]
    public var body: Body

    public init(status: Int = 200, headers: [(String, String)] = [], body: Body = .empty) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A response without a body.
    public static func empty(_ status: Int, headers: [(String, String)] = []) -> Response {
        Response(status: status, headers: headers)
    }

    /// Bytes of a given type.
    public static func bytes(
        _ bytes: [UInt8],
        type: String,
        status: Int = 200,
        headers: [(String, String)] = []
    ) -> Response {
        Response(status: status, headers: [("Content-Type", type)] + headers, body: .bytes(bytes))
    }

    /// Encoded JSON.
    public static func json(_ bytes: [UInt8], status: Int = 200, headers: [(String, String)] = []) -> Response {
        .bytes(bytes, type: "application/json", status: status, headers: headers)
    }

    /// Plain text in UTF-8.
    public static func text(_ text: String, status: Int = 200, headers: [(String, String)] = []) -> Response {
        .bytes(Array(text.utf8), type: "text/plain; charset=utf-8", status: status, headers: headers)
    }

    /// Server-sent events, kept from caches and from proxies that would hold them back.
    public static func events(_ stream: EventStream, headers: [(String, String)] = []) -> Response {
        let own = [
            ("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"),
        ]
        return Response(status: 200, headers: own + headers, body: .stream(stream))
    }

    /// The value of the first header of this name, which may be written in any case.
    public func header(_ name: String) -> String? {
        headers.first { ASCII.equal($0.0.utf8, name.utf8) }?.1
    }

    /// For a response that will not be sent after all: whoever waits for its stream to close must learn of it.
    func discard() {
        if case .stream(let stream) = body { stream.abandon() }
    }
}
