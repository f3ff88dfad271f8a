/// Why GitHub's API did not do what was asked. The message never contains a token.
public struct GitHubError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable, Equatable {
        /// 401: the token or the app's key is wrong, revoked or expired.
        case unauthorized
        /// 403: a permission is missing.
        case forbidden
        /// 404: no such repository or commit, or none that the credential may see.
        case notFound
        /// 422: GitHub refuses the content, such as a status beyond the 1,000th of a commit.
        case invalid
        /// 403 or 429 for too many requests.
        case rateLimited
        /// 5xx.
        case serverError
        /// No connection, no answer in time, or one that is not the API's.
        case unreachable
        /// The app's private key cannot sign.
        case badKey
    }

    public let code: Code
    /// A sentence that says what to do.
    public let message: String
    /// How long GitHub asks to wait; nil if it says nothing.
    public let retryAfter: Duration?

    public init(_ code: Code, _ message: String, retryAfter: Duration? = nil) {
        self.code = code
        self.message = message
        self.retryAfter = retryAfter
    }

    public var description: String { message }

    /// Whether the same request may succeed later.
    public var isTransient: Bool { [.rateLimited, .serverError, .unreachable].contains(code) }
}
