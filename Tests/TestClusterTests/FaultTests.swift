import HTTPClient
import Kubernetes
import TestCluster
import Testing

@Suite struct FaultTests {
    private static let maps = "/api/v1/namespaces/default/configmaps"

    @Test func `The second request is told to come back later, the others pass`() async throws {
        let api = try API()
        api.cluster.order(Fault(.tooManyRequests(retryAfter: 7), "GET", "/configmaps", skip: 1))
        #expect(try await api.send("GET", Self.maps).status == 200)
        let refused = try await api.send("GET", Self.maps)
        #expect(refused.status == 429 && refused.retryAfter == "7")
        #expect(try await api.send("GET", Self.maps).status == 200)
    }

    @Test(arguments: 1...3) func `The k-th write fails, dry runs do not count`(k: Int) async throws {
        let api = try API()
        api.cluster.order(.atWrite(k, .status(500, reason: "InternalError", message: "etcd is down")))
        for number in 1...3 {
            let object = Sample.configMap("c\(number)", data: [:])
            #expect(try await api.apply(object, as: "x", "&dryRun=All").status == 201)
            #expect(try await api.apply(object, as: "x").status == (number == k ? 500 : 201))
        }
        #expect(api.cluster.objects("v1", "ConfigMap", "default").count == 2)
    }

    @Test func `A webhook denies, a quota is used up, a proxy sends a page`() async throws {
        let api = try API()
        api.cluster.order(Fault(.deniedByWebhook(name: "policy.example.com", message: "no latest tags")))
        let denied = try await api.apply(Sample.configMap(data: [:]), as: "x")
        #expect(denied.message == #"admission webhook "policy.example.com" denied the request: no latest tags"#)
        api.cluster.order(Fault(.quotaExceeded("compute")))
        let full = try await api.apply(Sample.configMap(data: [:]), as: "x")
        #expect(full.status == 403 && full.message.contains("exceeded quota: compute"))
        api.cluster.order(Fault(.html(502)))
        let page = try await api.send("GET", Self.maps)
        #expect(page.status == 502 && page.text.hasPrefix("<html>"))
    }

    @Test func `A quota of the namespace counts`() async throws {
        let api = try API()
        api.cluster.arrange([
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": ["name": "few", "namespace": "default"],
            "spec": ["hard": ["count/secrets": "1"]],
        ])
        let path = "/api/v1/namespaces/default/secrets"
        func secret(_ name: String) -> JSON {
            ["apiVersion": "v1", "kind": "Secret", "metadata": ["name": .string(name)]]
        }
        #expect(try await api.send("POST", path, secret("a")).status == 201)
        let second = try await api.send("POST", path, secret("b"))
        #expect(second.status == 403 && second.message.contains("exceeded quota: few"))
    }

    @Test func `A silent server and a broken answer are the client's to notice`() async throws {
        let api = try API()
        api.cluster.order(Fault(.silence))
        let client = HTTPClient()
        let headers = [("Authorization", "Bearer test-token")]
        let short = HTTPRequest(url: api.cluster.url + Self.maps, headers: headers, deadline: .milliseconds(200))
        await #expect(throws: HTTPClientError.self) { try await client.send(short) }
        api.cluster.order(Fault(.cut))
        let long = HTTPRequest(url: api.cluster.url + Self.maps, headers: headers)
        await #expect(throws: HTTPClientError.self) { try await client.send(long) }
        #expect(try await client.send(long).status == 200)
    }

    @Test func `A watch breaks after so many events`() async throws {
        let api = try API()
        for number in 1...3 { _ = try await api.apply(Sample.configMap("c\(number)", data: [:]), as: "x") }
        api.cluster.order(Fault(.drop(afterEvents: 2), "GET", "/configmaps"))
        await #expect(throws: HTTPClientError.self) { try await API.Watch(api, Self.maps) }
        #expect(try await API.Watch(api, Self.maps).types == ["ADDED", "ADDED", "ADDED"])
    }

    @Test func `The log has every request with its body and answer`() async throws {
        let api = try API()
        _ = try await api.apply(Sample.configMap(data: ["a": "1"]), as: "x")
        let request = try #require(api.cluster.requests.last)
        #expect(request.method == "PATCH" && request.path == Self.maps + "/settings" && request.status == 201)
        #expect(request.parameter("fieldManager") == "x")
        #expect(request.json["data"] == ["a": "1"])
        #expect(request.isWrite)
    }
}
