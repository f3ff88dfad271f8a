public import HTTPClient

/// Where the releases of a pipeline go: made for one definition and, as far as children are recorded, one run.
///
/// A kind of target is one file in this folder, one case of `Definition.Target`, and one line in
/// `RunDependencies.target(of:run:)`.
///
/// Whatever is thrown should be a `StageError` with a sentence for people: `failed` if the fault is in what was pushed,
/// `errored` if it is technical. Every function can be cancelled and keeps to its deadline.
public protocol DeployTarget: Sendable {
    /// Makes of a revision what will be applied. Changes nothing.
    func render(_ revision: RevisionToRender, log: any StageLog, deadline: ContinuousClock.Instant) async throws
        -> RenderedRelease

    /// What applying a revision would change, for people. Changes nothing.
    func plan(_ revision: RevisionToRender, log: any StageLog) async throws -> [String]

    /// Refuses a recorded release that this server does not allow any more. Changes nothing.
    func admit(_ release: TargetRelease) async throws

    /// The pipeline's secrets that a recorded release holds, for masking: they may be others than today's.
    func secrets(of release: TargetRelease) throws -> [SecretValue]

    /// Brings a release up and waits until it is healthy and provably runs the digests that it names.
    ///
    /// It may be called again for the same release after a crash. What it has made when it throws stays for `undo`.
    ///
    /// - Parameter previous: what the environment serves from this target now; nil if nothing.
    /// - Returns: the Services that smoke tests and people can reach. They are stored and shown: no credentials.
    func apply(
        _ release: TargetRelease,
        previous: TargetRelease?,
        log: any StageLog,
        deadline: ContinuousClock.Instant
    ) async throws -> [ServiceEndpoint]

    /// After the smoke test: what the release has made needless goes. It may be called again.
    func settle(_ release: TargetRelease, log: any StageLog, deadline: ContinuousClock.Instant) async throws

    /// Takes a release back, as far as it had come: `previous` is served again, or, without one, what the release
    /// created is deleted.
    ///
    /// - Returns: a sentence that says what was done.
    func undo(
        _ release: TargetRelease,
        to previous: TargetRelease?,
        log: any StageLog,
        deadline: ContinuousClock.Instant
    ) async throws -> String

    /// How smoke tests reach the Services of a release.
    ///
    /// - Parameter endpoints: what `apply` has returned for it.
    func services(_ endpoints: [ServiceEndpoint]) async throws -> ServiceAccess
}

/// What a target renders.
public struct RevisionToRender: Sendable {
    /// The folder with the revision, absolute. Nothing outside of it is read.
    public var checkout: String
    public var images: [PushedImage]
    /// The pipeline's secrets by name; they become Secret `NAME-secrets`.
    public var secrets: [String: [UInt8]]
    /// What the archive of a chart that is not in the repository must be; nil: as the definition says.
    public var chartSHA256: String?

    public init(checkout: String, images: [PushedImage], secrets: [String: [UInt8]], chartSHA256: String? = nil) {
        self.checkout = checkout
        self.images = images
        self.secrets = secrets
        self.chartSHA256 = chartSHA256
    }
}

/// What a target will apply.
public struct RenderedRelease: Sendable {
    /// In the target's own form; the release can be applied again from it alone. It may hold secrets, and is sealed
    /// before it is stored.
    public var body: [UInt8]
    /// A sentence for everything that is read but cannot be honoured.
    public var warnings: [String]

    public init(body: [UInt8], warnings: [String]) {
        self.body = body
        self.warnings = warnings
    }
}

/// A release as its target knows it.
public struct TargetRelease: Sendable {
    public var id: Int64
    public var environment: String
    /// What `render` has made.
    public var body: [UInt8]
    public var images: [PushedImage]
    /// It is applied by a rollback: the Job before the rollout, which brings data forward, is not run again.
    public var isRollback: Bool

    public init(id: Int64, environment: String, body: [UInt8], images: [PushedImage], isRollback: Bool = false) {
        self.id = id
        self.environment = environment
        self.body = body
        self.images = images
        self.isRollback = isRollback
    }
}

/// How the Services of a release are reached: made when they are to be asked, and never stored or logged, because
/// requests may carry the target's credentials.
public struct ServiceAccess: Sendable {
    /// What a check asks of a Service.
    public struct Call: Sendable {
        public var service: String
        /// Nil: the only port that the Service has.
        public var port: Int?
        /// With its query; begins with a slash.
        public var path: String
        /// Of the check. The target decides what it does with those that it sets itself.
        public var headers: [(String, String)]
    }

    /// The release cannot answer this call, however often it is asked.
    public struct Impossible: Error, Sendable {
        public var message: String
        public init(_ message: String) { self.message = message }
    }

    /// Throws ``Impossible``, or anything else that may be over at the next try.
    public let request: @Sendable (Call) async throws -> HTTPRequest
    /// Trusts whom the target's answers come from, and adds the target's credentials.
    public let send: @Sendable (HTTPRequest) async throws -> HTTPResponse
    /// Why the target, through which the Services are asked, does not answer itself; nil if it does.
    public let fault: @Sendable () async -> Reason?

    public init(
        request: @escaping @Sendable (Call) async throws -> HTTPRequest,
        send: @escaping @Sendable (HTTPRequest) async throws -> HTTPResponse,
        fault: @escaping @Sendable () async -> Reason? = { nil }
    ) {
        self.request = request
        self.send = send
        self.fault = fault
    }
}

extension ServiceAccess {
    /// Services at addresses that this machine reaches, with the Service's name as Host.
    static func direct(_ endpoints: [ServiceEndpoint], client: HTTPClient) -> ServiceAccess {
        ServiceAccess(
            request: { call in
                let endpoint = try find(call, endpoints)
                let hasHost = call.headers.contains { $0.0.lowercased() == "host" }
                return HTTPRequest(
                    url: "http://\(endpoint.address)\(call.path)",
                    headers: hasHost ? call.headers : [("Host", endpoint.name)] + call.headers
                )
            },
            send: { try await client.send($0) }
        )
    }

    static func find(_ call: Call, _ endpoints: [ServiceEndpoint]) throws -> ServiceEndpoint {
        let found = endpoints.filter { $0.name == call.service && (call.port == nil || $0.port == call.port) }
        guard let endpoint = found.first else {
            let port = call.port.map { ":\($0)" } ?? ""
            throw Impossible("the release has no Service \(call.service)\(port)")
        }
        guard found.count == 1 else {
            throw Impossible("the Service \(call.service) has several ports: name one")
        }
        return endpoint
    }
}
