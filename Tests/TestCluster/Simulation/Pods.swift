import Kubernetes

/// What a scheduler and a node do for pods.
extension Cluster {
    mutating func tend(pod: JSON, _ place: Place) {
        if pod.isBeingDeleted { return end(pod, place) }
        guard pod[["status", "phase"]] == nil || pod[["spec", "nodeName"]] == nil else { return }
        let containers = pod[["spec", "containers"]]?.items ?? []
        let isUnschedulable = containers.contains { behaviour(of: $0, in: pod).start == .unschedulable }
        guard !isUnschedulable, !options.nodes.isEmpty else {
            guard pod.condition("PodScheduled") == nil else { return }
            let why = "0/\(options.nodes.count) nodes are available: \(options.nodes.count) Insufficient cpu."
            update(place, as: "kube-scheduler") {
                $0.set(["status", "phase"], "Pending")
                $0.setCondition("PodScheduled", false, "Unschedulable", why)
            }
            return event(pod, "Warning", "FailedScheduling", why, from: "default-scheduler")
        }
        run(pod, place)
    }

    private mutating func run(_ pod: JSON, _ place: Place) {
        podCount += 1
        let node = pod[["spec", "nodeName"]]?.string ?? options.nodes[podCount % options.nodes.count]
        var bound = pod
        bound.set(["spec", "nodeName"], .string(node))
        bound = commit(bound, at: place)
        event(
            bound,
            "Normal",
            "Scheduled",
            "Successfully assigned \(place.namespace)/\(place.name) to \(node)",
            from: "default-scheduler"
        )
        let address = "10.244.\(podCount / 250).\(podCount % 250 + 1)"
        update(place, as: "kubelet") { pod in
            pod.set(["status", "phase"], "Pending")
            pod.set(["status", "hostIP"], "192.0.2.1")
            pod.set(["status", "podIP"], .string(address))
            pod.set(["status", "podIPs"], [["ip": .string(address)]])
            pod.set(["status", "startTime"], .string(Timestamp.now))
            pod.setCondition("PodScheduled", true, "")
            for (list, statuses) in [
                ("initContainers", "initContainerStatuses"), ("containers", "containerStatuses"),
            ] {
                guard let containers = pod[["spec", list]]?.items, !containers.isEmpty else { continue }
                pod.set(["status", statuses], .array(containers.map(ContainerRun.waiting)))
            }
            pod.settle()
        }
        let first = (pod[["spec", "initContainers"]]?.items ?? []).first
        if let first {
            schedule(.pull, place, pod.uid, first["name"]?.string ?? "", after: .zero)
        } else {
            beginMain(pod, place)
        }
    }

    /// Starts the containers that are no init containers.
    mutating func beginMain(_ pod: JSON, _ place: Place) {
        for container in pod[["spec", "containers"]]?.items ?? [] {
            schedule(.pull, place, pod.uid, container["name"]?.string ?? "", after: .zero)
        }
    }

    /// Ends a pod that is being deleted, after its grace.
    private mutating func end(_ pod: JSON, _ place: Place) {
        guard ending.insert(pod.uid).inserted else { return }
        let grace = pod[["metadata", "deletionGracePeriodSeconds"]]?.integer ?? 0
        agenda.after(grace == 0 ? .zero : options.terminationDelay) { cluster in
            cluster.ending.remove(pod.uid)
            guard var live = cluster.store[place], live.uid == pod.uid else { return }
            live.set(["metadata", "deletionGracePeriodSeconds"], 0)
            if live.isFreeToGo { cluster.erase(place) } else { _ = cluster.commit(live, at: place) }
        }
    }

    /// By an annotation of the pod, else by the image.
    func behaviour(of container: JSON, in pod: JSON) -> ImageBehaviour {
        let image = container["image"]?.string ?? ""
        var behaviour = images.behaviour(of: image)
        if let log = pod.annotations["test-cluster/log"] { behaviour.log = log }
        switch pod.annotations["test-cluster/behaviour"] {
        case "never-ready": behaviour.start = .neverReady
        case "unschedulable": behaviour.start = .unschedulable
        case "cannot-be-pulled": behaviour.start = .cannotBePulled
        case let text? where text.hasPrefix("exits="): behaviour.start = .exits(Int64(text.dropFirst(6)) ?? 1)
        default: break
        }
        // What runs to its end has to come to one.
        let isDefault = if case .ready = behaviour.start { true } else { false }
        if isDefault, pod[["spec", "restartPolicy"]] != "Always" { behaviour.start = .exits(0) }
        return behaviour
    }
}

/// The status of a container in the stations of its life.
enum ContainerRun {
    static func waiting(_ container: JSON) -> JSON {
        [
            "name": container["name"] ?? "", "image": container["image"] ?? "", "imageID": "", "ready": false,
            "started": false, "restartCount": 0, "lastState": [:],
            "state": ["waiting": ["reason": "ContainerCreating"]],
        ]
    }
}

extension JSON {
    /// Derives a pod's phase and conditions from its containers.
    mutating func settle() {
        let main = self[["status", "containerStatuses"]]?.items ?? []
        let initial = self[["status", "initContainerStatuses"]]?.items ?? []
        let isInitialized = initial.allSatisfy { $0[["state", "terminated", "exitCode"]] == 0 }
        let isReady = !main.isEmpty && main.allSatisfy { $0["ready"] == true }
        let policy = self[["spec", "restartPolicy"]]?.string ?? "Always"
        func isOver(_ status: JSON) -> Bool {
            guard let code = status[["state", "terminated", "exitCode"]]?.integer else { return false }
            return policy == "Never" || policy == "OnFailure" && code == 0
        }
        let isFailed = (main + initial).contains { isOver($0) && $0[["state", "terminated", "exitCode"]] != 0 }
        var phase = "Pending"
        if policy == "Never", initial.contains(where: { isOver($0) && $0[["state", "terminated", "exitCode"]] != 0 }) {
            phase = "Failed"
        } else if main.allSatisfy(isOver), !main.isEmpty {
            phase = isFailed ? "Failed" : "Succeeded"
        } else if main.contains(where: {
            $0[["state", "waiting", "reason"]] != "ContainerCreating" && $0["imageID"] != ""
        }) {
            phase = "Running"
        }
        set(["status", "phase"], .string(phase))
        setCondition("Initialized", isInitialized, isInitialized ? "" : "ContainersNotInitialized")
        let why = phase == "Succeeded" ? "PodCompleted" : isReady ? "" : "ContainersNotReady"
        let names = main.filter { $0["ready"] != true }.compactMap { $0["name"]?.string }.joined(separator: " ")
        let message = isReady ? "" : "containers with unready status: [\(names)]"
        setCondition("ContainersReady", isReady, why, message)
        setCondition("Ready", isReady, why, message)
        set(["status", "observedGeneration"], self[["metadata", "generation"]])
    }
}
