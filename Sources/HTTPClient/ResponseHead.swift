/// The headers of the response that is coming in: after an interim response or a redirect, those of the next one.
struct ResponseHead {
    private(set) var headers: [(String, String)] = []
    /// Of all responses of one request, as they came.
    private(set) var byteCount = 0
    /// The empty line has come. What comes between it and the next status line are trailers, which nobody reads.
    private(set) var isComplete = false

    /// Takes one line as curl hands it over. True if it was the empty one that ends the headers.
    mutating func receive(_ line: UnsafeRawBufferPointer) -> Bool {
        byteCount += line.count
        let text = String(decoding: line, as: UTF8.self).trimmingEnd()
        if text.hasPrefix("HTTP/") {
            headers = []
            isComplete = false
            return false
        }
        if isComplete { return false }
        if text.isEmpty {
            isComplete = true
            return true
        }
        append(text)
        return false
    }

    /// Nil if there is none that can be read; curl has refused malformed ones by then.
    var contentLength: Int? {
        headers.last { $0.0.lowercased() == "content-length" }.flatMap { Int($0.1) }
    }

    var hasLocation: Bool {
        headers.contains { $0.0.lowercased() == "location" && !$0.1.isEmpty }
    }

    private mutating func append(_ text: Substring) {
        if text.first == " " || text.first == "\t", let last = headers.popLast() {
            // A folded line (RFC 9112, 5.2).
            headers.append((last.0, last.1 + " " + text.drop { $0 == " " || $0 == "\t" }))
        } else if let colon = text.firstIndex(of: ":") {
            let value = text[text.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            headers.append((String(text[..<colon]), String(value)))
        }
    }
}

extension String {
    /// Without the end of the line and spaces before it. (CR LF is one Character.)
    fileprivate func trimmingEnd() -> Substring {
        let end = lastIndex { !["\r\n", "\n", "\r", " ", "\t"].contains($0) }
        return end.map { self[...$0] } ?? ""
    }
}
