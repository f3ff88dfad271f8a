import HTTPServer
import Kubernetes

/// The whole state of a cluster. Everything that changes it runs under one lock, see ``Machine``.
struct Cluster {
    var options: ClusterOptions
    var resources = ResourceTable()
    var store: Store
    var watchers = WatcherTable()
    var agenda = Agenda()
    var faults: [ArmedFault] = []
    var requests: [LoggedRequest] = []
    var tokens: [String: String]
    var access: [AccessRule]
    var images: ImageTable
    var addresses = AddressPool()
    /// Loopback ports behind services: `shop/backend:8000`.
    var backends: [String: UInt16] = [:]
    // What the controllers remember by the uid of an object.
    var podCount = 0
    var ending: Set<String> = []
    var readySince: [String: ContinuousClock.Instant] = [:]
    var progress: [String: ContinuousClock.Instant] = [:]
    var jobsWaiting: Set<String> = []
    var jobsDue: Set<String> = []
    /// Templates of StatefulSets by the names of their revisions.
    var revisions: [String: JSON] = [:]
    /// Requests that are never answered.
    var held: [Responder] = []

    init(_ options: ClusterOptions) {
        self.options = options
        store = Store(historyLimit: options.historyLimit)
        tokens = options.tokens
        access = options.access
        images = ImageTable(options.images)
        agenda.delay = options.controllerDelay
        for namespace in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            arrange(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(namespace)]])
        }
        arrange([
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "test-cluster",
            "metadata": [
                "name": "standard", "annotations": ["storageclass.kubernetes.io/is-default-class": "true"],
            ],
        ])
        for node in options.nodes {
            arrange([
                "apiVersion": "v1", "kind": "Node",
                "metadata": ["name": .string(node), "labels": ["kubernetes.io/hostname": .string(node)]],
                "status": ["conditions": [["type": "Ready", "status": "True", "reason": "KubeletReady"]]],
            ])
        }
    }

    func place(of object: JSON, _ resource: Resource) -> Place {
        Place(
            resource: resource.key,
            namespace: resource.isNamespaced ? object.namespace ?? "default" : "",
            name: object.name
        )
    }

    /// Stores an object, tells the watches, and has the controllers look at it.
    mutating func commit(_ object: JSON, at place: Place) -> JSON {
        let change = store.put(object, at: place)
        watchers.tell(change)
        follow(change)
        return change.object
    }

    /// Removes an object for good.
    @discardableResult
    mutating func erase(_ place: Place) -> JSON? {
        guard let change = store.remove(place) else { return nil }
        watchers.tell(change)
        follow(change)
        agenda.add(.collect)
        return change.object
    }

    private mutating func follow(_ change: Change) {
        agenda.add(.look(change.place))
        for object in [change.old, change.new].compactMap(\.self) {
            for owner in object[["metadata", "ownerReferences"]]?.items ?? [] {
                guard let resource = resources.find(kind: owner.kind, apiVersion: owner.apiVersion) else { continue }
                let name = owner["name"]?.string ?? ""
                let namespace = resource.isNamespaced ? change.place.namespace : ""
                agenda.add(.look(Place(resource: resource.key, namespace: namespace, name: name)))
            }
        }
        if change.place.resource == "customresourcedefinitions.apiextensions.k8s.io", change.new == nil {
            retire(definition: change.object)
        }
    }

    /// Makes or replaces an object without a request, as part of the scene.
    mutating func arrange(_ object: JSON) {
        guard let resource = resources.find(kind: object.kind, apiVersion: object.apiVersion) else { return }
        let place = place(of: object, resource)
        var options = WriteOptions(manager: "test", user: "test")
        options.keepsStatus = true
        if let live = store[place] {
            _ = try? replace(live, with: object, resource, options)
        } else {
            _ = try? create(object, resource, namespace: place.namespace, options)
        }
    }
}
