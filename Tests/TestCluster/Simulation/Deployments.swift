import Kubernetes

/// The ReplicaSets of a Deployment in the midst of a rollout.
private struct Rollout {
    var deployment: JSON
    var new: JSON?
    var old: [JSON]

    var all: [JSON] { (new.map { [$0] } ?? []) + old }
    var desired: Int64 { deployment.replicas }
    var isRecreate: Bool { deployment[["spec", "strategy", "type"]] == "Recreate" }

    private func limit(_ name: String, roundsUp: Bool) -> Int64 {
        (deployment[["spec", "strategy", "rollingUpdate", name]] ?? 0).scaled(desired, roundsUp: roundsUp)
    }

    var maxSurge: Int64 { isRecreate ? 0 : limit("maxSurge", roundsUp: true) }

    var maxUnavailable: Int64 {
        if isRecreate { return 0 }
        let most = min(limit("maxUnavailable", roundsUp: false), desired)
        return most == 0 && maxSurge == 0 ? 1 : most
    }

    func sum(_ name: String) -> Int64 { all.reduce(0) { $0 + $1.statusNumber(name) } }
}

/// By the rules of the deployment controller of Kubernetes 1.34.
extension Cluster {
    mutating func tend(deployment: JSON, _ place: Place) {
        guard !deployment.isBeingDeleted else { return }
        let sets = owned("replicasets.apps", by: deployment)
        let template = deployment[["spec", "template"]] ?? [:]
        let new = sets.first { $0.ownTemplate == template }
        var rollout = Rollout(deployment: deployment, new: new, old: sets.filter { $0.uid != new?.uid })
        guard deployment[["spec", "paused"]] != true else { return report(rollout, place) }
        if new == nil { rollout.new = makeReplicaSet(rollout, template, place) }
        revise(&rollout, place)
        if rollout.isRecreate { recreate(&rollout) } else { roll(&rollout) }
        prune(rollout)
        report(rollout, place)
    }

    private mutating func makeReplicaSet(_ rollout: Rollout, _ template: JSON, _ place: Place) -> JSON? {
        guard let resource = resources.find("apps", "v1", "replicasets") else { return nil }
        let deployment = rollout.deployment
        let hash = String(Fingerprint.hex(template.text).prefix(10))
        var set: JSON = [
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": [
                "name": .string("\(place.name)-\(hash)"), "namespace": .string(place.namespace),
                "ownerReferences": [deployment.asOwner],
            ],
            "spec": ["replicas": 0, "selector": deployment[["spec", "selector"]] ?? [:], "template": template],
        ]
        set.set(["metadata", "labels"], template[["metadata", "labels"]])
        for path in [
            ["metadata", "labels"], ["spec", "selector", "matchLabels"], ["spec", "template", "metadata", "labels"],
        ] {
            set.set(path + ["pod-template-hash"], .string(hash))
        }
        set.set(["spec", "minReadySeconds"], deployment[["spec", "minReadySeconds"]])
        let options = WriteOptions(manager: "kube-controller-manager", user: "test")
        let made = try? create(set, resource, namespace: place.namespace, options)
        progress[deployment.uid] = .now
        let message = "Created new replica set \"\(place.name)-\(hash)\""
        update(place, as: "kube-controller-manager") {
            $0.setProgress(true, "NewReplicaSetCreated", message)
        }
        return made
    }

    /// Numbers the revisions: the newest ReplicaSet has the highest.
    private mutating func revise(_ rollout: inout Rollout, _ place: Place) {
        let key = "deployment.kubernetes.io/revision"
        guard let new = rollout.new, let resource = resources.find("apps", "v1", "replicasets") else { return }
        let highest = rollout.old.map { Int64($0.annotations[key] ?? "") ?? 0 }.max() ?? 0
        let own = Int64(new.annotations[key] ?? "") ?? 0
        let revision = JSON.string(String(own > highest ? own : highest + 1))
        let home = self.place(of: new, resource)
        update(home, as: "kube-controller-manager", status: false) {
            $0.set(["metadata", "annotations", key], revision)
        }
        update(place, as: "kube-controller-manager", status: false) {
            $0.set(["metadata", "annotations", key], revision)
        }
        rollout.new = store[home]
        rollout.deployment = store[place] ?? rollout.deployment
    }

    private mutating func roll(_ rollout: inout Rollout) {
        guard let new = rollout.new else { return }
        let total = rollout.all.reduce(0) { $0 + $1.replicas }
        if new.replicas > rollout.desired {
            rollout.new = scale(new, to: rollout.desired, rollout)
            return
        }
        if new.replicas < rollout.desired {
            let room = rollout.desired + rollout.maxSurge - total
            let more = min(max(room, 0), rollout.desired - new.replicas)
            if more > 0 {
                rollout.new = scale(new, to: new.replicas + more, rollout)
                return
            }
        }
        let minimum = rollout.desired - rollout.maxUnavailable
        let waiting = new.replicas - new.statusNumber("availableReplicas")
        var room = total - minimum - waiting
        guard room > 0 else { return }
        for index in rollout.old.indices where room > 0 {
            let set = rollout.old[index]
            let broken = min(room, set.replicas - set.statusNumber("availableReplicas"))
            guard broken > 0 else { continue }
            rollout.old[index] = scale(set, to: set.replicas - broken, rollout) ?? set
            room -= broken
        }
        var spare = rollout.sum("availableReplicas") - minimum
        for index in rollout.old.indices where spare > 0 {
            let set = rollout.old[index]
            let fewer = min(spare, set.replicas)
            guard fewer > 0 else { continue }
            rollout.old[index] = scale(set, to: set.replicas - fewer, rollout) ?? set
            spare -= fewer
        }
    }

    /// All old pods first.
    private mutating func recreate(_ rollout: inout Rollout) {
        for index in rollout.old.indices where rollout.old[index].replicas > 0 {
            rollout.old[index] = scale(rollout.old[index], to: 0, rollout) ?? rollout.old[index]
        }
        let isClear = rollout.old.allSatisfy { set in
            owned("pods", by: set).allSatisfy {
                ["Succeeded", "Failed"].contains($0[["status", "phase"]]?.string ?? "")
            }
        }
        guard isClear, let new = rollout.new, new.replicas != rollout.desired else { return }
        rollout.new = scale(new, to: rollout.desired, rollout)
    }

    private mutating func scale(_ set: JSON, to replicas: Int64, _ rollout: Rollout) -> JSON? {
        guard let resource = resources.find("apps", "v1", "replicasets"), set.replicas != replicas else { return set }
        let place = place(of: set, resource)
        update(place, as: "kube-controller-manager", status: false) {
            $0.set(["spec", "replicas"], .integer(replicas))
        }
        let verb = replicas > set.replicas ? "up" : "down"
        let message = "Scaled \(verb) replica set \(set.name) from \(set.replicas) to \(replicas)"
        event(rollout.deployment, "Normal", "ScalingReplicaSet", message, from: "deployment-controller")
        return store[place]
    }

    /// Drops ReplicaSets beyond the history's limit.
    private mutating func prune(_ rollout: Rollout) {
        guard let resource = resources.find("apps", "v1", "replicasets") else { return }
        let limit = rollout.deployment[["spec", "revisionHistoryLimit"]]?.integer ?? 10
        let idle = rollout.old.filter { $0.replicas == 0 && $0.statusNumber("replicas") == 0 && !$0.isBeingDeleted }
        guard idle.count > limit else { return }
        let key = "deployment.kubernetes.io/revision"
        let oldest = idle.sorted { (Int64($0.annotations[key] ?? "") ?? 0) < (Int64($1.annotations[key] ?? "") ?? 0) }
        for set in oldest.prefix(idle.count - Int(limit)) {
            _ = try? delete(place(of: set, resource), resource, DeleteOptions())
        }
    }

    // MARK: Status

    private mutating func report(_ rollout: Rollout, _ place: Place) {
        let old = rollout.deployment
        let specified = rollout.all.reduce(0) { $0 + $1.replicas }
        let available = rollout.sum("availableReplicas")
        let numbers = [
            "replicas": rollout.sum("replicas"), "updatedReplicas": rollout.new?.statusNumber("replicas") ?? 0,
            "readyReplicas": rollout.sum("readyReplicas"), "availableReplicas": available,
            "unavailableReplicas": max(0, specified - available),
        ]
        let isDone = ["replicas", "updatedReplicas", "availableReplicas"].allSatisfy { numbers[$0] == rollout.desired }
        let failure = rollout.new?.condition("ReplicaFailure")
        var isMoving = numbers["updatedReplicas", default: 0] > old.statusNumber("updatedReplicas")
        isMoving = isMoving || numbers["readyReplicas", default: 0] > old.statusNumber("readyReplicas")
        isMoving = isMoving || available > old.statusNumber("availableReplicas")
        let others = numbers["replicas", default: 0] - numbers["updatedReplicas", default: 0]
        isMoving = isMoving || others < old.statusNumber("replicas") - old.statusNumber("updatedReplicas")
        if isMoving || progress[old.uid] == nil { progress[old.uid] = .now }
        let isLate = isLate(rollout, place)
        report(place, numbers) { deployment in
            let isAvailable = available >= rollout.desired - rollout.maxUnavailable
            deployment.setCondition(
                "Available",
                isAvailable,
                isAvailable ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                "Deployment \(isAvailable ? "has" : "does not have") minimum availability."
            )
            let name = rollout.new?.name ?? ""
            if isDone {
                deployment.setProgress(
                    true,
                    "NewReplicaSetAvailable",
                    "ReplicaSet \"\(name)\" has successfully progressed."
                )
            } else if isMoving {
                deployment.setProgress(true, "ReplicaSetUpdated", "ReplicaSet \"\(name)\" is progressing.")
            } else if isLate {
                deployment.setProgress(
                    false,
                    "ProgressDeadlineExceeded",
                    "ReplicaSet \"\(name)\" has timed out progressing."
                )
            }
            if let failure {
                let why = failure["message"]?.string ?? ""
                deployment.setCondition("ReplicaFailure", true, "FailedCreate", why)
            } else {
                let left = (deployment[["status", "conditions"]]?.items ?? []).filter { $0["type"] != "ReplicaFailure" }
                deployment.set(["status", "conditions"], .array(left))
            }
        }
    }

    /// Whether the deadline has passed. Once it has, it stays so until something moves: a new generation alone does not
    /// take the condition back, as it does not on a real cluster.
    private mutating func isLate(_ rollout: Rollout, _ place: Place) -> Bool {
        guard let current = rollout.deployment.condition("Progressing"), rollout.deployment[["spec", "paused"]] != true
        else { return false }
        if current["reason"] == "NewReplicaSetAvailable" { return false }
        if current["reason"] == "ProgressDeadlineExceeded" { return true }
        let deadline = rollout.deployment[["spec", "progressDeadlineSeconds"]]?.integer ?? 600
        let due = (progress[rollout.deployment.uid] ?? .now) + options.seconds(deadline)
        let rest = ContinuousClock.now.duration(to: due)
        guard rest > .zero else { return true }
        agenda.after(rest) { $0.agenda.add(.look(place)) }
        return false
    }
}

extension JSON {
    /// A ReplicaSet's template without what its Deployment put into it.
    fileprivate var ownTemplate: JSON? {
        guard var template = self[["spec", "template"]] else { return nil }
        template.set(["metadata", "labels", "pod-template-hash"], nil)
        return template
    }

    /// The Progressing condition; its update time counts for the deadline.
    fileprivate mutating func setProgress(_ status: Bool, _ reason: String, _ message: String) {
        if let old = condition("Progressing"), old["reason"]?.string == reason, old["message"]?.string == message {
            return
        }
        setCondition("Progressing", status, reason, message)
        update(["status", "conditions"]) {
            if $0["type"] == "Progressing" { $0.set(["lastUpdateTime"], .string(Timestamp.now)) }
        }
    }
}
