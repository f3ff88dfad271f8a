import Kubernetes

extension Cluster {
    /// One pass over everything: objects whose owners are gone, and owners that wait for what they own.
    mutating func collect() {
        let everything = resources.keys.flatMap { key in store.list(key).map { (key, $0) } }
        let living = Set(everything.map { $0.1.uid })
        for (key, object) in everything {
            guard let resource = resources.find(key: key) else { continue }
            let place = place(of: object, resource)
            let owners = object[["metadata", "ownerReferences"]]?.items ?? []
            let gone = owners.filter { !living.contains($0["uid"]?.string ?? "") }
            if !owners.isEmpty, gone.count == owners.count {
                var options = DeleteOptions()
                options.propagation = .background
                _ = try? delete(place, resource, options)
            } else if !gone.isEmpty {
                update(place, as: "kube-controller-manager", status: false) {
                    let left = owners.filter { !gone.contains($0) }
                    $0.set(["metadata", "ownerReferences"], .array(left))
                }
            }
            guard let live = store[place], live.isBeingDeleted else { continue }
            let finalizers = live[["metadata", "finalizers"]]?.items ?? []
            let dependents = everything.filter { $0.1.isOwned(by: live) }
            if finalizers.contains("orphan") { orphan(dependents, of: live, place) }
            if finalizers.contains("foregroundDeletion") { finish(live, place, dependents) }
        }
    }

    private mutating func orphan(_ dependents: [(String, JSON)], of owner: JSON, _ place: Place) {
        for (key, dependent) in dependents {
            guard let resource = resources.find(key: key) else { continue }
            update(self.place(of: dependent, resource), as: "kube-controller-manager", status: false) {
                let left = ($0[["metadata", "ownerReferences"]]?.items ?? [])
                    .filter { $0["uid"]?.string != owner.uid }
                $0.set(["metadata", "ownerReferences"], left.isEmpty ? .none : .array(left))
            }
        }
        release(place, from: "orphan")
    }

    /// Deletes what an owner waits for, and lets it go when all of that is gone.
    private mutating func finish(_ owner: JSON, _ place: Place, _ dependents: [(String, JSON)]) {
        var isWaiting = false
        for (key, dependent) in dependents {
            guard let resource = resources.find(key: key) else { continue }
            let place = self.place(of: dependent, resource)
            guard let live = store[place] else { continue }
            isWaiting = true
            guard !live.isBeingDeleted else { continue }
            var options = DeleteOptions()
            options.propagation = .foreground
            _ = try? delete(place, resource, options)
            if store[place] == nil { agenda.add(.collect) }
        }
        if !isWaiting { release(place, from: "foregroundDeletion") }
    }

    /// Takes a finalizer away, and with the last one the object.
    mutating func release(_ place: Place, from finalizer: String) {
        guard let live = store[place] else { return }
        guard live[["metadata", "finalizers"]]?.items.contains(.string(finalizer)) ?? false else { return }
        let left = (live[["metadata", "finalizers"]]?.items ?? []).filter { $0.string != finalizer }
        var object = live
        object.set(["metadata", "finalizers"], left.isEmpty ? .none : .array(left))
        if object.isFreeToGo {
            erase(place)
        } else {
            _ = commit(object, at: place)
        }
    }
}
