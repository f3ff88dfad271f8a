extension Health {
    static func deployment(_ object: JSON, _ before: JSON?) -> Health {
        guard object.isObserved else { return .inProgress("waits for its controller") }
        let progress = object.condition("Progressing")
        if let progress, progress.reason == "ProgressDeadlineExceeded", !isStale(progress, object, before) {
            return .failed("ProgressDeadlineExceeded: \(progress.text)")
        }
        let (wanted, there) = (object.wantedReplicas, object.count("replicas"))
        let updated = object.count("updatedReplicas")
        if object[["spec", "paused"]]?.bool == true, there > updated || updated < wanted {
            return .inProgress("is paused with \(updated) of \(wanted) replicas updated")
        }
        if updated < wanted { return .inProgress("\(updated) of \(wanted) replicas updated") }
        if there > updated { return .inProgress("\(plural(there - updated, "old replica")) still to go") }
        if there > wanted { return .inProgress("\(plural(there - wanted, "replica")) too many still to go") }
        let available = object.count("availableReplicas")
        if available < updated { return .inProgress("\(available) of \(updated) updated replicas available") }
        let ready = object.count("readyReplicas")
        if ready < wanted { return .inProgress("\(ready) of \(wanted) replicas ready") }
        if object.condition("Available")?.status != .isTrue { return .inProgress("is not available yet") }
        // Without a deadline the controller writes no Progressing condition.
        let hasDeadline = object[["spec", "progressDeadlineSeconds"]]?.integer.map { $0 != Int64(Int32.max) } ?? false
        guard hasDeadline, object[["spec", "paused"]]?.bool != true else { return .current }
        let isDone = progress?.status == .isTrue && progress?.reason == "NewReplicaSetAvailable"
        return isDone ? .current : .inProgress("waits for its new ReplicaSet to count as available")
    }

    private static func isStale(_ condition: Condition, _ object: JSON, _ before: JSON?) -> Bool {
        guard let before, before.uid == object.uid, before.generation < object.generation else { return false }
        let earlier = (before[["status", "conditions"]]?.items ?? []).compactMap(Condition.init)
        return earlier.contains {
            $0.type == condition.type && $0.reason == condition.reason && $0.time == condition.time
        }
    }

    static func statefulSet(_ object: JSON) -> Health {
        let strategy = object[["spec", "updateStrategy", "type"]]?.string
        // Its pods change when somebody deletes them.
        if strategy == "OnDelete" { return .current }
        guard object.isObserved else { return .inProgress("waits for its controller") }
        let (wanted, there, ready) = (object.wantedReplicas, object.count("replicas"), object.count("readyReplicas"))
        if there < wanted { return .inProgress("\(there) of \(wanted) replicas created") }
        if ready < wanted { return .inProgress("\(ready) of \(wanted) replicas ready") }
        if there > wanted { return .inProgress("\(plural(there - wanted, "replica")) too many still to go") }
        let updated = object.count("updatedReplicas")
        if let partition = object[["spec", "updateStrategy", "rollingUpdate", "partition"]]?.integer, partition > 0 {
            let due = max(0, wanted - partition)
            return updated < due ? .inProgress("\(updated) of \(due) replicas above the partition updated") : .current
        }
        let (current, update) = (
            object[["status", "currentRevision"]]?.string, object[["status", "updateRevision"]]?.string
        )
        if current != update { return .inProgress("\(updated) of \(wanted) replicas updated") }
        let available = object.count("availableReplicas")
        let counts = object[["status", "availableReplicas"]] != nil
        return counts && available < wanted ? .inProgress("\(available) of \(wanted) replicas available") : .current
    }

    static func daemonSet(_ object: JSON) -> Health {
        guard object.isObserved, let wanted = object[["status", "desiredNumberScheduled"]]?.integer else {
            return .inProgress("waits for its controller")
        }
        let scheduled = object.count("currentNumberScheduled")
        if scheduled < wanted { return .inProgress("\(scheduled) of \(wanted) nodes scheduled") }
        if object[["spec", "updateStrategy", "type"]]?.string != "OnDelete" {
            let updated = object.count("updatedNumberScheduled")
            if updated < wanted { return .inProgress("\(updated) of \(wanted) nodes updated") }
        }
        let available = object.count("numberAvailable")
        if available < wanted { return .inProgress("\(available) of \(wanted) nodes available") }
        let ready = object.count("numberReady")
        return ready < wanted ? .inProgress("\(ready) of \(wanted) nodes ready") : .current
    }

    static func replicaSet(_ object: JSON) -> Health {
        guard object.isObserved else { return .inProgress("waits for its controller") }
        if let failure = object.condition("ReplicaFailure"), failure.status == .isTrue {
            return .inProgress(failure.text)
        }
        let (wanted, there) = (object.wantedReplicas, object.count("replicas"))
        if there > wanted { return .inProgress("\(plural(there - wanted, "replica")) too many still to go") }
        let available = min(object.count("availableReplicas"), object.count("readyReplicas"))
        return available < wanted ? .inProgress("\(available) of \(wanted) replicas available") : .current
    }
}

extension JSON {
    /// Whether the controllers of workloads, which all write `observedGeneration`, have seen the object as it is.
    fileprivate var isObserved: Bool {
        self[["status", "observedGeneration"]]?.integer.map { $0 >= generation } ?? false
    }

    /// The controllers take 1 where nothing is written.
    fileprivate var wantedReplicas: Int64 { self[["spec", "replicas"]]?.integer ?? 1 }

    fileprivate func count(_ name: String) -> Int64 { self[["status", name]]?.integer ?? 0 }
}
