import Kubernetes
import Testing

@Suite struct FieldSetTests {
    let fields = #"""
        {"f:metadata": {"f:labels": {".": {}, "f:app.kubernetes.io/name": {}}},
         "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {
           "k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}, "f:args": {},
             "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}}}}},
         "f:finalizers": {"v:\"a/b\"": {}}, "f:pairs": {"i:1": {}}}
        """#

    @Test func `paths as people read them`() throws {
        let set = FieldSet(fieldsV1: try parsed(fields))
        #expect(
            set.paths.map(\.description) == [
                #"finalizers["a/b"]"#, "metadata.labels", "metadata.labels[app.kubernetes.io/name]", "pairs[1]",
                "spec.replicas",
                #"spec.template.spec.containers[name="web"]"#, #"spec.template.spec.containers[name="web"].args"#,
                #"spec.template.spec.containers[name="web"].image"#, #"spec.template.spec.containers[name="web"].name"#,
                #"spec.template.spec.containers[name="web"].ports[containerPort=80,protocol="TCP"]"#,
                #"spec.template.spec.containers[name="web"].ports[containerPort=80,protocol="TCP"].containerPort"#,
            ]
        )
        #expect(set.contains(FieldPath([.field("spec"), .field("replicas")])))
        #expect(!set.contains(FieldPath([.field("spec")])))
    }

    @Test func `union, difference and intersection are those of the paths`() throws {
        let one = FieldSet(fieldsV1: try parsed(#"{"f:a": {}, "f:b": {".": {}, "f:c": {}}, "f:d": {"f:e": {}}}"#))
        let two = FieldSet(fieldsV1: try parsed(#"{"f:b": {"f:c": {}, "f:x": {}}, "f:d": {"f:e": {}}}"#))
        func names(_ set: FieldSet) -> [String] { set.paths.map(\.description) }
        #expect(names(one.union(two)) == ["a", "b", "b.c", "b.x", "d.e"])
        #expect(names(one.subtracting(two)) == ["a", "b"])
        #expect(names(two.subtracting(one)) == ["b.x"])
        #expect(names(one.intersection(two)) == ["b.c", "d.e"])
        #expect(one.subtracting(one).isEmpty)
        #expect(names(one.leaves) == ["a", "b.c", "d.e"])
    }

    @Test func `an object's part that a manager has, list items by their keys`() throws {
        let object = try parsed(
            #"""
            {"metadata": {"name": "web", "labels": {"app.kubernetes.io/name": "web", "x": "y"}},
             "spec": {"replicas": 2, "paused": false, "template": {"spec": {"containers": [
               {"name": "proxy", "image": "p"},
               {"name": "web", "image": "w", "args": ["a", "b"], "tty": true,
                "ports": [{"containerPort": 80, "protocol": "TCP", "name": "http"}, {"containerPort": 81, "protocol": "TCP"}]}]}}},
             "finalizers": ["a/b", "c/d"], "pairs": [1, 2]}
            """#
        )
        let part = FieldSet(fieldsV1: try parsed(fields)).extract(from: object)
        #expect(
            part
                == (try parsed(
                    #"""
                    {"metadata": {"labels": {"app.kubernetes.io/name": "web"}},
                     "spec": {"replicas": 2, "template": {"spec": {"containers": [
                       {"name": "web", "image": "w", "args": ["a", "b"], "ports": [{"containerPort": 80}]}]}}},
                     "finalizers": ["a/b"], "pairs": [2]}
                    """#
                ))
        )
    }

    @Test func `a map that was applied empty, and of which others have parts, stays empty`() throws {
        let object: JSON = ["spec": ["resources": ["limits": ["cpu": "1"]], "strategy": ["type": "Recreate"]]]
        let own = FieldSet(fieldsV1: ["f:spec": ["f:resources": [:], "f:strategy": [:]]])
        let others = FieldSet(fieldsV1: ["f:spec": ["f:resources": ["f:limits": ["f:cpu": [:]]]]])
        #expect(
            own.extract(from: object, others: others) == ["spec": ["resources": [:], "strategy": ["type": "Recreate"]]]
        )
    }

    @Test func `who has a field`() throws {
        let object = try parsed(
            #"""
            {"metadata": {"managedFields": [
              {"manager": "fairlead", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:a": {}}}},
              {"manager": "kubectl-edit", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:a": {}, "f:b": {}}}},
              {"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale", "fieldsV1": {}}]}}
            """#
        )
        let path = FieldPath([.field("data"), .field("a")])
        #expect(object.owners(of: path).map(\.name) == ["fairlead", "kubectl-edit"])
        #expect(object.applied(by: "fairlead").paths == [path])
        #expect(object.applied(by: "kubectl-edit").isEmpty)
        #expect(object.managers.map(\.subresource) == [nil, nil, "scale"])
    }
}
