/// A request whose framing was checked and whose body has arrived whole. It owns all it holds, so it may be kept.
public struct Request: Sendable {
    /// As sent: `GET`, `POST`. Methods are case-sensitive.
    public let method: String
    /// Percent-decoded and starting with `/`; valid UTF-8 without control characters. Its segments are as they were
    /// sent: `..` may be among them.
    public let path: String
    /// The path as it was sent, percent-encoded: what a proxy before us has seen.
    public let rawPath: String
    /// The query's parameters in their order, percent-decoded, `+` read as a space.
    public let query: [(name: String, value: String)]
    /// The raw bytes of the body, empty where there was none.
    public let body: [UInt8]
    /// The address of the other end as a number, without its port; behind a proxy that of the proxy.
    public let remoteAddress: String
    private let head: RequestHead

    /// Makes a request by hand, for handlers that are called without a server.
    public init(
        method: String,
        path: String,
        query: [(name: String, value: String)] = [],
        headers: [(String, String)] = [],
        body: [UInt8] = [],
        remoteAddress: String = "127.0.0.1"
    ) {
        self.init(
            method: method,
            target: (path, path, query),
            head: RequestHead(headers),
            body: body,
            remoteAddress: remoteAddress
        )
    }

    init(
        method: String,
        target: (path: String, rawPath: String, query: [(name: String, value: String)]),
        head: RequestHead,
        body: [UInt8],
        remoteAddress: String
    ) {
        self.method = method
        self.path = target.path
        self.rawPath = target.rawPath
        self.query = target.query
        self.head = head
        self.body = body
        self.remoteAddress = remoteAddress
    }

    /// The value of the first header of this name, which may be written in any case.
    public func header(_ name: String) -> String? { head.first(name) }

    /// The values of every header of this name, in the order they came: two signatures are two values.
    public func headers(named name: String) -> [String] { head.all(name) }

    /// The value of a cookie (RFC 6265), without the quotes that may surround it.
    public func cookie(named name: String) -> String? {
        var found: String?
        let wanted = Array(name.utf8)
        head.forEach("cookie") { header in
            for pair in Array(header).split(separator: ASCII.semicolon) {
                guard let equals = pair.firstIndex(of: ASCII.equals) else { continue }
                guard ASCII.trimmed(pair[..<equals]).elementsEqual(wanted) else { continue }
                var value = ASCII.trimmed(pair[(equals + 1)...])
                if value.count >= 2, value.first == ASCII.quote, value.last == ASCII.quote {
                    value = value.dropFirst().dropLast()
                }
                found = String(decoding: value, as: UTF8.self)
                return false
            }
            return true
        }
        return found
    }
}
