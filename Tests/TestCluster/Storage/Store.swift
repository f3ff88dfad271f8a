import Kubernetes

/// Where an object is kept.
struct Place: Hashable, Comparable {
    /// `deployments.apps`.
    var resource: String
    /// Empty for objects of the cluster itself.
    var namespace: String
    var name: String

    static func < (left: Place, right: Place) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }
}

/// One change, as watches tell it.
struct Change {
    var revision: Int64
    var place: Place
    /// Before; nil where it was made.
    var old: JSON?
    /// After; nil where it was removed.
    var new: JSON?
    /// What a watch shows: of a removed object its last state, with the revision of its removal.
    var object: JSON
}

/// The objects, one counter of revisions for all, and the newest changes.
struct Store {
    private(set) var revision: Int64 = 1
    /// Changes up to this one are forgotten.
    private(set) var compacted: Int64 = 1
    private var objects: [String: [Place: JSON]] = [:]
    private var history: [Change] = []
    private let historyLimit: Int

    init(historyLimit: Int) { self.historyLimit = historyLimit }

    subscript(place: Place) -> JSON? { objects[place.resource]?[place] }

    /// Ordered by namespace and name.
    func list(_ resource: String, namespace: String? = nil) -> [JSON] {
        let all = objects[resource] ?? [:]
        let keys = all.keys.filter { namespace == nil || $0.namespace == namespace }
        return keys.sorted().compactMap { all[$0] }
    }

    /// Every object there is, by kind, namespace and name.
    var all: [JSON] { objects.keys.sorted().flatMap { list($0) } }

    func changes(after revision: Int64) -> ArraySlice<Change> {
        // One change a revision: the position follows from it.
        guard let first = history.first?.revision else { return [] }
        return history.dropFirst(Int(max(0, revision - first + 1)))
    }

    mutating func put(_ object: JSON, at place: Place) -> Change {
        revision += 1
        var object = object
        object.set(["metadata", "resourceVersion"], .string(String(revision)))
        let old = self[place]
        objects[place.resource, default: [:]][place] = object
        return note(Change(revision: revision, place: place, old: old, new: object, object: object))
    }

    mutating func remove(_ place: Place) -> Change? {
        guard let old = objects[place.resource]?.removeValue(forKey: place) else { return nil }
        revision += 1
        var last = old
        last.set(["metadata", "resourceVersion"], .string(String(revision)))
        return note(Change(revision: revision, place: place, old: old, new: nil, object: last))
    }

    /// Forgets all changes so far: watches from an older revision are told that it is gone.
    mutating func compact() {
        history.removeAll()
        compacted = revision
    }

    private mutating func note(_ change: Change) -> Change {
        history.append(change)
        if history.count > historyLimit * 2 {
            history.removeFirst(history.count - historyLimit)
            compacted = (history.first?.revision ?? revision) - 1
        }
        return change
    }
}
