/// Why a release is not live.
public struct RolloutFailure: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The cluster refused an object, or could not be asked.
        case apply
        /// Fields belong to somebody else.
        case conflict
        /// The Job before the rollout failed.
        case before
        /// Something will not become ready.
        case unhealthy
        /// Other images than those that were pushed.
        case digest
        case deadline
        case cancelled
    }

    public var code: Code
    /// One sentence for people, with object and place where there are some.
    public var message: String
    /// Whether it is a verdict on what was pushed; otherwise a technical fault that another try may not have.
    public var isVerdict: Bool
    /// Found before anything is undone.
    public var diagnosis: Diagnosis?
    public var cause: KubernetesError?
    /// Objects that are not ready.
    var objects: [JSON] = []

    init(_ code: Code, _ message: String, isVerdict: Bool = true, objects: [JSON] = []) {
        self.code = code
        self.message = message
        self.isVerdict = isVerdict
        self.objects = objects
    }

    /// - Parameter source: where the object is written.
    init(_ error: KubernetesError, source: String? = nil) {
        code =
            switch error.code {
            case .cancelled: .cancelled
            case .conflict: .conflict
            default: .apply
            }
        message = source.map { "\($0): \(error.message)" } ?? error.message
        isVerdict = error.isVerdict
        cause = error
    }

    public var description: String { message }
}

extension KubernetesError {
    /// Whether the cluster has looked at what was asked for and said no.
    public var isVerdict: Bool {
        switch code {
        case .forbidden, .notFound, .unknownKind, .alreadyExists, .conflict, .invalid, .badRequest, .tooLarge,
            .quotaExceeded, .admissionDenied:
            true
        case .badAccess, .unreachable, .wrongCA, .tls, .timeout, .cancelled, .unauthorized, .tooManyRequests, .gone,
            .notKubernetes, .serverError:
            false
        }
    }
}
