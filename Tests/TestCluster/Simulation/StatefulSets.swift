import Kubernetes

extension Cluster {
    /// Pods by ordinal, one after the other; from the highest when they are replaced. A pod that does not get ready stops
    /// everything, also a way back: that is how OrderedReady is on a real cluster.
    mutating func tend(statefulSet set: JSON, _ place: Place) {
        guard !set.isBeingDeleted else { return }
        let template = set[["spec", "template"]] ?? [:]
        let revision = "\(place.name)-\(Fingerprint.hex(template.text).prefix(10))"
        let pods = Dictionary(owned("pods", by: set).map { ($0.name, $0) }) { first, _ in first }
        let names = (0..<min(Int(set.replicas), JSON.mostPods)).map { "\(place.name)-\($0)" }
        let isOrdered = set[["spec", "podManagementPolicy"]] != "Parallel"
        let minimum = set[["spec", "minReadySeconds"]]?.integer ?? 0
        var isBlocked = false
        for (ordinal, name) in names.enumerated() where !isBlocked {
            if let pod = pods[name] {
                if ["Failed", "Succeeded"].contains(pod[["status", "phase"]]?.string ?? ""), !pod.isBeingDeleted {
                    endPod(pod)
                    isBlocked = isOrdered
                } else if isOrdered {
                    isBlocked = pod.isBeingDeleted || !isAvailable(pod, after: minimum, lookAt: place)
                }
                continue
            }
            let current = set[["status", "currentRevision"]]?.string ?? revision
            let partition = set[["spec", "updateStrategy", "rollingUpdate", "partition"]]?.integer ?? 0
            let isNew = ordinal >= Int(partition) || current == revision || revisions[current] == nil
            var used = isNew ? template : revisions[current] ?? template
            for claim in set[["spec", "volumeClaimTemplates"]]?.items ?? [] {
                let volume: JSON = [
                    "name": .string(claim.name),
                    "persistentVolumeClaim": ["claimName": .string("\(claim.name)-\(name)")],
                ]
                used.set(["spec", "volumes"], .array((used[["spec", "volumes"]]?.items ?? []) + [volume]))
            }
            makeClaims(set, name)
            let labels = [
                "controller-revision-hash": isNew ? revision : current, "statefulset.kubernetes.io/pod-name": name,
                "apps.kubernetes.io/pod-index": String(ordinal),
            ]
            _ = makePod(from: used, for: set, named: name, labels: labels)
            isBlocked = isOrdered
        }
        revisions[revision] = template
        if !isBlocked {
            let surplus = pods.values.filter { !names.contains($0.name) && !$0.isBeingDeleted }
            let last = surplus.max { ($0.name.count, $0.name) < ($1.name.count, $1.name) }
            if let last { endPod(last) } else { replaceOne(set, names, pods, revision, place) }
        }
        reportStatefulSet(set, place, revision)
    }

    /// Ends the highest pod of an older revision, once all above it are up.
    private mutating func replaceOne(
        _ set: JSON,
        _ names: [String],
        _ pods: [String: JSON],
        _ revision: String,
        _ place: Place
    ) {
        guard set[["spec", "updateStrategy", "type"]] != "OnDelete" else { return }
        let partition = set[["spec", "updateStrategy", "rollingUpdate", "partition"]]?.integer ?? 0
        for (ordinal, name) in names.enumerated().reversed() where ordinal >= Int(partition) {
            guard let pod = pods[name] else { return }
            guard pod.labels["controller-revision-hash"] == revision else {
                if !pod.isBeingDeleted { endPod(pod) }
                return
            }
            guard pod.isReady else { return }
        }
    }

    private mutating func makeClaims(_ set: JSON, _ pod: String) {
        for template in set[["spec", "volumeClaimTemplates"]]?.items ?? [] {
            let name = "\(template.name)-\(pod)"
            let home = Place(resource: "persistentvolumeclaims", namespace: set.namespace ?? "", name: name)
            guard store[home] == nil else { continue }
            var claim = template
            claim.set(["metadata", "name"], .string(name))
            claim.set(["metadata", "namespace"], .string(home.namespace))
            claim.set(["status"], nil)
            arrange(claim)
        }
    }

    private mutating func reportStatefulSet(_ set: JSON, _ place: Place, _ revision: String) {
        let pods = owned("pods", by: set).filter { !$0.isBeingDeleted }
        let minimum = set[["spec", "minReadySeconds"]]?.integer ?? 0
        let updated = pods.filter { $0.labels["controller-revision-hash"] == revision }
        let available = pods.filter { isAvailable($0, after: minimum, lookAt: place) }
        let isDone = updated.count == Int(set.replicas) && available.count == pods.count && pods.count == updated.count
        let before = set[["status", "currentRevision"]]?.string ?? revision
        let current = isDone ? revision : before
        let numbers = [
            "replicas": pods.count, "readyReplicas": pods.filter(\.isReady).count,
            "availableReplicas": available.count, "updatedReplicas": updated.count,
            "currentReplicas": pods.filter { $0.labels["controller-revision-hash"] == current }.count,
        ]
        report(place, numbers.mapValues(Int64.init)) { set in
            set.set(["status", "updateRevision"], .string(revision))
            set.set(["status", "currentRevision"], .string(current))
            set.set(["status", "collisionCount"], 0)
            // Always there, unlike in other statuses.
            set.fill(["status", "availableReplicas"], 0)
        }
    }
}
