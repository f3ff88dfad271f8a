import HTTPServer
import Kubernetes
import TestCluster
import Testing

/// Objects, lists, deletion, custom resources and access.
@Suite struct ServerTests {
    private static let maps = "/api/v1/namespaces/default/configmaps"

    @Test func `What cannot be done is refused as a Status`() async throws {
        let api = try API()
        let made = try await api.send("POST", Self.maps, Sample.configMap(data: ["a": "1"]))
        #expect(made.status == 201)
        let twice = try await api.send("POST", Self.maps, Sample.configMap(data: [:]))
        #expect(twice.status == 409 && twice.reason == "AlreadyExists")
        #expect(twice.message == #"configmaps "settings" already exists"#)
        let missing = try await api.send("GET", Self.maps + "/nothing")
        #expect(missing.status == 404)
        #expect(missing.json["details"] == ["kind": "configmaps", "name": "nothing"])
        var stale = made.json
        _ = try await api.merge(Self.maps + "/settings", ["data": ["a": "2"]])
        stale.set(["data", "a"], "3")
        let conflict = try await api.send("PUT", Self.maps + "/settings", stale)
        #expect(conflict.status == 409 && conflict.reason == "Conflict")
        let other: JSON = ["preconditions": ["uid": "another"]]
        #expect(try await api.send("DELETE", Self.maps + "/settings", other).status == 409)
        let nowhere = try await api.send("POST", "/api/v1/namespaces/nowhere/configmaps", Sample.configMap(data: [:]))
        #expect(nowhere.status == 404 && nowhere.message == #"namespaces "nowhere" not found"#)
    }

    @Test func `A field that the schema does not know, or of another type, fails an apply`() async throws {
        let api = try API()
        var object = Sample.deployment()
        object.set(["spec", "replica"], 3)
        let unknown = try await api.apply(object, as: "fairlead")
        #expect(unknown.status == 500)
        #expect(unknown.message.hasSuffix(".spec.replica: field not declared in schema"))
        object = Sample.deployment()
        object.set(["spec", "replicas"], "three")
        let wrong = try await api.apply(object, as: "fairlead")
        #expect(wrong.message.hasSuffix(".spec.replicas: expected numeric (int or float), got string"))
    }

    /// As kube-apiserver 1.36.2 does it: an apply cuts the number, everything else refuses it.
    @Test func `A number that is too long for its field`() async throws {
        let api = try API()
        let all = "/apis/apps/v1/namespaces/default/deployments"
        var object = Sample.deployment(replicas: .max)
        object.set(["spec", "minReadySeconds"], 1)
        let cut = try await api.apply(object, as: "fairlead")
        #expect(cut.status == 422)
        #expect(cut.message.contains("spec.replicas: Invalid value: -1: must be greater than or equal to 0"))
        let made = try await api.send("POST", all, object)
        #expect(made.status == 400)
        #expect(made.message.contains("cannot unmarshal number 9223372036854775807 into Go struct field"))
        let short = try await api.apply(Sample.deployment(replicas: 1 << 32 + 1), as: "fairlead")
        #expect(short.status == 201 && short.json[["spec", "replicas"]] == 1)
        let scale: JSON = ["spec": ["replicas": .integer(.max)]]
        for path in ["\(all)/web", "\(all)/web/scale"] {
            let patched = try await api.merge(path, scale)
            #expect(patched.status == 422 && patched.message.hasPrefix(" \"\" is invalid: patch: Invalid value: "))
        }
    }

    /// What would take a real cluster's nodes, and its memory here.
    @Test(arguments: ["Deployment", "StatefulSet"])
    func `A workload that asks for more pods than there can be gets some`(_ kind: String) async throws {
        let api = try API()
        var object = Sample.deployment(replicas: Int64(Int32.max))
        object.set(["kind"], .string(kind))
        if kind == "Deployment" {
            object.set(
                ["spec", "strategy", "rollingUpdate"],
                ["maxSurge": "9223372036854775807%", "maxUnavailable": 0]
            )
        }
        #expect(try await api.apply(object, as: "fairlead").status == 201)
        #expect(await api.cluster.wait(for: .seconds(60)) { $0.objects("v1", "Pod", "default").count >= 2 })
        object.set(["spec", "replicas"], 0)
        #expect(try await api.apply(object, as: "fairlead").status == 200)
        #expect(await api.cluster.wait(for: .seconds(60)) { $0.objects("v1", "Pod", "default").isEmpty })
    }

    @Test func `Immutable fields stay as they are`() async throws {
        let api = try API()
        _ = try await api.apply(Sample.deployment(), as: "fairlead")
        let path = "/apis/apps/v1/namespaces/default/deployments/web"
        let labels: JSON = ["app": "other"]
        let change: JSON = [
            "spec": ["selector": ["matchLabels": labels], "template": ["metadata": ["labels": labels]]]
        ]
        let refused = try await api.merge(path, change)
        #expect(refused.status == 422)
        #expect(refused.json[["details", "causes"]]?.items.first?["field"] == "spec.selector")
        #expect(refused.message.contains("field is immutable"))
    }

    @Test func `A list comes in pages, by label and by field`() async throws {
        let api = try API()
        for number in 1...5 {
            var object = Sample.configMap("c\(number)", data: [:])
            object.set(["metadata", "labels"], ["odd": .string(number % 2 == 1 ? "yes" : "no")])
            _ = try await api.send("POST", Self.maps, object)
        }
        var names: [String] = []
        var token = ""
        repeat {
            let page = try await api.send("GET", Self.maps + "?limit=2&continue=\(token.replacing("|", with: "%7C"))")
            names += page.json["items"]?.items.map(\.name) ?? []
            token = page.json[["metadata", "continue"]]?.string ?? ""
        } while !token.isEmpty
        #expect(names == ["c1", "c2", "c3", "c4", "c5"])
        let odd = try await api.send("GET", Self.maps + "?labelSelector=odd%20in%20(yes)")
        #expect(odd.json["items"]?.items.map(\.name) == ["c1", "c3", "c5"])
        let one = try await api.send("GET", Self.maps + "?fieldSelector=metadata.name%3Dc2")
        #expect(one.json["items"]?.items.map(\.name) == ["c2"])
    }

    @Test func `What an object owns goes with it, and a finalizer holds it`() async throws {
        let api = try API()
        let owner = try await api.send("POST", Self.maps, Sample.configMap("owner", data: [:])).json
        var owned = Sample.configMap("owned", data: [:])
        let reference: JSON = [
            "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": .string(owner.uid),
        ]
        owned.set(["metadata", "ownerReferences"], [reference])
        owned.set(["metadata", "finalizers"], ["example.com/hold"])
        _ = try await api.send("POST", Self.maps, owned)
        _ = try await api.send("DELETE", Self.maps + "/owner")
        #expect(
            await api.cluster.wait { view in
                view.object("v1", "ConfigMap", "default", "owned")?[["metadata", "deletionTimestamp"]] != nil
            }
        )
        _ = try await api.merge(Self.maps + "/owned", ["metadata": ["finalizers": []]])
        #expect(api.cluster.object("v1", "ConfigMap", "default", "owned") == nil)
    }

    @Test func `A namespace takes everything with it`() async throws {
        let api = try API()
        let namespace: JSON = ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "shop"]]
        _ = try await api.send("POST", "/api/v1/namespaces", namespace)
        _ = try await api.send("POST", "/api/v1/namespaces/shop/configmaps", Sample.configMap(data: [:]))
        _ = try await api.send("DELETE", "/api/v1/namespaces/shop")
        #expect(await api.cluster.wait { $0.object("v1", "Namespace", nil, "shop") == nil })
        #expect(api.cluster.objects("v1", "ConfigMap", "shop").isEmpty)
    }

    @Test func `A definition is established after a while, and then its kind is served`() async throws {
        let api = try API()
        let definition: JSON = [
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": ["name": "widgets.example.com"],
            "spec": [
                "group": "example.com", "scope": "Namespaced", "names": ["plural": "widgets", "kind": "Widget"],
                "versions": [["name": "v1", "served": true, "storage": true, "subresources": ["status": [:]]]],
            ],
        ]
        let widget: JSON = [
            "apiVersion": "example.com/v1", "kind": "Widget", "metadata": ["name": "w"], "spec": ["size": 1],
        ]
        #expect(try await api.apply(widget, as: "x").status == 404)
        _ = try await api.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
        #expect(
            await api.cluster.wait { view in
                let kind = "CustomResourceDefinition"
                let object = view.object("apiextensions.k8s.io/v1", kind, nil, "widgets.example.com")
                return object?.condition("Established")?["status"] == "True"
            }
        )
        #expect(try await api.apply(widget, as: "x").status == 201)
        var changed = widget
        changed.set(["spec", "size"], 2)
        #expect(try await api.apply(changed, as: "x").json.generation == 2)
        let groups = try await api.send("GET", "/apis").json["groups"]?.items ?? []
        #expect(groups.contains { $0["name"] == "example.com" })
    }

    @Test func `Tokens can be revoked, and access is what the rules say`() async throws {
        let api = try API()
        #expect(try await api.send("GET", Self.maps, token: "wrong").status == 401)
        api.cluster.setAccess([AccessRule(verbs: ["get", "patch"], resources: ["configmaps"], namespaces: ["default"])])
        #expect(try await api.apply(Sample.configMap(data: [:]), as: "x").status == 201)
        let refused = try await api.send("GET", "/api/v1/namespaces/default/secrets")
        #expect(refused.status == 403)
        let why =
            #"secrets is forbidden: User "tester" cannot list resource "secrets" in API group "" in the namespace "default""#
        #expect(refused.message == why)
        for (verb, isAllowed) in [("patch", true), ("delete", false)] {
            let asked: JSON = ["verb": .string(verb), "resource": "configmaps", "namespace": "default"]
            let review: JSON = [
                "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                "spec": ["resourceAttributes": asked],
            ]
            let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
            #expect(try await api.send("POST", path, review).json[["status", "allowed"]] == .bool(isAllowed))
        }
        api.cluster.revoke("test-token")
        #expect(try await api.send("GET", Self.maps + "/settings").status == 401)
    }

    @Test func `The service proxy reaches a server on loopback`() async throws {
        let api = try API()
        let server = try HTTPServer(configuration: HTTPServerConfiguration()) { request, responder in
            responder.respond(
                .text("\(request.method) \(request.path) \(request.query.first?.value ?? "")", status: 201)
            )
        }
        let service: JSON = [
            "apiVersion": "v1", "kind": "Service", "metadata": ["name": "backend"],
            "spec": ["ports": [["port": 8000, "name": "http"]]],
        ]
        _ = try await api.apply(service, as: "x")
        let path = "/api/v1/namespaces/default/services/backend:8000/proxy/health?q=a%20b"
        #expect(try await api.send("GET", path).status == 503)
        api.cluster.serve("backend", in: "default", port: 8000, from: server.port)
        let answer = try await api.send("GET", path)
        #expect(answer.status == 201)
        #expect(answer.text == "GET /health a b")
        await server.stop(grace: .zero)
    }
}
