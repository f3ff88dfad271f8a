import Foundation
import HTTPServer

/// Real HTTP that answers as DigitalOcean's description of its API says, with a registry `acme` and a cluster `prod` that
/// remember what was done to them.
public final class TestDigitalOcean: Sendable {
    /// The token that it accepts.
    public static let token = "dop_v1_test"

    public struct State: Sendable {
        /// Repository → digest and time of each image.
        public var images: [String: [(digest: String, updatedAt: String)]] = [:]
        /// The status of the garbage collection under way; nil: there is none.
        public var garbageCollection: String?
        /// Statuses that the next requests to start a garbage collection get, before one succeeds.
        public var refusals: [Int] = []
        /// Whether the cluster has credentials of the registry by itself.
        public var isIntegrated = false
        public var repositoriesInPlan = 5
        /// Seconds that its clock is ahead of ours.
        public var clock: Double = 0
        /// What it answers to paths that begin so: a status and words.
        public var refused: [String: (status: Int, message: String)] = [:]

        /// What was deleted: `repository@digest`.
        public fileprivate(set) var deleted: [String] = []
        public fileprivate(set) var collections = 0
        /// How many credentials of the registry were given out.
        public fileprivate(set) var minted = 0

        public init() {}
    }

    private let backend: TestBackend
    private let state: Guarded

    /// The service is there while `body` runs.
    ///
    /// - Parameter cluster: the address that the credentials of `prod` lead to.
    public static func with(
        _ state: State = State(),
        cluster: String = "http://127.0.0.1:1",
        _ body: (TestDigitalOcean) async throws -> Void
    ) async throws {
        let service = try TestDigitalOcean(state, cluster: cluster)
        do {
            try await body(service)
        } catch {
            await service.backend.stop()
            throw error
        }
        await service.backend.stop()
    }

    private init(_ initial: State, cluster: String) throws {
        let state = Guarded(initial)
        self.state = state
        backend = try TestBackend { _, request in state.with { $0.answer(request, cluster) } }
    }

    public var url: String { backend.url }
    public var now: State { state.with { $0 } }
    /// `GET /v2/account`, every request so far.
    public var lines: [String] { backend.requests.map(\.line) }

    public func change(_ body: (inout State) -> Void) { state.with { body(&$0) } }

    /// Sendable because the state is touched under the lock only.
    private final class Guarded: @unchecked Sendable {
        private let lock = NSLock()
        private var state: State

        init(_ state: State) { self.state = state }

        func with<Value>(_ body: (inout State) -> Value) -> Value { lock.withLock { body(&state) } }
    }
}

extension TestDigitalOcean.State {
    fileprivate mutating func answer(_ request: Request, _ cluster: String) -> Response {
        var response = content(request, cluster)
        if clock != 0 { response.headers.append(("Date", Self.date(Date(timeIntervalSinceNow: clock)))) }
        return response
    }

    /// As HTTP writes it.
    private static func date(_ date: Date) -> String {
        let form = DateFormatter()
        form.locale = Locale(identifier: "en_US_POSIX")
        form.timeZone = TimeZone(secondsFromGMT: 0)
        form.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return form.string(from: date)
    }

    private mutating func content(_ request: Request, _ cluster: String) -> Response {
        guard request.header("Authorization") == "Bearer \(TestDigitalOcean.token)" else {
            return .problem(401, "Unable to authenticate you")
        }
        if let refusal = refused.first(where: { request.path.hasPrefix($0.key) })?.value {
            return .problem(refusal.status, refusal.message)
        }
        let path = request.path.split(separator: "/").map(String.init)
        switch (request.method, path.dropFirst().first, path.dropFirst(2).first) {
        case ("GET", "account", _): return .body(#"{"account":{"email":"a@b.example","team":{"name":"Acme"}}}"#)
        case (_, "kubernetes", "clusters"): return clusters(path, cluster)
        case ("GET", "registries", "subscription"): return plan
        case (_, "registries", "acme"): return registry(request, Array(path.dropFirst(3)))
        default: return .problem(404, "The resource you were accessing could not be found.")
        }
    }

    private func clusters(_ path: [String], _ server: String) -> Response {
        guard path.last == "credentials" else {
            return .body(
                #"{"kubernetes_clusters":[{"id":"c-1","name":"prod","region":"fra1","version":"1.34.1-do.0","#
                    + #""registry_enabled":\#(isIntegrated),"status":{"state":"running"}}]}"#
            )
        }
        // "-----BEGIN CERTIFICATE-----" in base64; nobody checks it on loopback without TLS.
        return .body(
            #"{"server":"\#(server)","certificate_authority_data":"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t","#
                + #""token":"test-token","expires_at":"2030-01-01T00:00:00Z"}"#
        )
    }

    private var plan: Response {
        .body(
            #"{"subscription":{"tier":{"name":"Basic","slug":"basic","included_repositories":\#(repositoriesInPlan),"#
                + #""included_storage_bytes":5368709120,"allow_storage_overage":true}}}"#
        )
    }

    private mutating func registry(_ request: Request, _ path: [String]) -> Response {
        switch (request.method, path.first) {
        case ("GET", nil): return .body(#"{"registry":{"name":"acme","region":"fra1"}}"#)
        case ("GET", "docker-credentials"):
            minted += 1
            return .body(#"{"auths":{"registry.digitalocean.com":{"auth":"minted-\#(minted)"}}}"#)
        case ("GET", "repositoriesV2"):
            let names = images.keys.sorted().map { #"{"name":"\#($0)"}"# }.joined(separator: ",")
            return .body(#"{"repositories":[\#(names)]}"#)
        case (_, "garbage-collection"): return garbageCollection(request)
        case (_, "repositories"): return repository(request, path)
        default: return .problem(404, "not found")
        }
    }

    private mutating func garbageCollection(_ request: Request) -> Response {
        let running = { (status: String) in
            #"{"garbage_collection":{"uuid":"u","registry_name":"acme","status":"\#(status)","blobs_deleted":0}}"#
        }
        guard request.method == "POST" else {
            return garbageCollection.map { .body(running($0)) } ?? .problem(404, "no garbage collection is active")
        }
        if !refusals.isEmpty { return .problem(refusals.removeFirst(), "not now") }
        collections += 1
        garbageCollection = "requested"
        return .body(running("requested"), status: 201)
    }

    /// `repositories/shop/web/digests/sha256:…`: the name may hold slashes.
    private mutating func repository(_ request: Request, _ path: [String]) -> Response {
        guard let end = path.firstIndex(of: "digests") else { return .problem(404, "not found") }
        let name = path[1..<end].joined(separator: "/")
        guard let all = images[name] else { return .problem(404, "repository not found") }
        if request.method == "DELETE" {
            // The registry is read-only.
            if garbageCollection != nil { return .problem(412, "garbage collection is in progress") }
            let digest = path[path.index(after: end)]
            images[name]?.removeAll { $0.digest == digest }
            deleted.append("\(name)@\(digest)")
            return .empty(204)
        }
        let size = request.query.first { $0.name == "per_page" }.flatMap { Int($0.value) } ?? 20
        let page = request.query.first { $0.name == "page" }.flatMap { Int($0.value) } ?? 1
        let list = all.dropFirst((page - 1) * size).prefix(size).map {
            #"{"digest":"\#($0.digest)","registry_name":"acme","repository":"\#(name)","tags":[],"#
                + #""updated_at":"\#($0.updatedAt)"}"#
        }
        return .body(#"{"manifests":[\#(list.joined(separator: ","))],"meta":{"total":\#(all.count)}}"#)
    }
}

extension Response {
    fileprivate static func body(_ text: String, status: Int = 200) -> Response {
        .json(Array(text.utf8), status: status)
    }

    fileprivate static func problem(_ status: Int, _ message: String) -> Response {
        body(#"{"id":"refused","message":"\#(message)","request_id":"r-1"}"#, status: status)
    }
}
