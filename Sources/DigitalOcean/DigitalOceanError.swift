/// Why DigitalOcean did not do what was asked. The message never contains a token.
public struct DigitalOceanError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable, Equatable {
        /// 401: the token is wrong, revoked or expired.
        case unauthorized
        /// 403: the token lacks a scope, or the plan does not allow it.
        case forbidden
        /// 404.
        case notFound
        /// 409 or 412: not possible in the present state, such as a second garbage collection.
        case conflict
        /// 429 until the deadline.
        case tooManyRequests
        /// 400 or 422: a request that the API takes for malformed.
        case invalid
        /// 5xx until the deadline.
        case serverError
        /// No connection, no answer in time, or one that is not the API's.
        case unreachable
        /// The registry is read-only while it collects garbage.
        case garbageCollection
    }

    public let code: Code
    /// A sentence that says what to do.
    public let message: String
    /// DigitalOcean's own id of the request, for their support.
    public let requestID: String?

    public init(_ code: Code, _ message: String, requestID: String? = nil) {
        self.code = code
        self.message = message
        self.requestID = requestID
    }

    public var description: String { message }

    /// Whether the same request may succeed a little later.
    public var isTransient: Bool {
        [.tooManyRequests, .serverError, .unreachable, .garbageCollection].contains(code)
    }
}
