import Kubernetes
import Testing

@Suite struct ManifestRulesTests {
    let rules = ManifestRules(namespace: "shop") { id in
        switch id.kind {
        case "Namespace", "ClusterRole": false
        case "Widget": nil
        default: true
        }
    }

    func faults(_ text: String, source: String = "k8s/web.yaml:12") throws -> [String] {
        rules.check([Manifest(try parsed(text), source: source)]).faults.map(\.description)
    }

    @Test(arguments: [
        ("7", "an object: is not a Kubernetes object; it needs apiVersion, kind and metadata"),
        ("{}", "an object: has no apiVersion"),
        (#"{"apiVersion": "v1", "metadata": {"name": "a"}}"#, "a: has no kind"),
        (#"{"apiVersion": "v1", "kind": "ConfigMap"}"#, "ConfigMap: has no metadata.name"),
        (
            #"{"apiVersion": "a/b/c", "kind": "X", "metadata": {"name": "a"}}"#,
            "X a: has an apiVersion that is none: a/b/c"
        ),
        (
            #"{"apiVersion": "v1", "kind": "../x", "metadata": {"name": "a"}}"#,
            "../x a: has a kind that is none: ../x"
        ),
        (
            #"{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "a-"}}"#,
            "Job: has generateName; an object needs a name of its own, or every deploy would make another one"
        ),
        (
            #"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a/b"}}"#,
            "ConfigMap a/b: has a name that cannot be one: at most 253 characters, without / and %"
        ),
        (
            #"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "../x"}}"#,
            "ConfigMap a: has a namespace that cannot be one"
        ),
        (
            #"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": "x"}}"#,
            "ConfigMap a: has text in metadata.labels, where names and their values must be: write name: value below it"
        ),
        (
            #"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "annotations": ["x"]}}"#,
            "ConfigMap a: has a list in metadata.annotations, where names and their values must be: write name: value below it"
        ),
        (
            #"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"a": "x", "version": 2}}}"#,
            "ConfigMap a: has a number in metadata.labels.version, where text must be: put it in quotes"
        ),
        (
            #"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": "x", "stringData": {"b": "c"}}"#,
            "Secret a: has text in data, where names and their values must be"
        ),
        (
            #"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"imagePullSecrets": "x"}}"#,
            "Pod a: has text in spec.imagePullSecrets, where a list must be"
        ),
    ]
    )
    func `what an object cannot do without`(_ text: String, fault: String) throws {
        #expect(try faults(text) == ["k8s/web.yaml:12: \(fault)"])
    }

    @Test(arguments: [
        (
            #"{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "a"}}"#,
            "Role a: this pipeline may not touch objects of kind Role.rbac.authorization.k8s.io; an operator can add it to the server's list of kinds"
        ),
        (
            #"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}"#,
            "Namespace shop: this pipeline may not touch objects of kind Namespace; an operator can add it to the server's list of kinds"
        ),
        (
            #"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "kube-system"}}"#,
            "ConfigMap a: is in namespace kube-system, but the pipeline deploys to shop; correct or remove metadata.namespace"
        ),
    ]
    )
    func `kinds and namespaces that are not the pipeline's`(_ text: String, fault: String) throws {
        #expect(try faults(text) == ["k8s/web.yaml:12: \(fault)"])
    }

    @Test func `lists are taken apart, namespaces filled in, what a server wrote is removed`() throws {
        let list = try parsed(
            #"""
            {"apiVersion": "v1", "kind": "List", "items": [
              {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "uid": "u", "resourceVersion": "7",
               "creationTimestamp": null, "managedFields": []}, "status": {}},
              {"apiVersion": "v1", "kind": "SecretList", "items": [{"metadata": {"name": "b", "namespace": "shop"},
                 "data": {"c": "Yw=="}, "stringData": {"a": "a", "b": "pässword", "d": "xyz"}}]}]}
            """#
        )
        let (manifests, faults) = rules.check([Manifest(list, source: "all.yaml:1")])
        #expect(faults.isEmpty)
        #expect(
            manifests.map(\.object) == [
                ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "a", "namespace": "shop"]],
                [
                    "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "b", "namespace": "shop"],
                    "data": ["a": "YQ==", "b": "cMOkc3N3b3Jk", "c": "Yw==", "d": "eHl6"],
                ],
            ]
        )
        #expect(manifests.map(\.source) == ["all.yaml:1 (item 1)", "all.yaml:1 (item 2) (item 1)"])
    }

    @Test func `an object that is written twice is told with both places, whichever version names it`() throws {
        func manifest(_ version: String, _ namespace: String?, _ source: String) -> Manifest {
            var object: JSON = [
                "apiVersion": .string(version), "kind": "HorizontalPodAutoscaler", "metadata": ["name": "a"],
            ]
            object.set(["metadata", "namespace"], namespace.map(JSON.string))
            return Manifest(object, source: source)
        }
        let faults = rules.check([
            manifest("autoscaling/v1", nil, "a.yaml:1"), manifest("autoscaling/v2", "shop", "b.yaml:9"),
        ]).faults
        #expect(
            faults.map(\.description) == [
                "b.yaml:9: HorizontalPodAutoscaler a: is written twice, the first time at a.yaml:1"
            ]
        )
    }

    @Test(arguments: [
        ("ConfigMap", "data", (1 << 20) - 1, nil), ("ConfigMap", "data", 1 << 20, ManifestFault.Code.tooLarge),
        ("ConfigMap", "binaryData", 1_300_000, nil), ("ConfigMap", "binaryData", 1_400_000, .tooLarge),
        ("Secret", "data", 1_300_000, nil), ("Secret", "data", 1_400_000, .tooLarge),
        ("Secret", "stringData", 1_100_000, .tooLarge), ("Service", "spec", 1_500_000, nil),
        ("Service", "spec", 1_600_000, .tooLarge),
    ]
    )
    func `a ConfigMap or Secret over 1 MiB, any object over 1.5 MiB`(
        _ kind: String,
        _ member: String,
        _ count: Int,
        _ code: ManifestFault.Code?
    ) {
        let object: JSON = [
            "apiVersion": "v1", "kind": .string(kind), "metadata": ["name": "a"],
            "data": .object([:]),
        ]
        var large = object
        large.set([member, "x"], .string(String(repeating: "A", count: count)))
        #expect(rules.check([Manifest(large, source: "")]).faults.map(\.code) == [code].compactMap(\.self))
    }

    @Test func `whether a new kind lives in a namespace is read from its definition among the manifests`() throws {
        let definition = try parsed(
            #"""
            {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.example.org"},
             "spec": {"group": "example.org", "scope": "Namespaced", "names": {"kind": "Widget"}}}
            """#
        )
        let widget: JSON = ["apiVersion": "example.org/v1", "kind": "Widget", "metadata": ["name": "w"]]
        var rules = rules
        rules.kinds = try #require(KindList(["CustomResourceDefinition.apiextensions.k8s.io", "*.example.org"]))
        let (manifests, faults) = rules.check([Manifest(widget, source: ""), Manifest(definition, source: "")])
        #expect(faults.isEmpty)
        #expect(manifests.map(\.object.namespace) == ["shop", "shop"])
    }

    @Test(arguments: [
        (["Job"], nil), (["ConfigMap"], "x.yaml:1: ConfigMap n1: is not a Job; only a Job can run before the rollout"),
        (
            ["Job", "Job"],
            "x.yaml:2: Job n2: is one Job too many; one Job can run before the rollout, with several containers if need be"
        ), ([], "before: an object: is not there; a Job must be written here"),
    ])
    func `what runs before the rollout is one Job`(_ kinds: [String], _ fault: String?) {
        let manifests = kinds.enumerated().map { index, kind in
            let version: JSON = kind == "Job" ? "batch/v1" : "v1"
            let object: JSON = [
                "apiVersion": version, "kind": .string(kind), "metadata": ["name": .string("n\(index + 1)")],
            ]
            return Manifest(object, source: "x.yaml:\(index + 1)")
        }
        let (job, faults) = rules.checkJob(manifests)
        #expect(faults.map(\.description) == [fault].compactMap(\.self))
        #expect((job == nil) == (fault != nil))
    }

    @Test(arguments: [
        (["*"], true), (["*.apps"], true), (["Deployment.apps"], true), (["Deployment"], false),
        (["*.batch"], false),
    ]
    )
    func `lists of kinds`(_ patterns: [String], contains: Bool) throws {
        #expect(try #require(KindList(patterns)).contains(GroupKind("Deployment", "apps")) == contains)
        #expect(KindList(["Deployment."]) == nil)
    }
}
