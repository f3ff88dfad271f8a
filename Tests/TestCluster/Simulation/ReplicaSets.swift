import Kubernetes

extension Cluster {
    /// Keeps as many pods as a ReplicaSet asks for.
    mutating func tend(replicaSet set: JSON, _ place: Place) {
        guard !set.isBeingDeleted else { return }
        var pods = owned("pods", by: set).filter(\.isActive)
        var failure: String?
        let wanted = min(Int(set.replicas), JSON.mostPods)
        if pods.count > wanted {
            // Those that are not ready go first, then the youngest.
            pods.sort { ($0.isReady ? 1 : 0, $1.resourceVersion) < ($1.isReady ? 1 : 0, $0.resourceVersion) }
            for pod in pods.prefix(pods.count - wanted) { endPod(pod) }
        }
        for _ in 0..<max(0, wanted - pods.count) where failure == nil {
            let name = "\(place.name)-\(NameSuffix.random())"
            failure = makePod(from: set[["spec", "template"]] ?? [:], for: set, named: name)
        }
        pods = owned("pods", by: set).filter(\.isActive)
        let minimum = set[["spec", "minReadySeconds"]]?.integer ?? 0
        let available = pods.filter { isAvailable($0, after: minimum, lookAt: place) }.count
        let numbers = [
            "replicas": pods.count, "fullyLabeledReplicas": pods.count, "readyReplicas": pods.filter(\.isReady).count,
            "availableReplicas": available,
        ]
        report(place, numbers.mapValues(Int64.init)) { set in
            if let failure {
                set.setCondition("ReplicaFailure", true, "FailedCreate", failure)
            } else {
                set.set(["status", "conditions"], nil)
            }
        }
        if failure != nil { agenda.after(options.second) { $0.agenda.add(.look(place)) } }
    }
}
