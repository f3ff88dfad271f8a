import GRDB
import Testing

@testable import Pipelines

@Suite("Images, releases and what stands beside the runs")
struct RecordsTests {
    private let image = PushedImage(
        name: "web",
        origin: .built,
        key: "k",
        digest: "sha256:1",
        reference: "host/web@sha256:1"
    )

    @Test("An image is found by its key: the one that was built or used last")
    func images() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        #expect(try await history.image(pipeline: "todo", name: "web", key: "k") == nil)
        let first = try await fixture.push()
        let second = try await fixture.push()
        func record(_ digest: String, _ run: Int64) async throws {
            try await history.recordImage(
                pipeline: "todo",
                name: "web",
                key: "k",
                digest: digest,
                reference: "host/web@\(digest)",
                run: run
            )
        }
        try await record("sha256:1", first)
        try await record("sha256:2", second)
        #expect(try await history.image(pipeline: "todo", name: "web", key: "k")?.digest == "sha256:2")
        let third = try await fixture.push()
        try await record("sha256:1", third)
        let newest = ImageRecord(digest: "sha256:1", reference: "host/web@sha256:1", run: third)
        #expect(try await history.image(pipeline: "todo", name: "web", key: "k") == newest)
        #expect(try await history.image(pipeline: "todo", name: "web", key: "other") == nil)
        #expect(try await history.image(pipeline: "docs", name: "web", key: "k") == nil)
    }

    @Test("A release that becomes live retires the one before it")
    func releases() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        #expect(try await history.live(environment: "prod") == nil)
        let run = try await fixture.push()
        let first = try await history.beginRelease(environment: "prod", run: run, body: [0, 255, 7], images: [image])
        #expect(try await history.unfinishedReleases(environment: "prod").map(\.id) == [first])
        #expect(try await history.liveRelease(environment: "prod") == nil)
        fixture.pass(milliseconds: 2000)
        try await history.markLive(first)
        try await history.markLive(first)
        let live = try #require(try await history.liveRelease(environment: "prod"))
        #expect(live.body == [0, 255, 7])
        #expect(live.images == [image])
        #expect(live.liveAt == live.createdAt + 2000)
        #expect(
            try await history.live(environment: "prod")
                == LiveRelease(
                    run: run,
                    revision: IncomingPush.sample("").after,
                    release: first,
                    since: live.createdAt + 2000
                )
        )
        let later = try await fixture.push()
        let second = try await history.beginRelease(environment: "prod", run: later, body: [], images: [])
        try await history.markLive(second)
        #expect(try await history.release(first)?.status == .retired)
        #expect(try await history.live(environment: "prod")?.run == later)
        #expect(try await history.unfinishedReleases(environment: "prod").isEmpty)
        let error = await #expect(throws: HistoryError.self) { try await history.markLive(first) }
        #expect(error?.code == .conflict)
        let retired = await #expect(throws: HistoryError.self) { try await history.markUndone(first) }
        #expect(retired?.code == .conflict)
        let missing = await #expect(throws: HistoryError.self) { try await history.markLive(99) }
        #expect(missing?.code == .notFound)
    }

    @Test("A release that could not be taken back whole is overtaken by the next one that goes live")
    func overtaken() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let run = try await fixture.push()
        let stuck = try await history.beginRelease(environment: "prod", run: run, body: [1], images: [])
        try await history.writeJournal(release: stuck, [JournalRecord(seq: 1, object: "a", entry: [1])])
        let elsewhere = try await history.beginRelease(environment: "test", run: run, body: [1], images: [])
        let next = try await history.beginRelease(environment: "prod", run: run, body: [2], images: [])
        #expect(try await history.unfinishedReleases(environment: "prod").map(\.id) == [stuck, next])
        try await history.markLive(next)
        #expect(try await history.unfinishedReleases(environment: "prod").isEmpty)
        #expect(try await history.release(stuck)?.status == .undone)
        #expect(try await history.journal(release: stuck) == [])
        #expect(try await history.live(environment: "prod")?.release == next)
        #expect(try await history.unfinishedReleases(environment: "test").map(\.id) == [elsewhere])
    }

    @Test("A release that failed and is kept is neither live nor taken back")
    func kept() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let run = try await fixture.push()
        let live = try await history.beginRelease(environment: "prod", run: run, body: [1], images: [])
        try await history.markLive(live)
        let kept = try await history.beginRelease(environment: "prod", run: run, body: [2], images: [])
        try await history.writeJournal(release: kept, [JournalRecord(seq: 1, object: "a", entry: [1])])
        try await history.markKept(kept)
        let record = try #require(try await history.release(kept))
        #expect(record.status == .undone && record.retiredAt == nil)
        #expect(try await history.journal(release: kept) == [])
        #expect(try await history.unfinishedReleases(environment: "prod").isEmpty)
        #expect(try await history.live(environment: "prod")?.release == live)
        for release in [live, kept] {
            let error = await #expect(throws: HistoryError.self) { try await history.markKept(release) }
            #expect(error?.code == .conflict)
        }
    }

    @Test("An undone release leaves what was live before it: the one it had replaced, or nothing")
    func undone() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let run = try await fixture.push()
        func begin() async throws -> Int64 {
            try await history.beginRelease(environment: "prod", run: run, body: [1], images: [])
        }
        let first = try await begin()
        try await history.markUndone(first)
        try await history.markUndone(first)
        #expect(try await history.release(first)?.status == .undone)
        #expect(try await history.unfinishedReleases(environment: "prod").isEmpty)
        #expect(try await history.live(environment: "prod") == nil)
        let second = try await begin()
        try await history.markLive(second)
        let applying = try await begin()
        try await history.markUndone(applying)
        #expect(try await history.live(environment: "prod")?.release == second)
        let third = try await begin()
        try await history.markLive(third)
        try await history.markUndone(third)
        #expect(try await history.live(environment: "prod")?.release == second)
        #expect(try await history.release(second)?.status == .live)
        try await history.markUndone(second)
        #expect(try await history.live(environment: "prod") == nil)
        let error = await #expect(throws: HistoryError.self) { try await history.markLive(first) }
        #expect(error?.code == .conflict)
    }

    @Test("A token opens until it expires or is revoked; only its hash is kept")
    func tokens() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let now = fixture.clock.withLock { $0 }
        let forever = try await history.createToken(name: "ci", role: .deployer, hash: [1, 2])
        let brief = try await history.createToken(name: "guest", role: .viewer, hash: [3], expiresAt: now + 1000)
        #expect(try await history.token(hash: [1, 2])?.role == .deployer)
        #expect(try await history.token(hash: [1]) == nil)
        #expect(try await history.token(hash: [3])?.id == brief)
        fixture.pass(milliseconds: 1000)
        #expect(try await history.token(hash: [3]) == nil)
        #expect(try await history.revokeToken(id: forever))
        #expect(try await !history.revokeToken(id: forever))
        #expect(try await !history.revokeToken(id: 99))
        #expect(try await history.token(hash: [1, 2]) == nil)
        let list = try await history.listTokens()
        #expect(list.map(\.name) == ["ci", "guest"])
        #expect(list[0].revokedAt == now + 1000)
        let error = await #expect(throws: HistoryError.self) {
            try await history.createToken(name: "twin", role: .admin, hash: [3])
        }
        #expect(error?.code == .conflict)
    }

    @Test("A session ends by itself, by its token's end, and by being closed")
    func sessions() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        let now = fixture.clock.withLock { $0 }
        let token = try await history.createToken(name: "ada", role: .admin, hash: [1])
        for hash: UInt8 in 1...3 {
            try await history.createSession(hash: [hash], token: token, expiresAt: now + Int64(hash) * 1000)
        }
        #expect(try await history.session(hash: [1])?.id == token)
        fixture.pass(milliseconds: 1000)
        #expect(try await history.session(hash: [1]) == nil)
        #expect(try await history.expireSessions() == 1)
        #expect(try await history.session(hash: [2])?.name == "ada")
        try await history.deleteSession(hash: [2])
        #expect(try await history.session(hash: [2]) == nil)
        try await history.revokeToken(id: token)
        #expect(try await history.session(hash: [3]) == nil)
        await #expect(throws: HistoryError.self) {
            try await history.createSession(hash: [9], token: 99, expiresAt: now + 9000)
        }
    }

    @Test("Children of earlier servers are known to the next one")
    func children() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        _ = try history.beginEpoch()
        let child = ChildRecord(pid: 4711, startTime: .max, bootID: "b", command: "podman build", run: 3)
        try await history.record(child)
        try await history.record(ChildRecord(pid: 4712, startTime: 1, bootID: "b", command: "x", run: nil))
        await history.forget(pid: 4712)
        #expect(try await history.staleChildren(epoch: history.currentEpoch).isEmpty)
        let next = try history.beginEpoch()
        #expect(try await history.staleChildren(epoch: next) == [child])
        // The pid came round again.
        let later = ChildRecord(pid: 4711, startTime: 9, bootID: "b", command: "y", run: nil)
        try await history.record(later)
        #expect(try await history.staleChildren(epoch: next).isEmpty)
    }

    @Test("A source is bound to the first repository that used it")
    func bindings() async throws {
        let fixture = try Fixture()
        #expect(try fixture.history.bindRepository(source: "acme/todo", repositoryID: 1) == 1)
        #expect(try fixture.history.bindRepository(source: "acme/todo", repositoryID: 1) == 1)
        #expect(try fixture.history.bindRepository(source: "acme/todo", repositoryID: 2) == 1)
        #expect(try fixture.history.bindRepository(source: "acme/docs", repositoryID: 2) == 2)
        #expect(try await fixture.history.repositoryBindings() == ["acme/todo": 1, "acme/docs": 2])
    }
}
