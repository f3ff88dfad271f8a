import Foundation
import HTTPClient
import Kubernetes
import TestCluster
import Testing

/// The road of a push to a Kubernetes API server, with the real program, builds and registry.
extension EndToEnd {
    @Suite("Deploys to a Kubernetes cluster") struct ClusterTests {
        @Test("a push is applied by digest, proven, undone when it crashes, and pruned")
        func road() async throws {
            try await ClusterWorld.run { world, cluster in
                let first = try await world.deploy(try await world.repository.head())
                #expect(first.status == "succeeded", "\(String(describing: first.reason))")
                let pinned = try #require(cluster.image(of: "web"))
                #expect(pinned.hasSuffix("@\(try #require(first.images.first?.digest))"))
                #expect(first.smokeTest.map(\.passed) == [true])
                #expect(first.release?.services.first?.address == "web.web.svc:80")

                // What crashes is undone, and the run says why in one sentence.
                let name = String(pinned.prefix { $0 != "@" })
                cluster.setImage(name, ImageBehaviour(.exits(1), log: "starting\nDATABASE_URL is not set\n"))
                cluster.setImage(pinned, ImageBehaviour())
                let bad = try await world.deploy(
                    try await world.repository.commit(["index.html": "Hello two\n"], message: "Two")
                )
                #expect(bad.status == "failed")
                let reason = bad.reason?.message ?? ""
                #expect(reason.hasPrefix("web: CrashLoopBackOff, exit 1, `DATABASE_URL is not set`"), "\(reason)")
                #expect(bad.undo?.status == "succeeded", "\(String(describing: bad.undo))")
                #expect(cluster.image(of: "web") == pinned)

                // What a release no longer has is pruned, last.
                cluster.setImage(name, ImageBehaviour())
                let extra = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: extra }\ndata: { a: b }\n"
                _ = try await world.deploy(
                    try await world.repository.commit(["k8s/extra.yaml": extra], message: "More")
                )
                #expect(cluster.object("v1", "ConfigMap", "web", "extra") != nil)
                let less = try await world.deploy(
                    try await world.repository.commit(["k8s/extra.yaml": nil], message: "Less")
                )
                #expect(less.status == "succeeded", "\(String(describing: less.reason))")
                #expect(cluster.object("v1", "ConfigMap", "web", "extra") == nil)
            }
        }

        @Test("what a pipeline may not touch is refused with its place, and the cluster stays as it was")
        func refusals() async throws {
            let role =
                "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: { name: all }\nrules: []\n"
            let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c, namespace: kube-system }\n"
            let files = Sample.files().merging(["k8s/role.yaml": role, "k8s/other.yaml": other]) { $1 }
            try await ClusterWorld.run(files: files) { world, cluster in
                let run = try await world.deploy(try await world.repository.head())
                #expect(run.status == "failed")
                let message = run.reason?.message ?? ""
                #expect(message.contains("k8s/role.yaml:1: ClusterRole all: this pipeline may not touch"), "\(message)")
                #expect(message.contains("k8s/other.yaml:1: ConfigMap c: is in namespace kube-system"), "\(message)")
                #expect(cluster.requests.filter(\.isWrite).isEmpty)
            }
        }

        @Test("a plan says what a push would change and changes nothing")
        func plan() async throws {
            try await ClusterWorld.run { world, cluster in
                let token = try await world.token("deployer")
                let answer = try await world.request("POST", "/api/v1/pipelines/web/plan", token: token)
                #expect(answer.status == 200, "\(answer.string)")
                let lines = try #require(try answer.json()["lines"] as? [String]).joined(separator: "\n")
                #expect(lines.contains("+ Deployment web"), "\(lines)")
                #expect(cluster.object("apps/v1", "Deployment", "web", "web") == nil)
                #expect(try await world.request("POST", "/api/v1/pipelines/web/plan").status == 401)
            }
        }
    }
}
