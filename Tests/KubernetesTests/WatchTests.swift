import Testing

@testable import Kubernetes

private let pods = ObjectQuery(apiVersion: "v1", kind: "Pod", namespace: "shop")

private func pod(_ name: String, _ version: Int, kind: String = "Pod") -> String {
    #"{"apiVersion":"v1","kind":"\#(kind)","metadata":{"name":"\#(name)","resourceVersion":"\#(version)"}}"#
}

private func event(_ type: String, _ name: String, _ version: Int) -> String {
    #"{"type":"\#(type)","object":\#(pod(name, version))}"# + "\n"
}

private func list(_ version: Int, _ names: String...) -> ScriptedAPI.Answer {
    let items = names.map { pod($0, version) }.joined(separator: ",")
    return .json(#"{"metadata":{"resourceVersion":"\#(version)"},"items":[\#(items)]}"#)
}

@Suite(.timeLimit(.minutes(1))) struct WatchTests {
    // MARK: One watch

    @Test func `Events arrive in order, however they are cut`() async throws {
        let text = event("ADDED", "ä", 2) + event("MODIFIED", "ä", 3) + "\n" + event("DELETED", "ä", 4)
        let bytes = Array(text.utf8)
        for size in [1, 2, 7, 100, bytes.count] {
            var framer = LineFramer(limit: 1_000)
            var lines: [[UInt8]] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                lines += try framer.lines(after: Array(bytes[start..<min(start + size, bytes.count)]))
            }
            let events = try lines.map { try WatchEvent($0, pods) }
            #expect(events.map(\.brief) == ["+ä@2", "~ä@3", "-ä@4"])
        }
    }

    @Test func `A watch asks for what it can and ends with the server`() async throws {
        let letters = (event("ADDED", "a", 2) + event("BOOKMARK", "", 5)).map(String.init)
        let api = try ScriptedAPI { _, _ in .pieces(letters) }
        var seen: [String] = []
        for try await event in try api.cluster().watch(pods, from: "1") { seen.append(event.brief) }
        #expect(seen == ["+a@2", "@5"])
        let query = api.calls[0].query
        #expect(query["watch"] == "true" && query["allowWatchBookmarks"] == "true" && query["resourceVersion"] == "1")
        #expect((270...300).contains(Int(query["timeoutSeconds"] ?? "") ?? 0))
    }

    @Test func `A large event is whole, and one too large is an error`() async throws {
        let large = #"{"type":"ADDED","object":{"data":"\#(String(repeating: "x", count: 2 << 20))"}}"# + "\n"
        let api = try ScriptedAPI { _, _ in .pieces([large]) }
        for try await event in try api.cluster().watch(pods, from: "1") {
            guard case .added(let object) = event else { continue }
            #expect(object["data"]?.string?.utf8.count == 2 << 20)
        }
        await expectFailure(.tooLarge) {
            for try await _ in try api.cluster(.none, { $0.eventBytes = 1 << 20 }).watch(pods, from: "1") {}
        }
    }

    @Test func `A dropped connection is an error of the watch`() async throws {
        let api = try ScriptedAPI { _, _ in .broken([event("ADDED", "a", 2)]) }
        await expectFailure(.unreachable) {
            for try await event in try api.cluster().watch(pods, from: "1") { #expect(event.brief == "+a@2") }
        }
    }

    @Test func `So are refusals and what is no event`() async throws {
        let refused = try ScriptedAPI { _, _ in .json(statusObject(403, "Forbidden"), status: "403 Forbidden") }
        await expectFailure(.forbidden) { for try await _ in try refused.cluster().watch(pods, from: "1") {} }
        let strange = try ScriptedAPI { _, _ in .pieces(["<html>\n"]) }
        await expectFailure(.notKubernetes) { for try await _ in try strange.cluster().watch(pods, from: "1") {} }
    }

    // MARK: Observing

    @Test func `A dropped watch goes on from where it was`() async throws {
        let api = try ScriptedAPI { call, earlier in
            switch (call.query["watch"], call.query["resourceVersion"]) {
            case (nil, _): list(1, "a")
            case (_, "1"): .broken([event("ADDED", "b", 2)])
            case (_, "2"): .pieces([event("MODIFIED", "b", 3), event("BOOKMARK", "", 7)])
            case (_, "7"): .pieces([event("DELETED", "b", 8)], stays: true)
            default: .close
            }
        }
        #expect(try await api.observe(pods, 4) == ["=a", "~b@2", "~b@3", "-b@8"])
        #expect(api.calls.count { $0.query["watch"] == nil } == 1)
    }

    @Test(arguments: [true, false])
    func `A version that is gone is listed anew`(asEvent: Bool) async throws {
        let gone = statusObject(410, "Expired")
        let api = try ScriptedAPI { call, earlier in
            switch (call.query["watch"], call.query["resourceVersion"]) {
            case (nil, _): earlier == 0 ? list(1, "a") : list(9, "a", "b")
            case (_, "1"):
                asEvent ? .pieces([#"{"type":"ERROR","object":\#(gone)}"# + "\n"]) : .json(gone, status: "410 Gone")
            default: .pieces([event("DELETED", "a", 10)], stays: true)
            }
        }
        #expect(try await api.observe(pods, 3) == ["=a", "=a b", "-a@10"])
    }

    @Test func `A server that is away for a while does not end it`() async throws {
        let api = try ScriptedAPI { call, earlier in
            guard call.query["watch"] == nil else {
                return earlier % 2 == 1 ? .close : .pieces([event("MODIFIED", "a", earlier + 2)])
            }
            // More often than one call asks.
            guard earlier > 4 else { return .json(statusObject(500, "x"), status: "500 Internal Server Error") }
            return list(1, "a")
        }
        let cluster = try api.cluster()
        var seen: [String] = []
        for try await change in cluster.observe(pods) {
            seen.append(change.brief)
            if seen.count == 5 { break }
        }
        #expect(seen.first == "=a" && seen.dropFirst().allSatisfy { $0.hasPrefix("~a@") })
    }

    @Test func `A watch on which nothing comes is taken up anew`() async throws {
        let api = try ScriptedAPI { call, _ in
            switch (call.query["watch"], call.query["resourceVersion"]) {
            case (nil, _): list(1, "a")
            case (_, "1"): .pieces([event("ADDED", "b", 2)], stays: true)
            default: .pieces([event("DELETED", "b", 3)], stays: true)
            }
        }
        let cluster = try api.cluster { $0.watchSilence = .seconds(1) }
        var seen: [String] = []
        for try await change in cluster.observe(pods) {
            seen.append(change.brief)
            if seen.count == 3 { break }
        }
        #expect(seen == ["=a", "~b@2", "-b@3"])
    }

    @Test func `What waiting does not mend ends it`() async throws {
        let api = try ScriptedAPI { _, _ in .json(statusObject(403, "Forbidden"), status: "403 Forbidden") }
        await expectFailure(.forbidden) { for try await _ in try api.cluster().observe(pods) {} }
        await expectFailure(.unknownKind) {
            for try await _ in try api.cluster().observe(ObjectQuery(apiVersion: "v1", kind: "X")) {}
        }
    }

    @Test func `Whoever stops reading ends the connection`() async throws {
        let left = Sign()
        let server = try ScriptedAPI(ended: left) { call, _ in
            call.query["watch"] == nil ? list(1, "a") : .pieces([event("ADDED", "b", 2)], stays: true)
        }
        let cluster = try server.cluster()
        for try await change in cluster.observe(pods) where change.brief == "~b@2" { break }
        await left.wait()
        // The last copy of the cluster would have closed its connections too.
        withExtendedLifetime(cluster) {}
    }

    @Test func `A cancelled task ends it too`() async throws {
        let left = Sign()
        let watching = Sign()
        let server = try ScriptedAPI(ended: left) { call, _ in
            call.query["watch"] == nil ? list(1, "a") : .pieces([event("ADDED", "b", 2)], stays: true)
        }
        let cluster = try server.cluster()
        let task = Task {
            for try await change in cluster.observe(pods) where change.brief == "~b@2" { watching.give() }
        }
        await watching.wait()
        task.cancel()
        await left.wait()
        _ = await task.result
        withExtendedLifetime(cluster) {}
    }
}

extension ScriptedAPI {
    /// The first changes that an observer sees.
    fileprivate func observe(_ query: ObjectQuery, _ count: Int) async throws -> [String] {
        var seen: [String] = []
        for try await change in try cluster().observe(query) {
            seen.append(change.brief)
            if seen.count == count { break }
        }
        return seen
    }
}

extension WatchEvent {
    fileprivate var brief: String {
        switch self {
        case .added(let object): "+\(object.name)@\(object.resourceVersion)"
        case .modified(let object): "~\(object.name)@\(object.resourceVersion)"
        case .deleted(let object): "-\(object.name)@\(object.resourceVersion)"
        case .bookmark(let version): "@\(version)"
        }
    }
}

extension ObjectChange {
    fileprivate var brief: String {
        switch self {
        case .listed(let objects): "=" + objects.map(\.name).joined(separator: " ")
        case .changed(let object): "~\(object.name)@\(object.resourceVersion)"
        case .removed(let object): "-\(object.name)@\(object.resourceVersion)"
        }
    }
}
