import Kubernetes

/// Namespaces, services, claims and API services: what a platform does for them.
extension Cluster {
    /// Gives a new namespace its account; empties and ends one that is being deleted.
    mutating func tend(namespace: JSON, _ place: Place) {
        guard namespace.isBeingDeleted else {
            let account: JSON = [
                "apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": ["name": "default", "namespace": .string(place.name)],
            ]
            let home = Place(resource: "serviceaccounts", namespace: place.name, name: "default")
            if store[home] == nil { arrange(account) }
            return
        }
        var isEmpty = true
        for key in resources.keys {
            for object in store.list(key, namespace: place.name) {
                guard let resource = resources.find(key: key), resource.isNamespaced else { continue }
                isEmpty = false
                guard !object.isBeingDeleted else { continue }
                var options = DeleteOptions()
                options.propagation = .background
                _ = try? delete(self.place(of: object, resource), resource, options)
            }
        }
        if isEmpty {
            erase(place)
        } else {
            agenda.after(.milliseconds(2)) { $0.agenda.add(.look(place)) }
        }
    }

    mutating func tend(service: JSON, _ place: Place) {
        guard service[["spec", "type"]] == "LoadBalancer", let delay = options.loadBalancerDelay else { return }
        guard service[["status", "loadBalancer", "ingress"]] == nil else { return }
        agenda.after(delay) { cluster in
            let address = cluster.addresses.loadBalancer()
            cluster.update(place, as: "cloud-controller-manager") {
                $0.fill(["status", "loadBalancer", "ingress"], [["ip": .string(address), "ipMode": "VIP"]])
            }
        }
    }

    mutating func bind(claim: JSON, _ place: Place) {
        if claim.isBeingDeleted {
            // Kept while a pod uses it.
            let users = store.list("pods", namespace: place.namespace).filter(\.isActive).flatMap {
                $0[["spec", "volumes"]]?.items ?? []
            }
            let isUsed = users.contains { $0[["persistentVolumeClaim", "claimName"]]?.string == place.name }
            guard isUsed else { return release(place, from: "kubernetes.io/pvc-protection") }
            return agenda.after(.milliseconds(5)) { $0.agenda.add(.look(place)) }
        }
        guard let delay = options.bindDelay, claim[["status", "phase"]] == "Pending" else { return }
        agenda.after(delay) { cluster in
            cluster.update(place, as: "kube-controller-manager") {
                $0.set(["status", "phase"], "Bound")
                $0.set(["status", "accessModes"], $0[["spec", "accessModes"]])
                $0.set(["status", "capacity"], $0[["spec", "resources", "requests"]])
            }
        }
    }

    mutating func tend(apiService: JSON, _ place: Place) {
        guard apiService.condition("Available") == nil, apiService[["spec", "service"]] == nil else { return }
        update(place, as: "kube-aggregator") {
            $0.setCondition("Available", true, "Local", "Local APIServices are always available")
        }
    }
}
