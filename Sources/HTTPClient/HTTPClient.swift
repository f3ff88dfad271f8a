/// Requests over http and https, many at a time on one thread of its own (libcurl's multi interface); those with an
/// address policy have a second one. A thread starts with the first request and ends when nothing was asked for a while,
/// taking the kept connections with it.
///
/// Proxies in the environment, `.netrc`, cookies and other schemes are not used. Certificates are always checked.
public final class HTTPClient: Sendable {
    public struct Configuration: Sendable {
        public var userAgent: String
        /// A file of certificates in PEM form that are trusted instead of the system's.
        public var caFile: String?
        /// The same as `caFile`, by its content. Wins if both are given.
        public var caPEM: [UInt8]?
        /// Who we are, for servers that ask.
        public var clientCertificate: ClientCertificate?
        public var proxy: Proxy
        /// How long connections and the thread are kept after the last request.
        public var keepAlive: Duration

        public init(
            userAgent: String = "fairlead",
            caFile: String? = nil,
            caPEM: [UInt8]? = nil,
            clientCertificate: ClientCertificate? = nil,
            proxy: Proxy = .none,
            keepAlive: Duration = .seconds(30)
        ) {
            self.userAgent = userAgent
            self.caFile = caFile
            self.caPEM = caPEM
            self.clientCertificate = clientCertificate
            self.proxy = proxy
            self.keepAlive = keepAlive
        }
    }

    /// Both in PEM form, the key without a passphrase: OpenSSL would ask for it on the terminal.
    public struct ClientCertificate: Sendable, Equatable {
        /// The certificate, and after it those between it and its authority.
        public var certificatePEM: [UInt8]
        public var keyPEM: [UInt8]

        public init(certificatePEM: [UInt8], keyPEM: [UInt8]) {
            self.certificatePEM = certificatePEM
            self.keyPEM = keyPEM
        }
    }

    public enum Proxy: Sendable, Equatable {
        case none
        /// As `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` say.
        case environment
        /// For every request: `http://proxy.example:3128`.
        case url(String)
    }

    /// Goes around every request of a task and of its child tasks, whichever client they use: for tracing.
    @TaskLocal public static var around: Around?

    /// A type of its own, and not the closure alone: optimized, a task-local value of that closure's type crashes
    /// (Swift 6.3, `swift_task_localValuePush` gets no metadata).
    public struct Around: Sendable {
        public typealias Send = @Sendable (HTTPRequest) async throws -> HTTPResponse

        let body: @Sendable (HTTPRequest, Send) async throws -> HTTPResponse

        /// - Parameter body: has to send the request and to return, or throw, what came of it.
        public init(_ body: @escaping @Sendable (_ request: HTTPRequest, _ send: Send) async throws -> HTTPResponse) {
            self.body = body
        }
    }

    private let configuration: Configuration
    /// Each keeps connections of its own: one that a laxer request opened must never serve a stricter one.
    private let loop: TransferLoop
    private let strictLoop: TransferLoop

    public init(configuration: Configuration = Configuration()) {
        self.configuration = configuration
        loop = TransferLoop(keepAlive: configuration.keepAlive)
        strictLoop = TransferLoop(keepAlive: configuration.keepAlive)
    }

    deinit { close() }

    /// Sends a request and collects the response. Cancelling the task ends the request.
    ///
    /// - Throws: ``HTTPClientError`` and nothing else. A response of any status is not an error.
    public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        try await goingAround(request) { try await self.run(Transfer($0, self.configuration, sink: .collect)) }
    }

    /// Sends a request and hands the response on as it comes, however long it gets. Cancelling the task ends it.
    ///
    /// Both closures are called on the client's thread, one at a time: they must not block, for other requests wait
    /// meanwhile. No byte is lost or buffered; who cannot keep up must store them.
    ///
    /// - Parameters:
    ///   - onHead: called once with status and headers, as soon as they are there; its body is empty.
    ///   - onBytes: called for every piece of the body. What it throws ends the request and is thrown from here.
    /// - Returns: the response with an empty body, once the last byte was handed on.
    @discardableResult
    public func stream(
        _ request: HTTPRequest,
        onHead: @escaping @Sendable (HTTPResponse) throws -> Void,
        onBytes: @escaping @Sendable ([UInt8]) throws -> Void
    ) async throws -> HTTPResponse {
        try await goingAround(request) {
            try await self.run(Transfer($0, self.configuration, sink: .stream(onHead: onHead, onBytes: onBytes)))
        }
    }

    /// Ends every request with the code `cancelled`, and the threads. Later requests fail in the same way.
    /// Does not wait for it.
    public func close() {
        loop.close()
        strictLoop.close()
    }

    /// For tests: whether there is a thread.
    var isRunning: Bool { loop.isRunning || strictLoop.isRunning }

    private func goingAround(
        _ request: HTTPRequest,
        _ send: Around.Send
    ) async throws -> HTTPResponse {
        guard let around = Self.around else { return try await send(request) }
        return try await around.body(request, send)
    }

    private func run(_ transfer: Transfer) async throws -> HTTPResponse {
        try transfer.request.check()
        let loop = transfer.request.addressPolicy == .any ? loop : strictLoop
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { loop.submit(transfer, $0) }
        } onCancel: {
            loop.cancel(transfer)
        }
    }
}
