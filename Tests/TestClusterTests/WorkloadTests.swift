import Kubernetes
import TestCluster
import Testing

/// Deployments, StatefulSets, DaemonSets and Jobs as their controllers play them.
@Suite struct WorkloadTests {
    private static func fast(_ images: [String: ImageBehaviour] = [:]) -> ClusterOptions {
        var options = ClusterOptions()
        options.images = images
        options.second = .milliseconds(10)
        options.readyDelay = .milliseconds(5)
        options.terminationDelay = .milliseconds(5)
        return options
    }

    private static func isDone(_ object: JSON?) -> Bool {
        guard let object, object[["status", "observedGeneration"]]?.integer == object.generation else { return false }
        let wanted = object[["spec", "replicas"]]
        return ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"].allSatisfy {
            object[["status", $0]] == wanted
        }
    }

    @Test func `A rollout ends with all pods new and ready, and the old set empty`() async throws {
        let api = try API(Self.fast())
        _ = try await api.apply(Sample.deployment(replicas: 3), as: "fairlead")
        #expect(await api.cluster.wait { Self.isDone($0.object("apps/v1", "Deployment", "default", "web")) })
        let first = try #require(api.cluster.object("apps/v1", "Deployment", "default", "web"))
        #expect(first.condition("Available")?["status"] == "True")
        #expect(first.condition("Progressing")?["reason"] == "NewReplicaSetAvailable")
        let changed = try await api.apply(Sample.deployment(replicas: 3, image: "registry.test/web:2"), as: "fairlead")
        #expect(changed.json.generation == 2)
        let isOver = await api.cluster.wait { view in
            Self.isDone(view.object("apps/v1", "Deployment", "default", "web")) && view.objects("v1", "Pod").count == 3
        }
        #expect(isOver)
        let images = Set(api.cluster.objects("v1", "Pod").map { $0[["spec", "containers"]]?.items.first?["image"] })
        #expect(images == ["registry.test/web:2"])
        let sets = api.cluster.objects("apps/v1", "ReplicaSet")
        #expect(sets.map { $0[["status", "replicas"]]?.integer ?? -1 }.sorted() == [0, 3])
        let revisions = sets.map { $0.annotations["deployment.kubernetes.io/revision"] ?? "" }.sorted()
        #expect(revisions == ["1", "2"])
    }

    @Test func `Pods name the digest that their tag had when they started`() async throws {
        let old = "sha256:" + String(repeating: "a", count: 64)
        let new = "sha256:" + String(repeating: "b", count: 64)
        let api = try API(Self.fast(["registry.test/web:1": ImageBehaviour(digest: old)]))
        _ = try await api.apply(Sample.deployment(), as: "fairlead")
        #expect(
            await api.cluster.wait { $0.objects("v1", "Pod").first.map(Self.imageID) == "registry.test/web@\(old)" }
        )
        api.cluster.moveTag("registry.test/web:1", to: new)
        _ = try await api.merge("/apis/apps/v1/namespaces/default/deployments/web", ["spec": ["replicas": 2]])
        #expect(
            await api.cluster.wait { view in
                Set(view.objects("v1", "Pod").map(Self.imageID)) == [
                    "registry.test/web@\(old)", "registry.test/web@\(new)",
                ]
            }
        )
        _ = try await api.apply(Sample.deployment("pinned", image: "registry.test/web@\(old)"), as: "fairlead")
        #expect(
            await api.cluster.wait { view in
                view.objects("v1", "Pod").contains { $0.labels["app"] == "pinned" && Self.imageID($0).hasSuffix(old) }
            }
        )
    }

    private static func imageID(_ pod: JSON) -> String {
        pod[["status", "containerStatuses"]]?.items.first?["imageID"]?.string ?? ""
    }

    @Test func `A crashing container backs off, and its logs are there, also the previous one's`() async throws {
        let crash = ImageBehaviour(.exits(1), log: "DATABASE_URL is not set\n", previousLog: "first\nsecond\n")
        let api = try API(Self.fast(["registry.test/web:1": crash]))
        _ = try await api.apply(Sample.deployment(), as: "fairlead")
        let isLooping = await api.cluster.wait { view in
            let status = view.objects("v1", "Pod").first?[["status", "containerStatuses"]]?.items.first
            return status?[["state", "waiting", "reason"]] == "CrashLoopBackOff"
                && status?[["lastState", "terminated", "exitCode"]] == 1
        }
        #expect(isLooping)
        let pod = try #require(api.cluster.objects("v1", "Pod").first?.name)
        let path = "/api/v1/namespaces/default/pods/\(pod)/log"
        #expect(try await api.send("GET", path).text == "DATABASE_URL is not set\n")
        #expect(try await api.send("GET", path + "?previous=true&tailLines=1").text == "second\n")
        let events = api.cluster.objects("v1", "Event").filter { $0[["involvedObject", "name"]]?.string == pod }
        #expect(events.contains { $0["reason"] == "BackOff" && $0["type"] == "Warning" })
    }

    @Test(arguments: [
        (ImageBehaviour.Start.cannotBePulled, "ImagePullBackOff" as String?), (.neverReady, nil), (.unschedulable, nil),
    ])
    func `A rollout that does not get on exceeds its deadline`(start: ImageBehaviour.Start, waits: String?) async throws
    {
        let api = try API(Self.fast(["registry.test/web:bad": ImageBehaviour(start)]))
        var bad = Sample.deployment(image: "registry.test/web:bad")
        bad.set(["spec", "progressDeadlineSeconds"], 5)
        _ = try await api.apply(bad, as: "fairlead")
        let isLate = await api.cluster.wait { view in
            let condition = view.object("apps/v1", "Deployment", "default", "web")?.condition("Progressing")
            return condition?["status"] == "False" && condition?["reason"] == "ProgressDeadlineExceeded"
        }
        #expect(isLate)
        let pod = api.cluster.objects("v1", "Pod").first
        if let waits {
            #expect(
                await api.cluster.wait { view in
                    let status = view.objects("v1", "Pod").first?[["status", "containerStatuses"]]?.items.first
                    return status?[["state", "waiting", "reason"]]?.string == waits
                }
            )
        }
        if start == .unschedulable { #expect(pod?.condition("PodScheduled")?["reason"] == "Unschedulable") }
        if start == .neverReady { #expect(pod?[["status", "phase"]] == "Running") }
    }

    @Test func `After an undo the deadline's condition stays until something moves`() async throws {
        let api = try API(Self.fast(["registry.test/web:bad": ImageBehaviour(.neverReady)]))
        var object = Sample.deployment()
        object.set(["spec", "progressDeadlineSeconds"], 5)
        _ = try await api.apply(object, as: "fairlead")
        #expect(await api.cluster.wait { Self.isDone($0.object("apps/v1", "Deployment", "default", "web")) })
        var bad = object
        let containers: JSON = [["name": "web", "image": "registry.test/web:bad"]]
        bad.set(["spec", "template", "spec", "containers"], containers)
        _ = try await api.apply(bad, as: "fairlead")
        #expect(
            await api.cluster.wait { view in
                view.object("apps/v1", "Deployment", "default", "web")?.condition("Progressing")?["status"] == "False"
            }
        )
        let since = api.cluster.revision
        _ = try await api.apply(object, as: "fairlead")
        #expect(await api.cluster.wait { Self.isDone($0.object("apps/v1", "Deployment", "default", "web")) })
        let states = try await API.Watch(api, "/apis/apps/v1/namespaces/default/deployments?resourceVersion=\(since)")
            .objects
        let isStale = states.contains {
            $0[["status", "observedGeneration"]]?.integer == 3 && $0.condition("Progressing")?["status"] == "False"
        }
        #expect(isStale)
        #expect(states.last?.condition("Progressing")?["reason"] == "NewReplicaSetAvailable")
    }

    @Test func `A StatefulSet goes pod by pod, and a broken one stops it`() async throws {
        let api = try API(Self.fast(["registry.test/db:bad": ImageBehaviour(.neverReady)]))
        var set = Sample.deployment("db", replicas: 2, image: "registry.test/db:1")
        set.set(["kind"], "StatefulSet")
        set.set(["spec", "serviceName"], "db")
        _ = try await api.apply(set, as: "fairlead")
        #expect(await api.cluster.wait { Self.isDone($0.object("apps/v1", "StatefulSet", "default", "db")) })
        #expect(api.cluster.objects("v1", "Pod").map(\.name) == ["db-0", "db-1"])
        set.set(["spec", "template", "spec", "containers"], [["name": "web", "image": "registry.test/db:bad"]])
        _ = try await api.apply(set, as: "fairlead")
        let isBroken = await api.cluster.wait { view in
            view.object("v1", "Pod", "default", "db-1")?[["spec", "containers"]]?.items.first?["image"]
                == "registry.test/db:bad"
        }
        #expect(isBroken)
        #expect(
            api.cluster.object("v1", "Pod", "default", "db-0")?[["spec", "containers"]]?.items.first?["image"]
                == "registry.test/db:1"
        )
        set.set(["spec", "template", "spec", "containers"], [["name": "web", "image": "registry.test/db:1"]])
        _ = try await api.apply(set, as: "fairlead")
        #expect(
            await api.cluster.wait { view in
                let set = view.object("apps/v1", "StatefulSet", "default", "db")
                return set?[["status", "observedGeneration"]] == 3
            }
        )
        // Until somebody deletes the pod.
        #expect(!Self.isDone(api.cluster.object("apps/v1", "StatefulSet", "default", "db")))
        api.cluster.remove("v1", "Pod", "default", "db-1")
        #expect(await api.cluster.wait { Self.isDone($0.object("apps/v1", "StatefulSet", "default", "db")) })
    }

    @Test func `A DaemonSet has a pod on every node`() async throws {
        let api = try API(Self.fast())
        var set = Sample.deployment("agent", replicas: nil)
        set.set(["kind"], "DaemonSet")
        _ = try await api.apply(set, as: "fairlead")
        #expect(
            await api.cluster.wait { view in
                let set = view.object("apps/v1", "DaemonSet", "default", "agent")
                return set?[["status", "numberAvailable"]] == 2 && set?[["status", "updatedNumberScheduled"]] == 2
            }
        )
        set.set(["spec", "template", "spec", "containers"], [["name": "web", "image": "registry.test/web:2"]])
        _ = try await api.apply(set, as: "fairlead")
        #expect(
            await api.cluster.wait { view in
                let pods = view.objects("v1", "Pod")
                return pods.count == 2 && pods.allSatisfy { $0.condition("Ready")?["status"] == "True" }
                    && pods.allSatisfy { $0[["spec", "containers"]]?.items.first?["image"] == "registry.test/web:2" }
            }
        )
    }

    @Test(arguments: [(0, "Complete"), (3, "Failed")])
    func `A Job ends as its pods do`(code: Int64, ending: String) async throws {
        let api = try API(Self.fast(["registry.test/migrate:1": ImageBehaviour(.exits(code), log: "done\n")]))
        let job: JSON = [
            "apiVersion": "batch/v1", "kind": "Job", "metadata": ["name": "migrate"],
            "spec": [
                "backoffLimit": 1,
                "template": [
                    "spec": [
                        "restartPolicy": "Never",
                        "containers": [["name": "migrate", "image": "registry.test/migrate:1"]],
                    ]
                ],
            ],
        ]
        _ = try await api.apply(job, as: "fairlead")
        #expect(
            await api.cluster.wait { view in
                view.object("batch/v1", "Job", "default", "migrate")?.condition(ending)?["status"] == "True"
            }
        )
        let ended = try #require(api.cluster.object("batch/v1", "Job", "default", "migrate"))
        #expect(ended[["status", code == 0 ? "succeeded" : "failed"]]?.integer == (code == 0 ? 1 : 2))
        let changed = try await api.merge(
            API.path(job),
            ["spec": ["template": ["spec": ["restartPolicy": "OnFailure"]]]]
        )
        #expect(changed.status == 422)
        #expect(changed.message.contains("field is immutable"))
    }
}
