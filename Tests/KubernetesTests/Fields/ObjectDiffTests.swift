import Kubernetes
import Testing

@Suite struct ObjectDiffTests {
    @Test func `field by field, items of lists by their keys, without what the server counts up`() throws {
        let live = try parsed(
            #"""
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "generation": 1, "resourceVersion": "5",
               "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a.b/c": "old"}},
             "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "args": ["-v"]}]}}},
             "status": {"replicas": 2}}
            """#
        )
        let result = try parsed(
            #"""
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "generation": 2, "resourceVersion": "6",
               "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{2}"}},
             "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "b", "args": ["-v", "-q"]}, {"name": "a", "image": "x:2", "tty": true}]}}},
             "status": {"replicas": 3}}
            """#
        )
        #expect(
            ObjectDiff(live: live, result: result).lines == [
                "~ Deployment web",
                "    - metadata.annotations[a.b/c]: old",
                #"    ~ spec.template.spec.containers: ["a","b"] → ["b","a"]"#,
                #"    ~ spec.template.spec.containers[name="a"].image: x:1 → x:2"#,
                #"    + spec.template.spec.containers[name="a"].tty: true"#,
                #"    ~ spec.template.spec.containers[name="b"].args: ["-v"] → ["-v","-q"]"#,
            ]
        )
        #expect(ObjectDiff(live: live, result: live).isEmpty)
        #expect(ObjectDiff(live: live, result: live).lines == ["= Deployment web"])
    }

    @Test func `a Secret shows that it changes and never what it holds`() throws {
        let live: JSON = [
            "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "s"],
            "data": ["a": "aHVudGVy", "b": "aHVudGVz", "c": "Yw=="],
        ]
        let result: JSON = [
            "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "s"],
            "data": ["a": "aHVudGVyMg==", "c": "Yw==", "d": "aHVudGV0"],
        ]
        let lines = ObjectDiff(live: live, result: result).lines
        #expect(
            lines == [
                "~ Secret s", "    ~ data.a: (secret) → (another secret)", "    - data.b: (secret)",
                "    + data.d: (secret)",
            ]
        )
        #expect(
            ObjectDiff(live: nil, result: result).lines == [
                "+ Secret s", "    + data.a: (secret)", "    + data.c: (secret)", "    + data.d: (secret)",
            ]
        )
        var emptied = live
        emptied.set(["data"], nil)
        #expect(!ObjectDiff(live: live, result: emptied).lines.joined().contains("aHVudGVy"))
    }
}
