import Kubernetes

extension Cluster {
    /// A pod on every node, replaced a few at a time.
    mutating func tend(daemonSet set: JSON, _ place: Place) {
        guard !set.isBeingDeleted else { return }
        let template = set[["spec", "template"]] ?? [:]
        let hash = String(Fingerprint.hex(template.text).prefix(10))
        var pods = owned("pods", by: set)
        for node in options.nodes where !pods.contains(where: { $0[["spec", "nodeName"]]?.string == node }) {
            var bound = template
            bound.set(["spec", "nodeName"], .string(node))
            let labels = ["controller-revision-hash": hash]
            _ = makePod(from: bound, for: set, named: "\(place.name)-\(NameSuffix.random())", labels: labels)
        }
        pods = owned("pods", by: set).filter { !$0.isBeingDeleted }
        let minimum = set[["spec", "minReadySeconds"]]?.integer ?? 0
        let available = pods.filter { isAvailable($0, after: minimum, lookAt: place) }
        if set[["spec", "updateStrategy", "type"]] != "OnDelete" {
            let limit = set[["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"]] ?? 1
            var room = limit.scaled(Int64(options.nodes.count), roundsUp: true)
            room -= Int64(options.nodes.count - available.count)
            let old = pods.filter { $0.labels["controller-revision-hash"] != hash }
            // Those that do not work anyway cost nothing.
            for pod in old where !pod.isReady { endPod(pod) }
            for pod in old.filter(\.isReady).prefix(max(0, Int(room))) { endPod(pod) }
        }
        pods = owned("pods", by: set).filter { !$0.isBeingDeleted }
        let ready = pods.filter { isAvailable($0, after: minimum, lookAt: place) }
        let numbers = [
            "currentNumberScheduled": pods.count, "desiredNumberScheduled": options.nodes.count,
            "numberReady": pods.filter(\.isReady).count, "numberAvailable": ready.count, "numberMisscheduled": 0,
            "numberUnavailable": options.nodes.count - ready.count,
            "updatedNumberScheduled": pods.filter { $0.labels["controller-revision-hash"] == hash }.count,
        ]
        report(place, numbers.mapValues(Int64.init))
    }
}
