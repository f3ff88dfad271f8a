public import HTTPClient

/// Looks when the certificates end that the hosts of smoke tests show: at the start and some times a day, for a certificate
/// ends, or is renewed, also where nothing is deployed.
public final class CertificateWatch: Sendable {
    private let client: HTTPClient
    private let known = Locked<[Host: Int64]>([:])

    private struct Host: Hashable {
        var pipeline: String
        /// With the port, if there is one.
        var host: String
    }

    /// Between two looks.
    private static let pause = Duration.seconds(6 * 3600)
    /// For one host.
    private static let patience = Duration.seconds(10)

    public init(client: HTTPClient) { self.client = client }

    /// Looks until the task is cancelled.
    public func run(_ definitions: @Sendable () -> [Definition]) async {
        while !Task.isCancelled {
            await look(definitions())
            try? await Task.sleep(for: Self.pause)
        }
    }

    /// When each certificate ends, in seconds since 1970 UTC, by pipeline and host. A host that did not answer at the last
    /// look keeps what it showed before.
    public var expiries: [[String]: Double] {
        known.withLock { known in
            Dictionary(uniqueKeysWithValues: known.map { ([$0.pipeline, $0.host], Double($1)) })
        }
    }

    func look(_ definitions: [Definition]) async {
        var found: [Host: Int64] = [:]
        for (host, request) in Self.questions(definitions) {
            let expiry = try? await client.send(request).certificateExpiry
            found[host] = expiry ?? known.withLock { $0[host] }
        }
        known.withLock { [found] in $0 = found }
    }

    /// One for each host of each pipeline, asked as its smoke test asks.
    private static func questions(_ definitions: [Definition]) -> [Host: HTTPRequest] {
        var questions: [Host: HTTPRequest] = [:]
        for definition in definitions {
            for (_, check) in definition.smokeTest.independent {
                guard case .outside(var request) = SmokeAddress(check), let url = PlainURL(request.url),
                    url.scheme == "https"
                else { continue }
                request.wantsCertificate = true
                request.deadline = patience
                let port = url.host.port.map { ":\($0)" } ?? ""
                questions[Host(pipeline: definition.name, host: url.host.name + port)] = request
            }
        }
        return questions
    }
}
