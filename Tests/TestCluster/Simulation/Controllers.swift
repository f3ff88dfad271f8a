import Kubernetes

extension Cluster {
    mutating func perform(_ job: Agenda.Job) {
        switch job {
        case .run(let run): run(&self)
        case .collect: collect()
        case .look(let place): look(at: place)
        }
    }

    /// What the controller of a resource does when something about one of its objects changed.
    private mutating func look(at place: Place) {
        guard let object = store[place] else { return }
        switch place.resource {
        case "deployments.apps": tend(deployment: object, place)
        case "replicasets.apps": tend(replicaSet: object, place)
        case "statefulsets.apps": tend(statefulSet: object, place)
        case "daemonsets.apps": tend(daemonSet: object, place)
        case "jobs.batch": tend(job: object, place)
        case "pods": tend(pod: object, place)
        case "customresourcedefinitions.apiextensions.k8s.io": establish(object, place)
        case "namespaces": tend(namespace: object, place)
        case "services": tend(service: object, place)
        case "persistentvolumeclaims": bind(claim: object, place)
        case "apiservices.apiregistration.k8s.io": tend(apiService: object, place)
        default: break
        }
    }

    /// Changes an object's status, or all of it, as a controller does; nothing where nothing changes.
    mutating func update(_ place: Place, as manager: String, status: Bool = true, _ change: (inout JSON) -> Void) {
        guard let live = store[place], let resource = resources.find(key: place.resource) else { return }
        var object = live
        change(&object)
        guard object != live else { return }
        var options = WriteOptions(manager: manager, user: "test")
        if status { options.subresource = "status" }
        options.keepsStatus = true
        let owned = options.fieldManager(resource, isApply: false).update(from: live, to: object)
        if status {
            _ = commit(owned, at: place)
        } else {
            _ = try? self.change(live, to: owned, resource, options)
        }
    }
}

extension JSON {
    func condition(_ type: String) -> JSON? {
        self[["status", "conditions"]]?.items.first { $0["type"]?.string == type }
    }

    /// Sets a condition; the time of its transition only where its status changes.
    mutating func setCondition(_ type: String, _ status: Bool, _ reason: String, _ message: String = "") {
        var items = self[["status", "conditions"]]?.items ?? []
        let value: JSON = status ? "True" : "False"
        let now = JSON.string(Timestamp.now)
        let old = items.first { $0["type"]?.string == type }
        let since = old?["status"] == value ? old?["lastTransitionTime"] ?? now : now
        var condition = old ?? [:]
        condition.set(["type"], .string(type))
        condition.set(["status"], value)
        condition.set(["reason"], reason.isEmpty ? .none : .string(reason))
        condition.set(["message"], message.isEmpty ? .none : .string(message))
        condition.set(["lastTransitionTime"], since)
        if let index = items.firstIndex(where: { $0["type"]?.string == type }) {
            items[index] = condition
        } else {
            items.append(condition)
        }
        set(["status", "conditions"], .array(items))
    }

    /// An owner reference to this object, as its controller writes it.
    var asOwner: JSON {
        [
            "apiVersion": .string(apiVersion), "kind": .string(kind), "name": .string(name), "uid": .string(uid),
            "controller": true, "blockOwnerDeletion": true,
        ]
    }

    func isOwned(by owner: JSON) -> Bool {
        self[["metadata", "ownerReferences"]]?.items.contains { $0["uid"]?.string == owner.uid } ?? false
    }

    var isBeingDeleted: Bool { self[["metadata", "deletionTimestamp"]] != nil }
}
