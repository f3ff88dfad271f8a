import HTTPClient
import Kubernetes
import TestCluster

/// A client of a test cluster that knows no more than HTTP and JSON.
struct API: Sendable {
    let cluster: TestCluster
    private let client = HTTPClient()

    init(_ options: ClusterOptions = ClusterOptions()) throws { cluster = try TestCluster.start(options) }

    struct Answer {
        var status: Int
        var json: JSON
        var text: String
        var retryAfter: String?

        var reason: String { json["reason"]?.string ?? "" }
        var message: String { json["message"]?.string ?? "" }
    }

    func send(
        _ method: String,
        _ path: String,
        _ body: JSON? = nil,
        type: String = "application/json",
        token: String = "test-token"
    ) async throws -> Answer {
        let headers = [
            ("Authorization", "Bearer \(token)"), ("Content-Type", type), ("Accept", "application/json"),
        ]
        let request = HTTPRequest(method: method, url: cluster.url + path, headers: headers, body: body?.bytes)
        let response = try await client.send(request)
        return Answer(
            status: response.status,
            json: (try? JSON(parsing: response.body)) ?? .null,
            text: String(decoding: response.body, as: UTF8.self),
            retryAfter: response.header("Retry-After")
        )
    }

    /// Server-side apply of an object in the namespace `default`.
    func apply(_ object: JSON, as manager: String, _ more: String = "") async throws -> Answer {
        let path = API.path(object) + "?fieldManager=\(manager)\(more)"
        return try await send("PATCH", path, object, type: "application/apply-patch+yaml")
    }

    func merge(_ path: String, _ patch: JSON, as manager: String = "editor") async throws -> Answer {
        try await send("PATCH", path + "?fieldManager=\(manager)", patch, type: "application/merge-patch+json")
    }

    static func path(_ object: JSON) -> String {
        let plurals = ["Ingress": "ingresses", "NetworkPolicy": "networkpolicies"]
        let plural = plurals[object.kind] ?? object.kind.lowercased() + "s"
        let root = object.apiVersion.contains("/") ? "/apis/" : "/api/"
        return "\(root)\(object.apiVersion)/namespaces/default/\(plural)/\(object.name)"
    }
}

/// Objects that tests begin with.
enum Sample {
    static func configMap(_ name: String = "settings", data: [String: String]) -> JSON {
        [
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": .string(name)],
            "data": .object(data.mapValues(JSON.string)),
        ]
    }

    static func deployment(_ name: String = "web", replicas: Int64? = 1, image: String = "registry.test/web:1") -> JSON
    {
        var object: JSON = [
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": .string(name)],
            "spec": [
                "selector": ["matchLabels": ["app": .string(name)]],
                "template": [
                    "metadata": ["labels": ["app": .string(name)]],
                    "spec": ["containers": [["name": "web", "image": .string(image)]]],
                ],
            ],
        ]
        if let replicas { object.set(["spec", "replicas"], .integer(replicas)) }
        return object
    }
}

extension API {
    /// What a watch shows within a second, or until the server ends it.
    struct Watch {
        var events: [JSON]

        init(_ api: API, _ path: String) async throws {
            let mark = path.contains("?") ? "&" : "?"
            let answer = try await api.send("GET", path + "\(mark)watch=true&timeoutSeconds=1")
            events = answer.text.split(separator: "\n").compactMap { try? JSON(parsing: Array($0.utf8)) }
        }

        var objects: [JSON] { events.compactMap { $0["object"] } }
        var types: [String] { events.compactMap { $0["type"]?.string } }
    }
}

extension JSON {
    func condition(_ type: String) -> JSON? {
        self[["status", "conditions"]]?.items.first { $0["type"]?.string == type }
    }
}
