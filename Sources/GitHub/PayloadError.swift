/// A payload that is refused: the answer is 400 with the name of the field.
public struct PayloadError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The field as a path, `repository.id`, or ``wholePayload`` where the document as a whole is at fault.
    public let field: String
    /// What is wrong with it, without quoting the value.
    public let message: String

    public static let wholePayload = "payload"

    public init(field: String, message: String) {
        self.field = field
        self.message = message
    }

    public var description: String { "\(field): \(message)" }
}

/// A body in a format that GitHub does not send: the answer is 415.
public struct UnsupportedContentType: Error, Sendable, Equatable, CustomStringConvertible {
    /// As it came; nil if there was none.
    public let contentType: String?

    public init(contentType: String?) { self.contentType = contentType }

    public var description: String {
        "expected application/json or application/x-www-form-urlencoded, found \(contentType ?? "no content type")"
    }
}
