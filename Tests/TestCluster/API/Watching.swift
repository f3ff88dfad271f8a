import HTTPServer
import Kubernetes

/// The watches that are open.
struct WatcherTable {
    private var watchers: [Int: Watcher] = [:]
    private var count = 0

    var all: [Watcher] { Array(watchers.values) }

    mutating func add(_ watcher: Watcher) -> Int {
        count += 1
        watchers[count] = watcher
        return count
    }

    subscript(id: Int) -> Watcher? { watchers[id] }

    mutating func remove(_ id: Int) { watchers[id] = nil }

    mutating func tell(_ change: Change) {
        for (id, watcher) in watchers {
            if watcher.stream.isClosed { watchers[id] = nil } else { watchers[id]?.tell(change) }
        }
    }

    /// Cuts every watch in the middle.
    mutating func drop() {
        for watcher in watchers.values { watcher.stream.finish(cleanly: false) }
        watchers = [:]
    }
}

/// One watch: which changes it shows, and to whom.
struct Watcher {
    var resource: Resource
    var filter: Filter
    var stream: EventStream
    /// Events after which the connection is dropped.
    var remaining: Int?

    mutating func tell(_ change: Change) {
        guard change.place.resource == resource.key else { return }
        let was = change.old.map(filter.matches) ?? false
        let isNow = change.new.map(filter.matches) ?? false
        switch (was, isNow) {
        case (false, true): send("ADDED", change.object)
        case (true, true): send("MODIFIED", change.object)
        case (true, false): send("DELETED", change.object)
        case (false, false): break
        }
    }

    mutating func send(_ type: String, _ object: JSON) {
        if let left = remaining {
            guard left > 0 else { return stream.finish(cleanly: false) }
            remaining = left - 1
        }
        var object = object
        if object.apiVersion != resource.apiVersion, type != "ERROR" {
            object.set(["apiVersion"], .string(resource.apiVersion))
        }
        stream.write(JSON.object(["type": .string(type), "object": object]).bytes + [0x0A])
        if remaining == 0 { stream.finish(cleanly: false) }
    }

    mutating func bookmark(_ revision: Int64, isInitialEnd: Bool = false) {
        var metadata: JSON = ["resourceVersion": .string(String(revision)), "creationTimestamp": .null]
        if isInitialEnd { metadata.set(["annotations"], ["k8s.io/initial-events-end": "true"]) }
        send(
            "BOOKMARK",
            ["kind": .string(resource.kind), "apiVersion": .string(resource.apiVersion), "metadata": metadata]
        )
    }
}

extension Cluster {
    /// Opens a watch: the present state where the client names no revision, else all changes since.
    mutating func watch(_ route: Route, _ call: Call, dropAfter: Int?) throws -> Response {
        let filter = try Filter(route, call)
        let text = call.query("resourceVersion") ?? ""
        guard let revision = Int64(text.isEmpty ? "0" : text) else {
            throw Failure.badRequest("Invalid value: \"\(text)\": strconv.ParseUint: parsing: invalid syntax")
        }
        let stream = EventStream(bufferLimit: 64 << 20, hasComments: false)
        var watcher = Watcher(resource: route.resource, filter: filter, stream: stream, remaining: dropAfter)
        let response = Response(headers: [("Content-Type", "application/json")], body: .stream(stream))
        if revision > 0, revision < store.compacted {
            watcher.send("ERROR", Failure.expired(revision, oldest: store.compacted).status)
            stream.finish()
            return response
        }
        let asksInitial = call.isSet("sendInitialEvents")
        if revision == 0 || asksInitial {
            for object in store.list(route.resource.key, namespace: route.namespace) where filter.matches(object) {
                watcher.send("ADDED", object)
            }
            if asksInitial { watcher.bookmark(store.revision, isInitialEnd: true) }
        } else {
            for change in store.changes(after: revision) { watcher.tell(change) }
        }
        let id = watchers.add(watcher)
        if call.isSet("allowWatchBookmarks") { scheduleBookmark(id) }
        let timeout = call.duration("timeoutSeconds") ?? options.watchTimeout
        agenda.after(timeout) { cluster in
            guard var watcher = cluster.watchers[id] else { return }
            if call.isSet("allowWatchBookmarks") { watcher.bookmark(cluster.store.revision) }
            watcher.stream.finish()
            cluster.watchers.remove(id)
        }
        return response
    }

    private mutating func scheduleBookmark(_ id: Int) {
        agenda.after(options.bookmarkInterval) { cluster in
            guard var watcher = cluster.watchers[id] else { return }
            guard !watcher.stream.isClosed else { return cluster.watchers.remove(id) }
            watcher.bookmark(cluster.store.revision)
            cluster.scheduleBookmark(id)
        }
    }
}
