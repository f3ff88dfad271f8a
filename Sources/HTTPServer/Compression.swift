/// Compresses a response's body where that pays and the client accepts it: at least 1,024 bytes of a type that
/// compresses, not compressed already. Sets Content-Encoding and Vary; an ETag gets the suffix `-gzip`, because other
/// bytes need another one (RFC 9110, 8.8.1).
public func compressed(_ response: Response, for request: Request) -> Response {
    guard case .bytes(let bytes) = response.body, bytes.count >= 1024,
        response.header("Content-Encoding") == nil,
        let type = response.header("Content-Type"), MediaType.isCompressible(type)
    else { return response }
    var response = response
    AcceptEncoding.vary(&response)
    guard AcceptEncoding.allowsGzip(request) else { return response }
    let packed = gzip(bytes)
    guard packed.count < bytes.count else { return response }
    response.body = .bytes(packed)
    response.headers.append(("Content-Encoding", "gzip"))
    for index in response.headers.indices where ASCII.equal(response.headers[index].0.utf8, "etag".utf8) {
        let tag = response.headers[index].1
        if tag.hasSuffix("\"") { response.headers[index].1 = tag.dropLast() + "-gzip\"" }
    }
    return response
}

/// What a client says about encodings of the body (RFC 9110, 12.5.3).
enum AcceptEncoding {
    static func allowsGzip(_ request: Request) -> Bool {
        var isNamed: Bool?
        var isAny = false
        for field in request.headers(named: "Accept-Encoding") {
            for item in field.utf8.split(separator: UInt8(ascii: ",")) {
                let parts = item.split(separator: ASCII.semicolon, omittingEmptySubsequences: false)
                let name = ASCII.trimmed(Array(parts[0])[...])
                let isAllowed = !parts.dropFirst().contains { isZero(ASCII.trimmed(Array($0)[...])) }
                if ASCII.equal(name, "gzip".utf8) || ASCII.equal(name, "x-gzip".utf8) { isNamed = isAllowed }
                if ASCII.equal(name, "*".utf8) { isAny = isAllowed }
            }
        }
        return isNamed ?? isAny
    }

    /// `q=0`, `q=0.000`: not acceptable.
    private static func isZero(_ parameter: ArraySlice<UInt8>) -> Bool {
        guard parameter.count >= 3, ASCII.equal(parameter.prefix(2), "q=".utf8) else { return false }
        return parameter.dropFirst(2).allSatisfy { $0 == ASCII.zero || $0 == UInt8(ascii: ".") }
    }

    /// Tells caches that the body depends on Accept-Encoding.
    static func vary(_ response: inout Response) {
        for index in response.headers.indices where ASCII.equal(response.headers[index].0.utf8, "vary".utf8) {
            response.headers[index].1 += ", Accept-Encoding"
            return
        }
        response.headers.append(("Vary", "Accept-Encoding"))
    }
}
