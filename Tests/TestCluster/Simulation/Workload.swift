import Kubernetes

/// What the controllers of all workloads need.
extension Cluster {
    func owned(_ key: String, by owner: JSON) -> [JSON] {
        store.list(key, namespace: owner.namespace).filter { $0.isOwned(by: owner) }
    }

    /// Makes a pod from a template.
    /// - Returns: why it could not be made, nil where it was.
    mutating func makePod(from template: JSON, for owner: JSON, named name: String, labels: [String: String] = [:])
        -> String?
    {
        guard let pods = resources.find("", "v1", "pods") else { return nil }
        var pod: JSON = ["apiVersion": "v1", "kind": "Pod", "spec": template["spec"] ?? [:]]
        pod.set(["metadata"], template["metadata"])
        pod.set(["metadata", "name"], .string(name))
        pod.set(["metadata", "namespace"], .string(owner.namespace ?? "default"))
        pod.set(["metadata", "ownerReferences"], [owner.asOwner])
        for (key, value) in labels { pod.set(["metadata", "labels", key], .string(value)) }
        let options = WriteOptions(manager: "kube-controller-manager", user: "test")
        do {
            _ = try create(pod, pods, namespace: owner.namespace, options)
            event(
                owner,
                "Normal",
                "SuccessfulCreate",
                "Created pod: \(name)",
                from: owner.kind.lowercased() + "-controller"
            )
            return nil
        } catch let failure as Failure {
            let why = "Error creating: \(failure.message)"
            event(owner, "Warning", "FailedCreate", why, from: owner.kind.lowercased() + "-controller")
            return failure.message
        } catch {
            return "\(error)"
        }
    }

    mutating func endPod(_ pod: JSON) {
        guard let pods = resources.find("", "v1", "pods") else { return }
        _ = try? delete(place(of: pod, pods), pods, DeleteOptions())
    }

    /// Whether a pod has been ready for as long as its workload asks.
    mutating func isAvailable(_ pod: JSON, after seconds: Int64, lookAt place: Place) -> Bool {
        guard pod.isReady else { return false }
        guard seconds > 0 else { return true }
        let due = (readySince[pod.uid] ?? .now) + options.seconds(seconds)
        let rest = ContinuousClock.now.duration(to: due)
        guard rest > .zero else { return true }
        agenda.after(rest) { $0.agenda.add(.look(place)) }
        return false
    }

    /// Sets a status, leaving numbers out that are zero, as the API does.
    mutating func report(_ place: Place, _ numbers: [String: Int64], _ change: (inout JSON) -> Void = { _ in }) {
        update(place, as: "kube-controller-manager") { object in
            for (name, number) in numbers {
                let isKept = number != 0 || Cluster.requiredNumbers.contains(name)
                object.set(["status", name], isKept ? .integer(number) : .none)
            }
            object.set(["status", "observedGeneration"], .integer(object.generation))
            change(&object)
        }
    }

    private static let requiredNumbers: Set<String> = [
        "replicas", "currentNumberScheduled", "desiredNumberScheduled", "numberReady", "numberMisscheduled",
        "currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods",
    ]
}

extension JSON {
    var isReady: Bool { condition("Ready")?["status"] == "True" && !isBeingDeleted }

    /// Pods that still count: not ended, not going.
    var isActive: Bool {
        !isBeingDeleted && !["Succeeded", "Failed"].contains(self[["status", "phase"]]?.string ?? "")
    }

    /// Pods that one workload gets here, however many it asks for: a cluster has nodes for no more.
    static let mostPods = 100

    var replicas: Int64 { self[["spec", "replicas"]]?.integer ?? 1 }

    func statusNumber(_ name: String) -> Int64 { self[["status", name]]?.integer ?? 0 }

    /// A number, or a percentage of `whole`.
    func scaled(_ whole: Int64, roundsUp: Bool) -> Int64 {
        let most = Int64(Int32.max)
        if let number = integer { return min(max(number, 0), most) }
        guard let text = string, text.hasSuffix("%"), let written = Int64(text.dropLast()) else { return 0 }
        let percent = min(max(written, 0), most)
        return roundsUp ? (whole * percent + 99) / 100 : whole * percent / 100
    }
}
