import Foundation

@testable import Kubernetes

/// Answers as a test says, over real connections. It knows the kinds Pod, ConfigMap and Deployment, group by group as old
/// clusters tell them; all else is the script's.
final class ScriptedAPI: Sendable {
    struct Call: Sendable {
        let method: String
        /// With the query.
        let target: String
        /// Names in lower case.
        let headers: [String: String]
        let body: String

        var path: String { String(target.prefix { $0 != "?" }) }
        /// Decoded.
        var query: [String: String] {
            let items = URLComponents(string: target)?.queryItems ?? []
            return Dictionary(items.map { ($0.name, $0.value ?? "") }) { first, _ in first }
        }
    }

    enum Answer: Sendable {
        case json(String, status: String = "200 OK", headers: [String] = [])
        case text(String, type: String, status: String = "200 OK")
        /// Closes the connection without a word.
        case close
        /// Says nothing until the client goes.
        case silence
        /// A watch: these pieces, each in a chunk of its own. Then it ends properly, or just stays open.
        case pieces([String], stays: Bool = false)
        /// A watch whose connection breaks after these pieces.
        case broken([String])
    }

    private let server: SocketServer
    private let recorded = Recorder<Call>()

    /// - Parameters:
    ///   - extraKinds: documents of discovery, by path, instead of the usual ones.
    ///   - ended: given when a connection has ended.
    ///   - script: is told how many calls of the same method and path there were before.
    init(
        extraKinds: [String: String] = [:],
        ended: Sign? = nil,
        _ script: @escaping @Sendable (Call, Int) -> Answer
    ) throws {
        let documents = extraKinds.merging(kinds) { extra, _ in extra }
        server = try SocketServer { [recorded] connection in
            defer { ended?.give() }
            while let call = connection.readRequest().map(Call.init(text:)) {
                let earlier = recorded.values.count { $0.method == call.method && $0.path == call.path }
                recorded.add(call)
                let answer = documents[call.path].map { Answer.json($0) } ?? script(call, earlier)
                guard connection.give(answer) else { return }
            }
        }
    }

    var url: String { server.url("") }
    var connectionCount: Int { server.connectionCount }
    /// Except those for kinds.
    var calls: [Call] { recorded.values.filter { kinds[$0.path] == nil } }

    func asked(_ path: String) -> Int { recorded.values.count { $0.path == path } }

    /// With short times, and without any pause that a person would notice.
    func cluster(
        _ credential: ClusterAccess.Credential = .none,
        _ change: (inout ClusterLimits) -> Void = { _ in }
    ) throws -> Cluster {
        var limits = ClusterLimits()
        limits.firstPause = .milliseconds(1)
        limits.longestPause = .milliseconds(5)
        change(&limits)
        return Cluster(try ClusterAccess(server: url, credential: credential), limits: limits)
    }
}

/// State that several threads write.
final class Recorder<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var recorded: [Value] = []

    func add(_ value: Value) { lock.withLock { recorded.append(value) } }

    var values: [Value] { lock.withLock { recorded } }
}

private let kinds = [
    "/api": #"{"kind":"APIVersions","versions":["v1"]}"#,
    "/apis": """
    {"kind":"APIGroupList","groups":[{"name":"apps","versions":[{"groupVersion":"apps/v1","version":"v1"}],
    "preferredVersion":{"groupVersion":"apps/v1","version":"v1"}}]}
    """,
    "/api/v1": """
    {"kind":"APIResourceList","groupVersion":"v1","resources":[
    {"name":"pods","namespaced":true,"kind":"Pod","verbs":["get","list"]},
    {"name":"pods/log","namespaced":true,"kind":"Pod","verbs":["get"]},
    {"name":"namespaces","namespaced":false,"kind":"Namespace","verbs":["get"]},
    {"name":"configmaps","namespaced":true,"kind":"ConfigMap","verbs":["get","list"]}]}
    """,
    "/apis/apps/v1": """
    {"kind":"APIResourceList","groupVersion":"apps/v1","resources":[
    {"name":"deployments","namespaced":true,"kind":"Deployment","verbs":["get","list"]},
    {"name":"deployments/scale","namespaced":true,"group":"autoscaling","kind":"Scale","verbs":["get"]}]}
    """,
]

extension ScriptedAPI.Call {
    fileprivate init(text: String) {
        let parts = text.components(separatedBy: "\r\n\r\n")
        let lines = parts[0].components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ").map(String.init)
        method = words[0]
        target = words[1]
        body = parts.dropFirst().joined(separator: "\r\n\r\n")
        let fields = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            return (parts[0].lowercased(), parts.count > 1 ? parts[1] : "")
        }
        headers = Dictionary(fields) { first, _ in first }
    }
}

extension Connection {
    /// - Returns: whether the connection can be used again.
    fileprivate func give(_ answer: ScriptedAPI.Answer) -> Bool {
        switch answer {
        case .json(let body, let status, let headers):
            respond(status: status, headers: ["Content-Type: application/json"] + headers, body: body)
        case .text(let body, let type, let status):
            respond(status: status, headers: ["Content-Type: \(type)"], body: body)
        case .close: return false
        case .silence:
            waitForEnd()
            return false
        case .pieces(let pieces, let stays):
            send(pieces)
            if stays {
                waitForEnd()
                return false
            }
            write("0\r\n\r\n")
        case .broken(let pieces):
            send(pieces)
            return false
        }
        return true
    }

    private func send(_ pieces: [String]) {
        write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in pieces { write("\(String(piece.utf8.count, radix: 16))\r\n\(piece)\r\n") }
    }
}

func statusObject(_ code: Int, _ reason: String, _ message: String = "said so", details: String = "{}") -> String {
    """
    {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"\(message)","reason":"\(reason)",\
    "details":\(details),"code":\(code)}
    """
}
