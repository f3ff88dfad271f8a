import Foundation
import HTTPClient
import Testing

@testable import Kubernetes

private let web = ObjectID(apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name: "web")
private let webPath = "/apis/apps/v1/namespaces/shop/deployments/web"
private let webText = #"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"}}"#
private let webObject: JSON = [
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "web", "namespace": "shop"],
]

@Suite(.timeLimit(.minutes(1))) struct ClusterTests {
    // MARK: Calls

    @Test func `An object is got, and one that is not there is nil`() async throws {
        let api = try ScriptedAPI { call, _ in
            call.path == webPath ? .json(webText) : .json(statusObject(404, "NotFound"), status: "404 Not Found")
        }
        let cluster = try api.cluster()
        #expect(try await cluster.get(web) == webObject)
        #expect(try await cluster.get(ObjectID(apiVersion: "v1", kind: "Namespace", name: "shop:x")) == nil)
        #expect(api.calls.map(\.target) == [webPath, "/api/v1/namespaces/shop%3Ax"])
    }

    @Test func `Apply is a patch by its manager`() async throws {
        let api = try ScriptedAPI { _, _ in .json(webText, status: "201 Created") }
        var object = webObject
        object.set(["metadata", "managedFields"], [["manager": "x"]])
        let answer = try await api.cluster().apply(object, ApplyOptions(manager: "me", force: true, dryRun: true))
        #expect(answer == webObject)
        let call = try #require(api.calls.first)
        #expect(call.method == "PATCH" && call.path == webPath)
        #expect(call.query == ["fieldManager": "me", "force": "true", "dryRun": "All"])
        #expect(call.headers["content-type"] == "application/apply-patch+yaml")
        #expect(try JSON(parsing: Array(call.body.utf8)) == webObject)
    }

    @Test func `The other writes have their own verbs, types and bodies`() async throws {
        let api = try ScriptedAPI { _, _ in .json(webText) }
        let cluster = try api.cluster()
        try await cluster.create(webObject)
        try await cluster.replace(webObject, ApplyOptions(dryRun: true))
        try await cluster.patch(web, .merge(["a": 1]), subresource: "status")
        try await cluster.patch(web, .json([["op": "test"]]))
        let done = try await cluster.delete(web, uid: "u", resourceVersion: "7", propagation: .foreground)
        #expect(done)
        let told = api.calls.map { "\($0.method) \($0.target) \($0.headers["content-type"] ?? "") \($0.body)" }
        let object = String(decoding: webObject.bytes, as: UTF8.self)
        #expect(
            told == [
                "POST /apis/apps/v1/namespaces/shop/deployments?fieldManager=fairlead application/json \(object)",
                "PUT \(webPath)?fieldManager=fairlead&dryRun=All application/json \(object)",
                "PATCH \(webPath)/status?fieldManager=fairlead application/merge-patch+json {\"a\":1}",
                "PATCH \(webPath)?fieldManager=fairlead application/json-patch+json [{\"op\":\"test\"}]",
                "DELETE \(webPath) application/json {\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\","
                    + "\"preconditions\":{\"resourceVersion\":\"7\",\"uid\":\"u\"},\"propagationPolicy\":\"Foreground\"}",
            ]
        )
    }

    @Test func `Deleting what is not there is told`() async throws {
        let api = try ScriptedAPI { _, _ in .json(statusObject(404, "NotFound"), status: "404 Not Found") }
        #expect(try await api.cluster().delete(web) == false)
    }

    @Test(arguments: [
        ObjectID(apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name: ""),
        ObjectID(apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name: ".."),
        ObjectID(apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name: "a/b"),
        ObjectID(apiVersion: "apps/v1", kind: "Deployment", namespace: nil, name: "web"),
        ObjectID(apiVersion: "apps/v1", kind: "Deployment", namespace: "..", name: "web"),
    ])
    func `What would name another thing is not asked for`(id: ObjectID) async throws {
        let api = try ScriptedAPI { _, _ in .json("{}") }
        await expectFailure(.invalid) { try await api.cluster().delete(id) }
        #expect(api.calls.isEmpty)
    }

    @Test func `The version is read`() async throws {
        let api = try ScriptedAPI { _, _ in .json(#"{"major":"1","minor":"33+","gitVersion":"v1.33.1-do.2"}"#) }
        #expect(try await api.cluster().version() == ClusterVersion(name: "v1.33.1-do.2", major: 1, minor: 33))
    }

    @Test func `Questions are asked all at once`() async throws {
        let api = try ScriptedAPI { call, _ in
            .json(#"{"status":{"allowed":\#(call.body.contains("\"verb\":\"get\""))}}"#)
        }
        let get = AccessQuestion("get", group: "apps", resource: "deployments", namespace: "shop", name: "web")
        let log = AccessQuestion("list", resource: "pods", subresource: "log")
        #expect(try await api.cluster().may([get, log, get]) == [get: true, log: false])
        let bodies = api.calls.compactMap { try? JSON(parsing: Array($0.body.utf8))[["spec", "resourceAttributes"]] }
        #expect(
            Set(bodies) == [
                ["verb": "get", "group": "apps", "resource": "deployments", "namespace": "shop", "name": "web"],
                ["verb": "list", "group": "", "resource": "pods", "subresource": "log"],
            ]
        )
    }

    @Test func `A log is text`() async throws {
        let api = try ScriptedAPI { _, _ in .text("<a>\nb\n", type: "text/plain") }
        let text = try await api.cluster().log(
            pod: "web-1",
            namespace: "shop",
            container: "app",
            previous: true,
            tailLines: 50
        )
        #expect(text == "<a>\nb\n")
        #expect(api.calls[0].path == "/api/v1/namespaces/shop/pods/web-1/log")
        #expect(
            api.calls[0].query
                == ["container": "app", "previous": "true", "tailLines": "50", "limitBytes": "1048576"]
        )
    }

    // MARK: Lists

    @Test func `A list comes in pages, and its items say what they are`() async throws {
        let api = try ScriptedAPI { call, _ in
            switch call.query["continue"] {
            case nil:
                .json(#"{"metadata":{"resourceVersion":"9","continue":"a+b"},"items":[{"metadata":{"name":"x"}}]}"#)
            default: .json(#"{"metadata":{"resourceVersion":"9","continue":""},"items":[{"metadata":{"name":"y"}}]}"#)
            }
        }
        let query = ObjectQuery(apiVersion: "v1", kind: "Pod", namespace: "shop", labelSelector: "app in (a,b)")
        let list = try await api.cluster { $0.pageSize = 1 }.list(query)
        #expect(list.resourceVersion == "9")
        #expect(list.items.map(\.id.description) == ["Pod x", "Pod y"] && list.items[0].apiVersion == "v1")
        #expect(api.calls.map { $0.query["continue"] } == [nil, "a+b"])
        #expect(api.calls.allSatisfy { $0.query["limit"] == "1" && $0.query["labelSelector"] == "app in (a,b)" })
    }

    @Test func `Pages that are gone in the middle begin anew`() async throws {
        let api = try ScriptedAPI { call, _ in
            if call.query["continue"] != nil { return .json(statusObject(410, "Expired"), status: "410 Gone") }
            let more = call.query["limit"] == nil ? "" : #","continue":"more""#
            return .json(#"{"metadata":{"resourceVersion":"9"\#(more)},"items":[{"metadata":{"name":"x"}}]}"#)
        }
        let list = try await api.cluster().list(ObjectQuery(apiVersion: "v1", kind: "Pod"))
        #expect(list.items.count == 1)
        #expect(api.calls.map { $0.query["limit"] } == ["500", "500", nil])
    }

    // MARK: Services

    @Test func `A Service is reached through the API server, with our credentials`() async throws {
        let api = try ScriptedAPI { _, _ in .text("hello", type: "text/plain", status: "418 Teapot") }
        let cluster = try api.cluster(.token { "secret" })
        let service = ServiceAddress(namespace: "shop", name: "web", port: "http", scheme: .https)
        let response = try await cluster.send(try cluster.request(to: service, path: "/a%20b?c=/../d"))
        #expect(response.status == 418 && response.body == Array("hello".utf8))
        let target = "/api/v1/namespaces/shop/services/https:web:http/proxy/a%20b?c=/../d"
        #expect(api.calls.map(\.target) == [target])
        #expect(api.calls[0].headers["authorization"] == "Bearer secret")
    }

    @Test func `A Service that wants a password does not cost us our token`() async throws {
        let api = try ScriptedAPI { _, _ in .text("who are you?", type: "text/plain", status: "401 Unauthorized") }
        let minted = Recorder<Int>()
        let cluster = try api.cluster(
            .token {
                minted.add(1)
                return "secret"
            }
        )
        let service = ServiceAddress(namespace: "shop", name: "web", port: "80")
        #expect(try await cluster.send(try cluster.request(to: service, path: "/")).status == 401)
        #expect(minted.values.count == 1 && api.calls.count == 1)
    }

    @Test(arguments: [
        "/../secrets", "/a/%2e%2E/b", "/a%2f..%2fb", "/..", "/.", "/a\\b", "/a#b", "/%zz", "/a%5c",
    ])
    func `No path leads out of the Service`(path: String) async throws {
        let cluster = Cluster(try ClusterAccess(server: "https://a"))
        let service = ServiceAddress(namespace: "shop", name: "web", port: "80")
        await expectFailure(.badRequest) { try cluster.request(to: service, path: path) }
    }

    @Test func `Credentials go to the cluster only`() async throws {
        let cluster = Cluster(try ClusterAccess(server: "https://a", credential: .token { "secret" }))
        await expectFailure(.badRequest) { try await cluster.send(HTTPRequest(url: "https://a.example/x")) }
    }
}

// MARK: - When things go wrong

@Suite(.timeLimit(.minutes(1))) struct ClusterFaultTests {
    @Test(arguments: [
        "429 Too Many Requests", "503 Service Unavailable", "502 Bad Gateway", "500 Internal Server Error",
    ])
    func `What may be better later is tried again`(status: String) async throws {
        let api = try ScriptedAPI { _, earlier in
            earlier < 2 ? .json("{}", status: status) : .json(webText)
        }
        #expect(try await api.cluster().apply(webObject) == webObject)
        #expect(api.calls.count == 3)
    }

    @Test func `The server says when`() async throws {
        let api = try ScriptedAPI { _, earlier in
            earlier == 0 ? .json("{}", status: "429 Too Many Requests", headers: ["Retry-After: 1"]) : .json(webText)
        }
        let begin = ContinuousClock.now
        #expect(try await api.cluster().get(web) == webObject)
        #expect(.now - begin >= .seconds(1))
    }

    @Test func `Later than the deadline is too late`() async throws {
        let api = try ScriptedAPI { _, _ in
            .json("{}", status: "429 Too Many Requests", headers: ["Retry-After: 3600"])
        }
        await expectFailure(.tooManyRequests) { try await api.cluster().get(web) }
        #expect(api.calls.count == 1)
    }

    @Test func `A 500 that stays is not asked for until the deadline`() async throws {
        let api = try ScriptedAPI { _, _ in
            .json(statusObject(500, "InternalError"), status: "500 Internal Server Error")
        }
        await expectFailure(.serverError) { try await api.cluster().get(web) }
        #expect(api.calls.count == 3)
    }

    @Test func `A broken connection is repaired where doing it twice does no harm`() async throws {
        let api = try ScriptedAPI { call, earlier in earlier == 0 ? .close : .json(webText) }
        let cluster = try api.cluster()
        try await cluster.apply(webObject)
        try await cluster.delete(web)
        #expect(api.calls.map(\.method) == ["PATCH", "PATCH", "DELETE", "DELETE"])
    }

    @Test func `Nothing is made twice`() async throws {
        let api = try ScriptedAPI { _, _ in .close }
        let cluster = try api.cluster()
        await expectFailure(.unreachable) { try await cluster.create(webObject) }
        await expectFailure(.unreachable) { try await cluster.patch(web, .json([])) }
        var versioned = webObject
        versioned.set(["metadata", "resourceVersion"], "7")
        let object = versioned
        await expectFailure(.unreachable) { try await cluster.replace(object) }
        #expect(api.calls.map(\.method) == ["POST", "PATCH", "PUT"])
    }

    @Test func `A server that goes silent ends at the deadline`() async throws {
        let api = try ScriptedAPI { _, _ in .silence }
        var cluster = try api.cluster()
        _ = try await cluster.resources()
        cluster.limits.request = .seconds(2)
        cluster.limits.attempt = .milliseconds(500)
        let begin = ContinuousClock.now
        await expectFailure(.timeout) { [cluster] in try await cluster.get(web) }
        #expect(.now - begin < .seconds(60))
        #expect(api.calls.count >= 2)
    }

    @Test func `Nobody there is told with the address`() async throws {
        let api = try ScriptedAPI { _, _ in .close }
        let error = await expectFailure(.unreachable) { try await api.cluster().create(webObject) }
        #expect(error?.message.contains(api.url) == true)
        #expect(error?.cause is HTTPClientError)
    }

    @Test(arguments: ["200 OK", "404 Not Found", "403 Forbidden"])
    func `A server of web pages is named`(status: String) async throws {
        let api = try ScriptedAPI { _, _ in .text("<!doctype html><h1>Hi</h1>", type: "text/html", status: status) }
        await expectFailure(.notKubernetes) { try await api.cluster().get(web) }
        await expectFailure(.notKubernetes) { try await api.cluster().version() }
    }

    @Test func `Half an answer is no answer`() async throws {
        let api = try ScriptedAPI { _, _ in .json(#"{"kind":"#) }
        await expectFailure(.notKubernetes) { try await api.cluster().get(web) }
    }

    @Test func `A cancelled task waits for nothing`() async throws {
        let asked = Sign()
        let api = try ScriptedAPI { _, _ in
            asked.give()
            return .silence
        }
        let cluster = try api.cluster()
        let task = Task { try await cluster.get(web) }
        await asked.wait()
        task.cancel()
        await expectFailure(.cancelled) { try await task.value }
    }

    // MARK: Tokens

    @Test func `A refused token is renewed once, for all who wait`() async throws {
        let api = try ScriptedAPI { call, _ in
            call.headers["authorization"] == "Bearer 2"
                ? .json(webText) : .json(statusObject(401, "Unauthorized"), status: "401 Unauthorized")
        }
        let minted = Recorder<Int>()
        let cluster = try api.cluster(
            .token {
                minted.add(1)
                return "\(minted.values.count)"
            }
        )
        // With the first token.
        _ = try await cluster.resources()
        try await withThrowingTaskGroup(of: JSON?.self) { group in
            for _ in 0..<20 { group.addTask { try await cluster.get(web) } }
            for try await object in group { #expect(object == webObject) }
        }
        #expect(minted.values.count == 2)
    }

    @Test func `One that stays refused is an error`() async throws {
        let api = try ScriptedAPI { _, _ in .json(statusObject(401, "Unauthorized"), status: "401 Unauthorized") }
        let minted = Recorder<Int>()
        let cluster = try api.cluster(
            .token {
                minted.add(1)
                return "same"
            }
        )
        await expectFailure(.unauthorized) { try await cluster.get(web) }
        #expect(minted.values.count == 2 && api.calls.count == 2)
    }

    @Test func `No token to be had is an error with its reason`() async throws {
        struct Fault: Error, CustomStringConvertible { let description = "the mint is closed" }
        let api = try ScriptedAPI { _, _ in .json(webText) }
        let cluster = try api.cluster(.token { throw Fault() })
        let error = await expectFailure(.unauthorized) { try await cluster.get(web) }
        #expect(error?.message.contains("the mint is closed") == true && error?.cause is Fault)
    }

    // MARK: TLS

    private static let version = #"{"major":"1","minor":"33","gitVersion":"v1.33.1"}"#
    private static let answer = "HTTP/1.0 200 OK\r\nContent-Length: \(version.utf8.count)\r\n\r\n" + version

    @Test func `Another authority's certificate is refused and told`() async throws {
        let server = try TLSServer(name: "IP:127.0.0.1", path: "version", response: Self.answer)
        let other = try TLSServer(name: "IP:127.0.0.1", response: Self.answer)
        let access = try ClusterAccess(server: server.origin, authorityPEM: other.authority)
        let error = await expectFailure(.wrongCA) { try await Cluster(access).version() }
        #expect(error?.message.contains("authority") == true)
        await expectFailure(.wrongCA) { try await Cluster(ClusterAccess(server: server.origin)).version() }
    }

    @Test func `So is one for another address`() async throws {
        let server = try TLSServer(name: "DNS:other.example", path: "version", response: Self.answer)
        let access = try ClusterAccess(server: server.origin, authorityPEM: server.authority)
        let error = await expectFailure(.wrongCA) { try await Cluster(access).version() }
        #expect(error?.message.contains("another address") == true)
    }

    @Test func `A client certificate is shown`() async throws {
        let server = try TLSServer(name: "IP:127.0.0.1", path: "version", response: Self.answer, asksClient: true)
        let credential = ClusterAccess.Credential.certificate(server.clientCertificate, key: server.clientKey)
        let access = try ClusterAccess(server: server.origin, authorityPEM: server.authority, credential: credential)
        #expect(try await Cluster(access).version().name == "v1.33.1")
        var anonymous = access
        anonymous.credential = .none
        await expectFailure(.tls) { [anonymous] in try await Cluster(anonymous).version() }
    }
}

extension TLSServer {
    fileprivate var origin: String { "https://127.0.0.1:\(port)" }
    fileprivate var authority: [UInt8]? { FileManager.default.contents(atPath: caFile).map(Array.init) }
}

/// Expects a failure of this kind, and gives it back.
@discardableResult
func expectFailure(
    _ code: KubernetesError.Code,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> some Any
) async -> KubernetesError? {
    do {
        _ = try await body()
        Issue.record("nothing failed", sourceLocation: sourceLocation)
        return nil
    } catch let error as KubernetesError {
        #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
        return error
    } catch {
        Issue.record("\(type(of: error)): \(error)", sourceLocation: sourceLocation)
        return nil
    }
}
