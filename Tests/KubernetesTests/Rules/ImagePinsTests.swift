import Kubernetes
import Testing

@Suite struct ImagePinsTests {
    static let digest = "sha256:" + String(repeating: "a", count: 64)
    static let reference = "registry.example.org/acme/backend@" + digest
    let pins = ImagePins(["backend": reference, "idle": "registry.example.org/acme/idle@" + digest])

    @Test(arguments: [
        ("backend", true), ("backend:latest", true), ("backend:v1.2", true), ("backend@" + digest, false),
        ("docker.io/backend", false), ("acme/backend", false), ("backend:", false), ("Backend", false),
        ("backend:-x", false),
        ("other", false), ("", false), ("backend:a/b", false),
    ]
    )
    func `which names mean an image of the pipeline`(_ image: String, isOurs: Bool) {
        let pod: JSON = [
            "apiVersion": "v1", "kind": "Pod", "spec": ["containers": [["name": "a", "image": .string(image)]]],
        ]
        let pinned = pins.pin([Manifest(pod, source: "a.yaml:1")])
        #expect(
            pinned.manifests[0].object[["spec", "containers"]]?.items[0]["image"]?.string
                == (isOurs ? Self.reference : image)
        )
        #expect(pinned.uses.count == (isOurs ? 1 : 0))
        #expect(pinned.unused == (isOurs ? ["idle"] : ["backend", "idle"]))
    }

    @Test(arguments: [
        ("v1", "Pod", ["spec"]), ("apps/v1", "Deployment", ["spec", "template", "spec"]),
        ("apps/v1", "StatefulSet", ["spec", "template", "spec"]),
        ("apps/v1", "DaemonSet", ["spec", "template", "spec"]),
        ("apps/v1", "ReplicaSet", ["spec", "template", "spec"]), ("batch/v1", "Job", ["spec", "template", "spec"]),
        ("batch/v1", "CronJob", ["spec", "jobTemplate", "spec", "template", "spec"]),
    ]
    )
    func `every kind with a pod template, and init and ephemeral containers`(
        version: String,
        kind: String,
        path: [String]
    ) throws {
        var object: JSON = ["apiVersion": .string(version), "kind": .string(kind), "metadata": ["name": "x"]]
        let specification = try parsed(
            #"""
            {"initContainers": [{"name": "i", "image": "backend"}], "ephemeralContainers": [{"name": "e", "image": "backend"}],
             "containers": [{"name": "c", "image": "backend:latest"}, {"name": "o", "image": "redis:7"}],
             "volumes": [{"name": "v", "image": {"reference": "backend"}}, {"name": "w", "emptyDir": {}}]}
            """#
        )
        object.set(path, specification)
        let pinned = pins.pin([Manifest(object, source: "")])
        let result = pinned.manifests[0].object[path]
        #expect(result?["initContainers"]?.items[0]["image"]?.string == Self.reference)
        #expect(result?["ephemeralContainers"]?.items[0]["image"]?.string == Self.reference)
        #expect(result?["containers"]?.items.map { $0["image"]?.string } == [Self.reference, "redis:7"])
        #expect(result?["volumes"]?.items[0][["image", "reference"]]?.string == Self.reference)
        #expect(pinned.uses.map(\.container) == ["i", "c", "e", nil])
        #expect(
            pinned.uses.allSatisfy { $0.object.kind == kind && $0.image == "backend" && $0.reference == Self.reference }
        )
    }

    @Test func `what is no list stays for the server to refuse`() throws {
        let pod = try parsed(
            #"{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": {"name": "a", "image": "backend"}, "volumes": "x"}}"#
        )
        #expect(pins.pin([Manifest(pod, source: "")]).manifests.map(\.object) == [pod])
    }

    @Test func `custom resources by the paths that were configured, and only those`() throws {
        let path = try #require(ImagePath(kind: "Rollout.argoproj.io", path: "spec.template.spec.containers[*].image"))
        let first = try #require(ImagePath(kind: "Rollout.argoproj.io", path: "spec.pools[1].image"))
        let pins = ImagePins(["backend": Self.reference], paths: [path, first])
        let text = #"""
            {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"},
             "spec": {"template": {"spec": {"containers": [{"image": "backend"}, {"image": "nginx"}]}},
                      "pools": [{"image": "backend"}, {"image": "backend:dev"}], "count": 3}}
            """#
        let result = pins.pin([Manifest(try parsed(text), source: "")])
        let spec = result.manifests[0].object["spec"]
        #expect(
            spec?[["template", "spec", "containers"]]?.items.map { $0["image"]?.string } == [Self.reference, "nginx"]
        )
        #expect(spec?["pools"]?.items.map { $0["image"]?.string } == ["backend", Self.reference])
        #expect(spec?["count"] == 3)
        #expect(result.uses.count == 2)
    }

    @Test(arguments: ["", "spec..image", "spec.containers[", "spec.containers[x].image", "[*].image", "a[-1]"]
    )
    func `paths that are none are refused`(_ path: String) {
        #expect(ImagePath(kind: "Rollout.argoproj.io", path: path) == nil)
    }
}
