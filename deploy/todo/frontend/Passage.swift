import HTTPClient
import HTTPServer
import TodoCommon

/// Passes requests on to another program, where no gateway in front of us does. Path and query go along as they came:
/// whoever cuts `/api` off tests and serves something else than what clients ask for.
struct Passage: Sendable {
    /// `http://backend:8000`
    let base: String
    /// For the answer's sentence: `backend`.
    let name: String
    let client: HTTPClient

    private static let deadline = Duration.seconds(15)
    /// Of the request and of the answer; others belong to one connection, or to nobody behind us.
    private static let requestHeaders = ["Accept", "Content-Type", "If-Match", "If-None-Match"]
    private static let responseHeaders: Set<String> = [
        "allow", "cache-control", "content-type", "etag", "link", "location", "retry-after", "www-authenticate",
    ]

    func pass(_ request: Request, traceparent: String?) async throws -> Response {
        let headers = Self.requestHeaders.flatMap { name in request.headers(named: name).map { (name, $0) } }
        let hasBody = !request.body.isEmpty || ["POST", "PUT", "PATCH"].contains(request.method)
        let answer: HTTPResponse
        do {
            answer = try await client.send(
                HTTPRequest(
                    method: request.method,
                    url: base + Self.target(request),
                    headers: headers + (traceparent.map { [("traceparent", $0)] } ?? []),
                    body: hasBody ? request.body : nil,
                    deadline: Self.deadline,
                    connectTimeout: .seconds(2)
                )
            )
        } catch let error as HTTPClientError {
            let isLate = error.code == .timeout
            let isReading = ["GET", "HEAD"].contains(request.method)
            throw Problem(
                isLate ? 504 : 502,
                isLate ? "no-answer-in-time" : "no-answer",
                "The \(name) does not answer",
                detail: isReading ? nil : "nobody knows whether it did what was asked",
                headers: [("Retry-After", "2")]
            )
        }
        return Response(
            status: (200...599).contains(answer.status) ? answer.status : 502,
            headers: answer.headers.filter { Self.responseHeaders.contains($0.0.lowercased()) },
            body: answer.body.isEmpty ? .empty : .bytes(answer.body)
        )
    }

    /// The path and query, encoded again as they were.
    static func target(_ request: Request) -> String {
        let query = request.query.map { "\(encode($0.name))=\(encode($0.value))" }.joined(separator: "&")
        let path = request.path.split(separator: "/", omittingEmptySubsequences: false).map { encode(String($0)) }
        return path.joined(separator: "/") + (query.isEmpty ? "" : "?" + query)
    }

    /// RFC 3986, 2.3: what needs no encoding anywhere.
    private static func encode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
