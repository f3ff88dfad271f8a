import Kubernetes
import TestCluster
import Testing

@Suite struct WatchTests {
    private static let maps = "/api/v1/namespaces/default/configmaps"

    @Test func `A watch begins with the present state and tells every change`() async throws {
        let api = try API()
        _ = try await api.apply(Sample.configMap("old", data: [:]), as: "x")
        async let watch = API.Watch(api, Self.maps)
        #expect(await api.cluster.wait { $0.watches == 1 })
        _ = try await api.apply(Sample.configMap("new", data: ["a": "1"]), as: "x")
        _ = try await api.apply(Sample.configMap("new", data: ["a": "2"]), as: "x")
        _ = try await api.send("DELETE", Self.maps + "/new")
        let events = try await watch
        #expect(events.types == ["ADDED", "ADDED", "MODIFIED", "DELETED"])
        #expect(events.objects.map(\.name) == ["old", "new", "new", "new"])
        let revisions = events.objects.compactMap { Int64($0.resourceVersion) }
        #expect(revisions == revisions.sorted())
    }

    @Test func `A selector turns changes into coming and going`() async throws {
        let api = try API()
        var object = Sample.configMap(data: [:])
        object.set(["metadata", "labels"], ["on": "yes"])
        let since = api.cluster.revision
        _ = try await api.apply(object, as: "x")
        object.set(["metadata", "labels"], nil)
        _ = try await api.apply(object, as: "x")
        let path = Self.maps + "?labelSelector=on%3Dyes&resourceVersion=\(since)"
        #expect(try await API.Watch(api, path).types == ["ADDED", "DELETED"])
    }

    @Test func `Bookmarks name the newest revision`() async throws {
        var options = ClusterOptions()
        options.bookmarkInterval = .milliseconds(20)
        let api = try API(options)
        let since = api.cluster.revision
        _ = try await api.send("POST", "/api/v1/namespaces/default/secrets", Self.secret)
        let watch = try await API.Watch(api, Self.maps + "?allowWatchBookmarks=true&resourceVersion=\(since)")
        #expect(Set(watch.types) == ["BOOKMARK"])
        #expect(watch.objects.last.flatMap { Int64($0.resourceVersion) } ?? 0 > since)
    }

    private static let secret: JSON = ["apiVersion": "v1", "kind": "Secret", "metadata": ["name": "s"]]

    @Test func `A revision that is forgotten is gone`() async throws {
        let api = try API()
        _ = try await api.apply(Sample.configMap(data: [:]), as: "x")
        let since = api.cluster.revision - 1
        api.cluster.compact()
        let watch = try await API.Watch(api, Self.maps + "?resourceVersion=\(since)")
        #expect(watch.types == ["ERROR"])
        #expect(watch.objects.first?["code"] == 410)
        #expect(watch.objects.first?["reason"] == "Expired")
    }

    @Test func `The history is bounded`() async throws {
        var options = ClusterOptions()
        options.historyLimit = 10
        let api = try API(options)
        let since = api.cluster.revision
        for number in 0..<40 { _ = try await api.apply(Sample.configMap(data: ["n": "\(number)"]), as: "x") }
        #expect(try await API.Watch(api, Self.maps + "?resourceVersion=\(since)").types == ["ERROR"])
        let late = try await API.Watch(api, Self.maps + "?resourceVersion=\(api.cluster.revision - 3)")
        #expect(late.types == ["MODIFIED", "MODIFIED", "MODIFIED"])
    }
}
