import HTTPClient

extension String {
    /// Without white space at its ends.
    var trimmed: String {
        var rest = Substring(self)
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}

extension HTTPResponse {
    /// The body read as UTF-8.
    var text: String { String(decoding: body, as: UTF8.self) }
}
