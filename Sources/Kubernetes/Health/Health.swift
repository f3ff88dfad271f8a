/// What an object's status says of it, by the rules of kstatus (sigs.k8s.io/cli-utils, package kstatus).
///
/// Two rules are stricter. A Job is current once it has completed, not once it has started: a release with a Job that
/// fails is not a release. A Service of type LoadBalancer is current once it has an address. And one is milder: a pod
/// that cannot be scheduled is in progress however long that lasts, because a node may be on its way.
public enum Health: Sendable, Hashable {
    case current
    /// Not there yet; the text says in one line how far it is.
    case inProgress(String)
    /// Will not get there by itself.
    case failed(String)
    /// Somebody deleted it.
    case terminating

    /// - Parameters:
    ///   - object: as the API server gives it, with its status.
    ///   - before: the object as it was before it was changed, if it was there. Controllers leave a verdict on the
    ///     generation before standing until there is something new to say, with `observedGeneration` moved on
    ///     already: a verdict that was there before the change does not speak of the change.
    public init(of object: JSON, before: JSON? = nil) {
        self = Self.generic(object) ?? Self.ofKind(object, before) ?? Self.byReadyCondition(object)
    }

    public var isCurrent: Bool { self == .current }
}

extension Health: CustomStringConvertible {
    public var description: String {
        switch self {
        case .current: "ready"
        case .inProgress(let message), .failed(let message): message
        case .terminating: "is being deleted"
        }
    }
}

extension Health {
    /// What holds for objects of any kind; nil if that says nothing.
    private static func generic(_ object: JSON) -> Health? {
        if object[["metadata", "deletionTimestamp"]] != nil { return .terminating }
        if let observed = object[["status", "observedGeneration"]]?.integer, observed < object.generation {
            return .inProgress("waits for its controller to see generation \(object.generation)")
        }
        // Conditions with these names mean the same for every kind (kstatus, "The ideal approach").
        if let stalled = object.condition("Stalled"), stalled.status == .isTrue { return .failed(stalled.text) }
        if let reconciling = object.condition("Reconciling"), reconciling.status == .isTrue {
            return .inProgress(reconciling.text)
        }
        return nil
    }

    private static func ofKind(_ object: JSON, _ before: JSON?) -> Health? {
        let kind = object.groupKind
        switch (kind.group, kind.kind) {
        case ("apps", "Deployment"): return deployment(object, before)
        case ("apps", "StatefulSet"): return statefulSet(object)
        case ("apps", "DaemonSet"): return daemonSet(object)
        case ("apps", "ReplicaSet"): return replicaSet(object)
        case ("batch", "Job"): return job(object)
        case ("", "Pod"): return pod(object)
        case ("", "PersistentVolumeClaim"): return volumeClaim(object)
        case ("", "Service"): return service(object)
        case ("apiextensions.k8s.io", "CustomResourceDefinition"): return resourceDefinition(object)
        case ("apiregistration.k8s.io", "APIService"): return apiService(object)
        case ("policy", "PodDisruptionBudget"): return disruptionBudget(object)
        // Current as soon as it is there: jobs that are to come say nothing of the release.
        case ("batch", "CronJob"), ("", "ConfigMap"), ("", "Secret"): return .current
        default: return nil
        }
    }

    /// The last resort: many kinds have `Ready`, some of the older ones nothing at all.
    private static func byReadyCondition(_ object: JSON) -> Health {
        let all = object[["status", "conditions"]]?.items ?? []
        guard all.contains(where: { $0["type"]?.string == "Ready" }) else { return .current }
        guard let ready = object.condition("Ready") else {
            return .inProgress("Ready does not speak of generation \(object.generation) yet")
        }
        return ready.status == .isTrue ? .current : .inProgress(ready.text)
    }
}
