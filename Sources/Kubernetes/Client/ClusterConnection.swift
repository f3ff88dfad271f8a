import HTTPClient

/// What copies of a ``Cluster`` share.
final class ClusterConnection: Sendable {
    let access: ClusterAccess
    let client: HTTPClient
    let token: Token
    let discovery = Discovery()

    init(_ access: ClusterAccess) {
        self.access = access
        var configuration = HTTPClient.Configuration()
        configuration.caPEM = access.authorityPEM
        if case .certificate(let certificate, let key) = access.credential {
            configuration.clientCertificate = .init(certificatePEM: certificate, keyPEM: key)
        }
        if let proxy = access.proxy { configuration.proxy = .url(proxy) }
        client = HTTPClient(configuration: configuration)
        token = Token(access.credential)
    }

    deinit { client.close() }
}

extension Cluster {
    /// Sends a call until it succeeds, fails for good, or the time is over.
    ///
    /// - Throws: ``KubernetesError`` and nothing else, also for every status but 2xx.
    func send(_ call: APICall) async throws -> HTTPResponse {
        let end = ContinuousClock.now + limits.request
        var pauses = Pauses(limits)
        var tries = 0
        var lastError: KubernetesError?
        while true {
            do {
                return try await attempt(call, until: end, after: lastError)
            } catch let error as KubernetesError {
                // What came before tells more than that there was no time left for another try.
                if let lastError, error.code == .timeout, end <= .now { throw lastError }
                lastError = error
                tries += 1
                let pause = pauses.take(atLeast: error.retryAfter)
                guard error.isWorthRepeating(call, tries: tries), .now + pause < end else { throw error }
                try await sleep(pause)
            }
        }
    }

    /// The same, for calls that answer with JSON.
    func json(_ call: APICall) async throws -> JSON {
        let response = try await send(call)
        guard let value = try? JSON(parsing: response.body), case .object = value else {
            throw KubernetesError.notKubernetes(response, subject: call.subject)
        }
        return value
    }

    private func attempt(
        _ call: APICall,
        until end: ContinuousClock.Instant,
        after error: KubernetesError?
    ) async throws -> HTTPResponse {
        var request = HTTPRequest(method: call.method, url: connection.access.server + call.target)
        request.headers = [("Accept", call.accept)]
        if let body = call.body {
            request.body = body
            request.headers.append(("Content-Type", call.contentType))
        }
        request.deadline = max(min(limits.attempt, end - .now), .milliseconds(1))
        request.connectTimeout = limits.connect
        request.maxResponseBytes = limits.responseBytes
        // What many share (HTTP/2) outlives the request that got no answer on it.
        request.freshConnection = !call.mayRepeat || error?.code == .timeout
        let response = try await authorized(request, subject: call.subject) { try await connection.client.send($0) }
        if let error = KubernetesError(response, subject: call.subject) { throw error }
        return response
    }

    /// Sends with our credentials, once more with a new token if the server refuses the first, and turns what the client
    /// throws into our own error.
    ///
    /// - Parameter isRefused: whether a response means that the token is not accepted.
    func authorized(
        _ request: HTTPRequest,
        subject: String,
        isRefused: (HTTPResponse) -> Bool = { $0.status == 401 },
        _ send: @Sendable (HTTPRequest) async throws -> HTTPResponse
    ) async throws -> HTTPResponse {
        do {
            let token = try await connection.token.value()
            let response = try await send(request.with(token: token))
            guard let token, isRefused(response) else { return response }
            return try await send(request.with(token: try await connection.token.value(insteadOf: token)))
        } catch let error as HTTPClientError {
            throw KubernetesError(error, subject: subject, server: connection.access.server, after: request.deadline)
        } catch is CancellationError {
            throw KubernetesError(.cancelled, "\(subject): cancelled")
        }
    }

    func sleep(_ pause: Duration) async throws {
        do {
            try await Task.sleep(for: pause)
        } catch {
            throw KubernetesError(.cancelled, "cancelled")
        }
    }
}

extension HTTPRequest {
    fileprivate func with(token: String?) -> HTTPRequest {
        var request = self
        if let token { request.headers.append(("Authorization", "Bearer \(token)")) }
        return request
    }
}

extension KubernetesError {
    /// Whether the same call may succeed a little later.
    fileprivate func isWorthRepeating(_ call: APICall, tries: Int) -> Bool {
        switch code {
        // Nothing was done.
        case .tooManyRequests: true
        case .unreachable, .timeout: call.mayRepeat
        case .serverError, .notKubernetes:
            // A 500 is mostly a fault that stays.
            call.mayRepeat && (httpStatus == 500 ? tries <= 2 || retryAfter != nil : (httpStatus ?? 0) > 500)
        default: false
        }
    }

    /// - Parameter deadline: of the request.
    init(_ error: HTTPClientError, subject: String, server: String, after deadline: Duration?) {
        let told = error.message
        switch error.code {
        case .timeout:
            let time = deadline.map { " within \($0.inWords)" } ?? ""
            self.init(.timeout, "\(subject): \(server) did not answer\(time): \(told)", cause: error)
        case .cancelled: self.init(.cancelled, "\(subject): cancelled", cause: error)
        case .tooLarge: self.init(.tooLarge, "\(subject): \(told)", cause: error)
        case .tls where told.contains("certificate problem") && !told.contains("expired"):
            self.init(
                .wrongCA,
                "\(subject): the certificate of \(server) is not of the authority that is trusted for this cluster "
                    + "(\(told)): take the authority's certificate from a new kubeconfig",
                cause: error
            )
        case .tls where told.contains("does not match") || told.contains("no alternative certificate"):
            self.init(
                .wrongCA,
                "\(subject): the certificate of \(server) is for another address (\(told))",
                cause: error
            )
        case .tls: self.init(.tls, "\(subject): no secure connection to \(server): \(told)", cause: error)
        // TLS 1.3 tells of a refused client certificate with the first read.
        case .connect where told.contains("alert"):
            self.init(.tls, "\(subject): \(server) ends the secure connection: \(told)", cause: error)
        default: self.init(.unreachable, "\(subject): \(server) cannot be reached: \(told)", cause: error)
        }
    }
}
