import FoundationEssentials
public import HTTPClient

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

    /// - Parameter path: after `/v1.0`, with its query.
    func send(
        _ method: String,
        _ path: String,
        headers: [(String, String)] = [],
        body: [UInt8]? = nil
    ) async throws -> HTTPResponse {
        let own = token.map { [("dapr-api-token", $0)] } ?? []
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

    /// - Parameter name: of the component.
    public init(_ sidecar: DaprSidecar, name: String) {
        self.sidecar = sidecar
        self.name = name
    }

    public func read(_ keys: [String]) async throws -> [String: StateDocument] {
        if keys.count == 1 { return try await readOne(keys[0]).map { [keys[0]: $0] } ?? [:] }
        struct Question: Encodable {
            let keys: [String]
            let parallelism = 16
        }
        struct Item: Decodable {
            let key: String
            let data: RawJSON?
            let etag: String?
            let error: String?
        }
        let response = try await send("POST", "/bulk", body: try JSON.encode(Question(keys: keys)))
        guard response.status == 200 else { throw failure("bulk read", response) }
        let items = try decode([Item].self, response)
        guard Set(items.map(\.key)).isSuperset(of: keys) else {
            throw StateError.failure("the state store \(name) left keys out of a bulk read")
        }
        var documents: [String: StateDocument] = [:]
        for item in items {
            if let error = item.error { throw StateError.failure("the state store \(name): \(error)") }
            guard let data = item.data, let etag = item.etag, !etag.isEmpty else { continue }
            documents[item.key] = StateDocument(value: try JSON.encode(data), etag: etag)
        }
        return documents
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
        struct Options: Encodable {
            let concurrency = "first-write"
            let consistency = "strong"
        }
        struct Item: Encodable {
            let key: String
            let value: RawJSON
            let etag: String?
            let options = Options()
            let metadata: [String: String]?
        }
        let item = Item(
            key: key,
            value: try JSON.decode(RawJSON.self, from: value),
            etag: etag,
            metadata: lifetime.map { ["ttlInSeconds": "\($0.components.seconds)"] }
        )
        let response = try await send("POST", "", body: try JSON.encode([item]))
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

    private func decode<Value: Decodable>(_ type: Value.Type, _ response: HTTPResponse) throws -> Value {
        do {
            return try JSON.decode(type, from: response.body)
        } catch {
            throw StateError.failure("the state store \(name) gave an answer that cannot be read: \(error)")
        }
    }

    private func failure(_ what: String, _ response: HTTPResponse) -> StateError {
        let said = String(decoding: response.body.prefix(300), as: UTF8.self)
        return .failure("the state store \(name) answered \(response.status) to a \(what): \(said)")
    }
}
