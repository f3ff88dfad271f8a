import Kubernetes
import Testing

@Suite struct ApplySetTests {
    let set = ApplySet(pipeline: "todo", namespace: "shop").holding([
        ObjectID(apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name: "web"),
        ObjectID(apiVersion: "v1", kind: "ConfigMap", namespace: "shop-jobs", name: "c"),
    ])

    /// Reckoned by `printf %s NAME.NAMESPACE.KIND.GROUP | openssl dgst -sha256 -binary | base64 | tr +/ -_ | tr -d =`.
    @Test(arguments: [
        (
            ObjectID(apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "fairlead-todo"),
            "40L8-SLaVsXVlITiGZ9bksiOU9X4jVE5rxMeh8hYfWA"
        ),
        (
            ObjectID(apiVersion: "example.org/v1", kind: "Bundle", name: "all"),
            "6L9MEJu-bB3cSHuJkayeBCfko6_dsAQC7ByVJg_gySs"
        ),
    ]
    )
    func `the id is the one that kubectl reckons`(_ parent: ObjectID, id: String) {
        #expect(ApplySet(parent: parent).id == "applyset-\(id)-v1")
    }

    @Test func `the parent says what the set holds, and is read again as it was written`() {
        let manifest = set.manifest
        #expect(manifest.name == "fairlead-todo")
        #expect(manifest.labels == ["applyset.kubernetes.io/id": set.id])
        #expect(
            manifest.annotations == [
                "applyset.kubernetes.io/tooling": "fairlead/1",
                "applyset.kubernetes.io/contains-group-kinds": "ConfigMap,Deployment.apps",
                "applyset.kubernetes.io/additional-namespaces": "shop-jobs",
            ]
        )
        #expect(ApplySet(parent: manifest) == set)
        #expect(ApplySet(parent: ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "other"]]) == nil)
        #expect(ApplySet.foreignTooling(of: manifest) == nil)
        var foreign = manifest
        foreign.set(["metadata", "annotations", "applyset.kubernetes.io/tooling"], "kubectl/v1.34.0")
        #expect(ApplySet.foreignTooling(of: foreign) == "kubectl/v1.34.0")
    }

    struct Case: Sendable {
        var kind = "ConfigMap"
        var name = "old"
        var namespace: String? = "shop"
        var annotation: String?
        var isMember = true
        var isTerminating = false
        let verdict: String
    }

    @Test(arguments: [
        Case(verdict: "delete"), Case(name: "kept", verdict: "belongs"),
        Case(namespace: "shop-jobs", verdict: "delete"),
        Case(namespace: "other", verdict: "is in namespace other, which the set does not name"),
        Case(annotation: "disabled", verdict: "has the annotation fairlead.dev/prune: disabled"),
        Case(isMember: false, verdict: "is not a member of fairlead-todo"),
        Case(isTerminating: true, verdict: "is being deleted"),
        Case(name: "kept", isTerminating: true, verdict: "belongs"),
        Case(
            kind: "PersistentVolumeClaim",
            verdict: "would take data with it; the annotation fairlead.dev/prune: enabled lets it go"
        ),
        Case(kind: "PersistentVolumeClaim", annotation: "enabled", verdict: "delete"),
        Case(kind: "Namespace", namespace: nil, annotation: "enabled", verdict: "delete"),
        Case(
            kind: "Namespace",
            namespace: nil,
            verdict: "would take data with it; the annotation fairlead.dev/prune: enabled lets it go"
        ),
    ]
    )
    func `what is pruned`(_ example: Case) {
        var object: JSON = [
            "apiVersion": "v1", "kind": .string(example.kind), "metadata": ["name": .string(example.name)],
        ]
        object.set(["metadata", "namespace"], example.namespace.map(JSON.string))
        object.set(["metadata", "annotations", "fairlead.dev/prune"], example.annotation.map(JSON.string))
        if example.isTerminating { object.set(["metadata", "deletionTimestamp"], "2026-01-01T00:00:00Z") }
        if example.isMember { object = set.mark(object, isMember: true) }
        let kept = ObjectPlace(ObjectID(apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "kept"))
        let text =
            switch PruneVerdict(of: object, in: set, applied: [kept]) {
            case .delete: "delete"
            case .belongs: "belongs"
            case .keep(let reason): reason
            }
        #expect(text == example.verdict)
    }
}
