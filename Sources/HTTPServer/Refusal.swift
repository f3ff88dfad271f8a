import CMicroHTTPD
import Glibc

/// An answer that the server gives by itself: a small text.
enum Refusal {
    case badRequest(String)
    case tooLarge
    case overloaded
    case unanswered
    case badResponse
    case stopping

    private var status: (code: Int, reason: String) {
        switch self {
        case .badRequest: (400, "Bad Request")
        case .tooLarge: (413, "Content Too Large")
        case .overloaded, .stopping: (503, "Service Unavailable")
        case .unanswered, .badResponse: (500, "Internal Server Error")
        }
    }

    private var text: String {
        switch self {
        case .badRequest(let reason): "Bad request: \(reason).\n"
        case .tooLarge: "The body of this request is longer than allowed here.\n"
        case .overloaded: "Too much is under way at once. Try again in a moment.\n"
        case .unanswered: "The server has no answer to this request.\n"
        case .badResponse: "The server could not write its answer.\n"
        case .stopping: "The server is stopping. Try again in a moment.\n"
        }
    }

    private var headers: [(String, String)] {
        switch self {
        case .overloaded, .stopping: [("Retry-After", "1")]
        default: []
        }
    }

    var response: Response { .text(text, status: status.code, headers: headers) }

    /// Writes the answer straight to the socket, as far as it takes it without waiting, for the moments in which
    /// libmicrohttpd takes no response: before it has the connection, and while a body is arriving. Nothing else is
    /// under way on the socket then. The caller closes it.
    func write(to socket: Int32) {
        var lines = "HTTP/1.1 \(status.code) \(status.reason)\r\nContent-Type: text/plain; charset=utf-8\r\n"
        for (name, value) in headers { lines += "\(name): \(value)\r\n" }
        lines += "Content-Length: \(text.utf8.count)\r\nConnection: close\r\n\r\n\(text)"
        lines.withUTF8 { bytes in
            _ = send(socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
    }
}
