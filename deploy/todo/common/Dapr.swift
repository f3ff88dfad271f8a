import FoundationEssentials
public import HTTPClient
import Telemetry

/// The sidecar on loopback (Dapr's HTTP API, version 1.0).
public struct DaprSidecar: Sendable {
    private let base: String
    private let token: String?
    private let client: HTTPClient

    /// For one call. The sidecar has deadlines of its own (`deploy/platform/dapr`, resiliency), which are shorter.
    private static let deadline = Duration.seconds(10)

    /// - Parameter token: what `DAPR_API_TOKEN` says; nil where the sidecar asks for none.
    public init(port: UInt16, token: String?, client: HTTPClient) {
        base = "http://127.0.0.1:\(port)/v1.0"
        self.token = token
        self.client = client
    }

    /// Asks the sidecar something.
    /// - Parameter path: after `/v1.0`, with its query.
    /// - Throws: `HTTPClientError`; an answer of any status is none.
    public func send(
        _ method: String,
        _ path: String,
        headers: [(String, String)] = [],
        body: [UInt8]? = nil
    ) async throws -> HTTPResponse {
        let own = (token.map { [("dapr-api-token", $0)] } ?? []) + (SpanContext.current?.headers ?? [])
        return try await client.send(
            HTTPRequest(
                method: method,
                url: base + path,
                headers: own + headers,
                body: body,
                deadline: Self.deadline,
                connectTimeout: .seconds(2)
            )
        )
    }
}

/// Dapr's state API, with first-write concurrency on every write.
public struct DaprStateStore: StateStore {
    private let sidecar: DaprSidecar
    private let name: String

    /// - Parameter name: of the component. Keys must be letters, digits and hyphens.
    public init(_ sidecar: DaprSidecar, name: String) {
        self.sidecar = sidecar
        self.name = name
    }

    /// Each with a request of its own, all at once: in one answer together they could be larger than anybody takes.
    public func read(_ keys: [String]) async throws -> [String: StateDocument] {
        try await withThrowingTaskGroup(of: (String, StateDocument?).self) { group in
            for key in keys { group.addTask { (key, try await readOne(key)) } }
            var documents: [String: StateDocument] = [:]
            for try await (key, document) in group { documents[key] = document }
            return documents
        }
    }

    private func readOne(_ key: String) async throws -> StateDocument? {
        let response = try await send("GET", "/\(key)?consistency=strong")
        switch response.status {
        case 204: return nil
        case 200:
            guard let etag = response.header("ETag"), !response.body.isEmpty else {
                throw StateError.failure("the state store \(name) gave a document without its ETag")
            }
            return StateDocument(value: response.body, etag: etag)
        default: throw failure("read", response)
        }
    }

    public func write(_ key: String, _ value: [UInt8], etag: String?, lifetime: Duration?) async throws {
        // The value is JSON already: it is put into the request as it is.
        var body = Array("[{\"key\":\"\(key)\",\"value\":".utf8) + value
        if let etag { body += Array(",\"etag\":".utf8) + (try JSON.encode(etag)) }
        if let lifetime {
            body += ",\"metadata\":{\"ttlInSeconds\":\"\(lifetime.components.seconds)\"}".utf8
        }
        body += ",\"options\":{\"concurrency\":\"first-write\",\"consistency\":\"strong\"}}]".utf8
        let response = try await send("POST", "", body: body)
        switch response.status {
        case 200...299: return
        case 409: throw StateError.conflict
        // Without an ETag, Dapr's Redis store does not say that a document exists, only that it cannot write: the next
        // read shows which of the two it was.
        default: throw failure("write", response)
        }
    }

    private func send(_ method: String, _ path: String, body: [UInt8]? = nil) async throws -> HTTPResponse {
        do {
            return try await sidecar.send(
                method,
                "/state/\(name)\(path)",
                headers: body == nil ? [] : [("Content-Type", "application/json")],
                body: body
            )
        } catch let error as HTTPClientError {
            throw StateError.failure("the sidecar does not answer: \(error)")
        }
    }

    private func failure(_ what: String, _ response: HTTPResponse) -> StateError {
        let said = String(decoding: response.body.prefix(300), as: UTF8.self)
        return .failure("the state store \(name) answered \(response.status) to a \(what): \(said)")
    }
}
