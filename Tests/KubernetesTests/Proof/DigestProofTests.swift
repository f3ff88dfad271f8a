import Kubernetes
import Testing

@Suite struct DigestProofTests {
    static let new = "r.example.org/backend@sha256:" + String(repeating: "b", count: 64)
    static let old = "r.example.org/backend@sha256:" + String(repeating: "a", count: 64)
    let id = ObjectID(apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name: "web")

    func uses(_ id: ObjectID) -> [ImageUse] {
        [ImageUse(object: id, container: "app", image: "backend", reference: Self.new)]
    }

    func workload(_ kind: String = "Deployment", image: String = new, spec: JSON = [:]) -> JSON {
        var object: JSON = [
            "apiVersion": "apps/v1", "kind": .string(kind),
            "metadata": ["name": "web", "namespace": "shop", "uid": "d"],
        ]
        object.set(["spec"], spec)
        object.set(
            ["spec", "template"],
            [
                "metadata": ["labels": ["app": "web"]],
                "spec": ["containers": [["name": "app", "image": .string(image)]]],
            ]
        )
        return object
    }

    func replicaSet(_ uid: String, image: String, replicas: Int64) -> JSON {
        [
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": [
                "name": .string("web-\(uid)"), "uid": .string(uid),
                "ownerReferences": [["uid": "d", "controller": true]],
            ],
            "spec": [
                "template": [
                    "metadata": ["labels": ["app": "web", "pod-template-hash": .string(uid)]],
                    "spec": ["containers": [["name": "app", "image": .string(image)]]],
                ]
            ],
            "status": ["replicas": .integer(replicas)],
        ]
    }

    func pod(
        _ name: String,
        owner: String,
        runs: String,
        asked: String = new,
        ready: Bool = true,
        terminating: Bool = false
    ) -> JSON {
        var pod: JSON = [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": ["name": .string(name), "ownerReferences": [["uid": .string(owner), "controller": true]]],
            "spec": ["containers": [["name": "app", "image": .string(asked)]]],
            "status": [
                "conditions": [["type": "Ready", "status": ready ? "True" : "False"]],
                "containerStatuses": [["name": "app", "imageID": .string(runs)]],
            ],
        ]
        if terminating { pod.set(["metadata", "deletionTimestamp"], "2026-01-01T00:00:00Z") }
        return pod
    }

    func judge(_ workload: JSON, _ sets: [JSON], _ pods: [JSON]) -> DigestProof {
        DigestProof(uses: uses(workload.id), workloads: [workload], replicaSets: sets, pods: pods)
    }

    @Test(arguments: [new, "docker-pullable://" + new, "sha256:" + String(repeating: "b", count: 64)]
    )
    func `runtimes write the digest in several forms`(_ imageID: String) {
        let proof = judge(
            workload(),
            [replicaSet("n", image: Self.new, replicas: 1)],
            [pod("p", owner: "n", runs: imageID)]
        )
        #expect(proof == .proven(notes: []))
    }

    @Test func `old ReplicaSets must have no replicas, terminating pods do not count`() {
        let sets = [replicaSet("n", image: Self.new, replicas: 1), replicaSet("o", image: Self.old, replicas: 0)]
        let pods = [
            pod("new", owner: "n", runs: Self.new),
            pod("gone", owner: "o", runs: Self.old, asked: Self.old, terminating: true),
        ]
        #expect(judge(workload(), sets, pods) == .proven(notes: []))
        let busy = [replicaSet("n", image: Self.new, replicas: 1), replicaSet("o", image: Self.old, replicas: 2)]
        #expect(judge(workload(), busy, pods) == .pending("Deployment web: old ReplicaSet web-o still has 2 replicas"))
    }

    @Test func `a ready pod of another digest is no proof; one that was told the right one never will be`() {
        let sets = [replicaSet("n", image: Self.new, replicas: 2)]
        let good = pod("a", owner: "n", runs: Self.new)
        let digest = Self.new.split(separator: "@")[1]
        #expect(
            judge(workload(), sets, [good, pod("b", owner: "n", runs: Self.old)])
                == .refuted("Deployment web: pod b runs app from \(Self.old), not the pushed \(digest)")
        )
        #expect(
            judge(workload(), sets, [good, pod("b", owner: "n", runs: Self.old, asked: "backend:latest")])
                == .pending("Deployment web: pod b runs app from \(Self.old), not the pushed \(digest)")
        )
        #expect(
            judge(workload(), sets, [good, pod("b", owner: "n", runs: Self.old, ready: false)]) == .proven(notes: [])
        )
    }

    @Test func `a template that somebody changed turns it red at once`() {
        let changed = workload(image: "backend:latest")
        #expect(
            judge(changed, [], []) == .refuted("Deployment web was changed meanwhile: app is to run backend:latest now")
        )
    }

    @Test func `nothing to see yet`() {
        #expect(judge(workload(), [], []) == .pending("Deployment web has no ReplicaSet of its present template yet"))
        let sets = [replicaSet("n", image: Self.new, replicas: 1)]
        #expect(judge(workload(), sets, []) == .pending("Deployment web has no ready pod yet"))
        #expect(judge(workload(spec: ["replicas": 0]), sets, []) == .proven(notes: []))
        #expect(
            DigestProof(uses: uses(id), workloads: [], replicaSets: [], pods: [])
                == .pending("Deployment web is not there")
        )
    }

    @Test func `pods that wait for somebody to delete them`() {
        let digest = Self.new.split(separator: "@")[1]
        let pods = [pod("web-0", owner: "d", runs: Self.old, asked: Self.old)]
        let sentence = "StatefulSet web: pod web-0 runs app from \(Self.old), not the pushed \(digest)"
        #expect(judge(workload("StatefulSet"), [], pods) == .pending(sentence))
        #expect(
            judge(workload("StatefulSet", spec: ["updateStrategy": ["type": "OnDelete"]]), [], pods)
                == .refuted(
                    sentence + "; with the update strategy OnDelete it stays so until somebody deletes the pods"
                )
        )
    }

    @Test func `a CronJob proves nothing until it runs`() {
        let id = ObjectID(apiVersion: "batch/v1", kind: "CronJob", namespace: "shop", name: "tidy")
        let live: JSON = [
            "apiVersion": "batch/v1", "kind": "CronJob", "metadata": ["name": "tidy", "namespace": "shop"],
            "spec": [
                "jobTemplate": [
                    "spec": ["template": ["spec": ["containers": [["name": "app", "image": .string(Self.new)]]]]]
                ]
            ],
        ]
        #expect(
            DigestProof(uses: uses(id), workloads: [live], replicaSets: [], pods: [])
                == .proven(notes: ["CronJob tidy proves nothing until it runs"])
        )
    }
}
