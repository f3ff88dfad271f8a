import Foundation
import HTTPClient
import HTTPServer
import Pipelines

/// What GitHub is to a deploy: repositories over https, and the API beside them, on loopback and without the s. The
/// repository behind it is the test's, and it can be away.
final class GitHubHost: Sendable {
    fileprivate struct State {
        var isAway = false
        var asked: [String] = []
        var deliveries: [Delivery] = []
        /// The newest state of each revision's status and deployment.
        var told: [String: String] = [:]
        /// Deployments' revisions; a deployment's number is its place.
        var deployments: [String] = []
    }

    /// As its list has it.
    fileprivate struct Delivery {
        let id: Int
        let guid: String
        let isRedelivery: Bool
        let status: Int
    }

    private let state: Locked<State>
    private let server: HTTPServer

    /// The repository that is behind this host; set once there is one.
    let origin = Locked<Repository?>(nil)
    /// Delivers again what has this guid, and says with what status that was answered.
    let redeliver = Locked<(@Sendable (String) async -> Int)?>(nil)

    init() throws {
        let state = Locked(State())
        let (origin, redeliver) = (origin, redeliver)
        let client = HTTPClient()
        var configuration = HTTPServerConfiguration()
        configuration.port = 0
        server = try HTTPServer(configuration: configuration) { request, responder in
            let isAway = state.withLock {
                $0.asked.append("\(request.method) \(request.path)")
                return $0.isAway
            }
            guard !isAway, let repository = origin.value else {
                return responder.respond(Response(status: 503, headers: [], body: .bytes(Array("away".utf8))))
            }
            Task {
                do {
                    if let answer = Self.answer(request, state, redeliver.value) { return responder.respond(answer) }
                    if let answer = Self.note(request, state) { return responder.respond(answer) }
                    responder.respond(try await Self.answer(request, repository, client))
                } catch {
                    responder.respond(Response(status: 500, headers: [], body: .bytes(Array("\(error)".utf8))))
                }
            }
        }
        self.state = state
    }

    /// As it is written in a pipeline.
    var url: String { "http://127.0.0.1:\(server.port)/test/sample.git" }
    var port: UInt16 { server.port }
    /// As it is written in fairlead.yaml.
    var api: String { "http://127.0.0.1:\(server.port)/api/v3" }
    var asked: [String] { state.withLock { $0.asked } }
    /// `status of REVISION` and `deployment of REVISION`, and the state that was told last.
    var told: [String: String] { state.withLock { $0.told } }

    func setAway(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }

    func stop() async { await server.stop(grace: .seconds(1)) }

    /// Notes a delivery and its answer; 0 is none.
    func note(_ guid: String, status: Int) {
        state.withLock { $0.note(guid, isRedelivery: false, status: status) }
    }

    static func attempts(_ delivery: Int) -> String { "\(hooks)/7/deliveries/\(delivery)/attempts" }

    private static let hooks = "/api/v3/repos/test/sample/hooks"

    /// What GitHub says of webhooks; nil for all other questions.
    private static func answer(
        _ request: Request,
        _ state: Locked<State>,
        _ redeliver: (@Sendable (String) async -> Int)?
    ) -> Response? {
        guard request.path.hasPrefix(hooks) else { return nil }
        let path = request.path.dropFirst(hooks.count)
        if path == "" {
            let hook = #"{"id":7,"active":true,"config":{"url":"https://deploy.example/webhooks/github"}}"#
            return .init(status: 200, headers: [], body: .bytes(Array("[\(hook)]".utf8)))
        }
        if path == "/7/deliveries" {
            let list = state.withLock { $0.deliveries.reversed().map(\.json) }.joined(separator: ",")
            return .init(status: 200, headers: [], body: .bytes(Array("[\(list)]".utf8)))
        }
        guard let id = path.split(separator: "/").dropFirst(2).first.flatMap({ Int($0) }),
            let known = state.withLock({ $0.deliveries.first { $0.id == id } }), let redeliver
        else { return .init(status: 404, headers: [], body: .bytes(Array("{}".utf8))) }
        Task {
            let status = await redeliver(known.guid)
            state.withLock { $0.note(known.guid, isRedelivery: true, status: status) }
        }
        return .init(status: 202, headers: [], body: .bytes(Array("{}".utf8)))
    }

    /// Takes what it is told of a run; nil for all other requests.
    private static func note(_ request: Request, _ state: Locked<State>) -> Response? {
        struct Body: Decodable {
            let state: String?
            let ref: String?
        }
        let path = request.path.split(separator: "/").dropFirst(5).map(String.init)
        guard request.method == "POST", let body = try? JSONDecoder().decode(Body.self, from: Data(request.body))
        else { return nil }
        return state.withLock { state in
            switch (path.first, path.count) {
            case ("statuses", 2): state.told["status of \(path[1])"] = body.state
            case ("deployments", 1): state.deployments.append(body.ref ?? "")
            case ("deployments", 3):
                guard let number = Int(path[1]), state.deployments.indices.contains(number) else { return nil }
                state.told["deployment of \(state.deployments[number])"] = body.state
            default: return nil
            }
            let answer = #"{"id":\#(state.deployments.count - 1)}"#
            return Response(status: 201, headers: [], body: .bytes(Array(answer.utf8)))
        }
    }

    private static func answer(
        _ request: Request,
        _ repository: Repository,
        _ client: HTTPClient
    ) async throws -> Response {
        let heads = "/api/v3/repos/test/sample/git/ref/heads/"
        if request.path.hasPrefix(heads) {
            let branch = request.path.dropFirst(heads.count)
            let revision = try await repository.remoteHead(String(branch))
            let etag = "\"\(revision)\""
            if request.header("If-None-Match") == etag { return Response(status: 304, headers: [], body: .bytes([])) }
            let json = #"{"ref":"refs/heads/\#(branch)","object":{"type":"commit","sha":"\#(revision)"}}"#
            return Response(status: 200, headers: [("ETag", etag)], body: .bytes(Array(json.utf8)))
        }
        guard request.path.hasPrefix("/test/sample.git") else {
            return Response(status: 404, headers: [], body: .bytes(Array("{}".utf8)))
        }
        let query = request.query.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
        let answer = try await client.send(
            HTTPRequest(
                method: request.method,
                url: repository.url + request.path.dropFirst("/test/sample.git".count)
                    + (query.isEmpty ? "" : "?\(query)"),
                headers: request.header("Content-Type").map { [("Content-Type", $0)] } ?? [],
                body: request.body.isEmpty ? nil : request.body
            )
        )
        return Response(
            status: answer.status,
            headers: answer.header("Content-Type").map { [("Content-Type", $0)] } ?? [],
            body: .bytes(answer.body)
        )
    }
}

extension GitHubHost.State {
    fileprivate mutating func note(_ guid: String, isRedelivery: Bool, status: Int) {
        deliveries.append(
            .init(id: 100 + deliveries.count, guid: guid, isRedelivery: isRedelivery, status: status)
        )
    }
}

extension GitHubHost.Delivery {
    fileprivate var json: String {
        """
        {"id":\(id),"guid":"\(guid)","delivered_at":"\(Date().formatted(.iso8601))","redelivery":\(isRedelivery),\
        "duration":0.1,"status":"","status_code":\(status),"event":"push","action":null,"installation_id":null,\
        "repository_id":42}
        """
    }
}

extension Repository {
    /// What the server's branch is at.
    func remoteHead(_ branch: String) async throws -> String {
        try await git("ls-remote", "origin", "refs/heads/\(branch)").prefix(40).description
    }
}
