/// Why the cluster did not do what it was asked for.
public struct KubernetesError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable, Codable, CaseIterable {
        /// A kubeconfig, a service account or a given address that cannot be used.
        case badAccess
        /// No connection, or it broke.
        case unreachable
        /// The server's certificate is not of the authority that we trust, or not for this address.
        case wrongCA
        /// The handshake failed in another way.
        case tls
        /// The deadline is over.
        case timeout
        /// The task was cancelled, or the cluster closed.
        case cancelled
        /// 401, also with a new token; or there is no token to be had.
        case unauthorized
        /// 403 by the cluster's authorization.
        case forbidden
        case notFound
        /// The cluster has no such `apiVersion` and `kind`.
        case unknownKind
        case alreadyExists
        /// Somebody else owns the fields (``KubernetesError/conflicts``), or the object has changed meanwhile.
        case conflict
        /// The object is against the rules of its kind: ``KubernetesError/causes``.
        case invalid
        /// 400 and other requests that make no sense to the server.
        case badRequest
        /// What was sent, or what came back, is longer than allowed.
        case tooLarge
        case quotaExceeded
        /// A webhook or a policy said no: ``KubernetesError/deniedBy``.
        case admissionDenied
        case tooManyRequests
        /// 410: the resource version is too old to go on from.
        case gone
        /// HTML, or something else that no API server says.
        case notKubernetes
        case serverError
    }

    /// One thing that is wrong with one field (`details.causes` of a Status).
    public struct Cause: Sendable, Hashable, Codable {
        /// `spec.template.spec.containers[0].image`; empty if it is about no field.
        public var field: String
        /// `FieldValueRequired`.
        public var reason: String
        public var message: String
    }

    /// A field that server-side apply would take from another manager.
    public struct Conflict: Sendable, Hashable, Codable {
        /// `kubectl-client-side-apply`.
        public var manager: String
        /// `.spec.replicas`.
        public var field: String
    }

    public let code: Code
    /// One sentence for people, with the object where there is one.
    public let message: String
    /// Nil if there was no response.
    public internal(set) var httpStatus: Int?
    /// The `reason` of the Status that came: `AlreadyExists`. Empty if there was none.
    public internal(set) var reason = ""
    public internal(set) var causes: [Cause] = []
    public internal(set) var conflicts: [Conflict] = []
    /// The webhook or policy that denied, or the webhook that could not be asked.
    public internal(set) var deniedBy: String?
    /// Among the causes is a field that cannot be changed: the object would have to be deleted first.
    public internal(set) var isImmutableField = false
    /// When the server wants to be asked again.
    public internal(set) var retryAfter: Duration?
    /// What happened further down: an `HTTPClientError`, or what the source of tokens threw.
    public internal(set) var cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { message }
}
