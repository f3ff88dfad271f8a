import Foundation
import Git
import Testing

/// What every test of an exchange needs: a folder, a repository in it, and a server for it.
struct Scene {
    let scratch: Scratch
    let repository: TestRepository
    let server: TestServer

    init(
        user: String? = nil,
        password: String? = nil,
        certificate: (Scratch) throws -> TestCertificate? = { _ in nil },
        fault: TestServer.Fault = .none,
        scratch: Scratch? = nil,
        prepare: (TestRepository) throws -> Void = { _ in }
    ) throws {
        let scratch = try scratch ?? Scratch()
        self.scratch = scratch
        repository = try TestRepository("app", in: scratch.path)
        try prepare(repository)
        server = try TestServer(
            serving: scratch.path,
            user: user,
            password: password,
            certificate: try certificate(scratch),
            fault: fault
        )
    }

    func mirror(
        _ path: String = "app.git",
        credential: GitCredential = .none,
        caFile: String? = nil
    ) throws -> Mirror {
        try Mirror(
            path: scratch.file("mirror"),
            url: "\(server.url)/\(path)",
            credential: credential,
            caFile: caFile
        )
    }
}

/// The error that the body throws; nil when it throws none, or one of another type.
func gitError(_ body: () async throws -> Void) async -> GitError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? GitError
    }
}

let main = "refs/heads/main"

@Suite(.ownThread) struct MirrorTests {
    /// As when the first push of a repository starts several pipelines.
    @Test func manyMayMakeOneMirror() async throws {
        let scene = try Scene()
        let revision = try scene.repository.commit(["a": "1"])
        for round in 0..<20 {
            DispatchQueue.concurrentPerform(iterations: 8) { _ in
                #expect(throws: Never.self) {
                    try Mirror(path: scene.scratch.file("mirror-\(round)"), url: "\(scene.server.url)/app.git")
                }
            }
        }
        let last = try Mirror(path: scene.scratch.file("mirror-19"), url: "\(scene.server.url)/app.git")
        #expect(try await last.fetch(refs: [main]) == [main: revision])
    }

    @Test func fetchesAndChecksOut() async throws {
        let scene = try Scene()
        try scene.repository.git("tag", "-a", "-m", "one", "v1")
        try scene.repository.git("push", "-q", "origin", "v1")
        let revision = try scene.repository.commit(["src/run.sh": "#!/bin/sh\n", "src/deep/er/x": ""])
        let mirror = try scene.mirror()
        let seen = Reports()
        let found = try await mirror.fetch(refs: [main, "refs/tags/v1"], progress: { seen.add($0) })
        #expect(found[main] == revision)
        #expect(found["refs/tags/v1"] == (try scene.repository.git("rev-parse", "v1^{commit}")))
        #expect(seen.last.map { $0.receivedObjects == $0.totalObjects && $0.receivedBytes > 0 } == true)
        let folder = scene.scratch.file("out")
        try await mirror.checkOut(revision, into: folder)
        #expect(text(folder + "/README.md") == "hello\n")
        #expect(text(folder + "/src/deep/er/x") == "")
        #expect(!FileManager.default.fileExists(atPath: folder + "/.git"))
        #expect(try FileManager.default.attributesOfItem(atPath: mirror.path)[.posixPermissions] as? Int == 0o700)
    }

    @Test func keepsModesAndLinks() async throws {
        let scene = try Scene()
        try scene.repository.git("config", "core.fileMode", "true")
        try scene.repository.commit(["bin/go": "#!/bin/sh\n", "plain": "p"])
        try run("chmod", ["755", scene.repository.work + "/bin/go"])
        try scene.repository.link("bin/link", to: "../plain")
        try scene.repository.link("deep/er/link", to: "../../bin")
        let revision = try scene.repository.commitAll()
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let folder = scene.scratch.file("out")
        try await mirror.checkOut(revision, into: folder)
        #expect(FileManager.default.isExecutableFile(atPath: folder + "/bin/go"))
        #expect(!FileManager.default.isExecutableFile(atPath: folder + "/plain"))
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/bin/link") == "../plain")
        #expect(text(folder + "/deep/er/link/link") == "p")
    }

    @Test func appliesNoFiltersOrLineEndings() async throws {
        let scene = try Scene()
        try scene.repository.git("config", "filter.shout.clean", "cat")
        let revision = try scene.repository.commit([
            ".gitattributes": "*.txt text eol=crlf\n*.id ident\n*.up filter=shout\n",
            "a.txt": "one\ntwo\n", "b.id": "$Id$\n", "c.up": "quiet\n",
        ])
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let folder = scene.scratch.file("out")
        try await mirror.checkOut(revision, into: folder)
        #expect(text(folder + "/a.txt") == "one\ntwo\n")
        #expect(text(folder + "/b.id") == "$Id$\n")
        #expect(text(folder + "/c.up") == "quiet\n")
    }

    @Test func anIncrementalFetchTransfersLittle() async throws {
        let scene = try Scene(prepare: { try $0.commit(["big": noise(400_000)]) })
        for number in 0..<60 { try scene.repository.git("commit", "-q", "--allow-empty", "-m", "\(number)") }
        try scene.repository.git("push", "-q", "origin", "main")
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        #expect(scene.server.requests.reduce(0) { $0 + $1.bytes } > 300_000)
        let before = scene.server.requests.count
        let revision = try scene.repository.commit(["small": "x"])
        #expect(try await mirror.fetch(refs: [main]) == [main: revision])
        let after = scene.server.requests.dropFirst(before)
        #expect(after.reduce(0) { $0 + $1.bytes } < 20_000)
        #expect(Set(after.map { $0.connection }).count == 1)
        let unchanged = scene.server.requests.count
        _ = try await mirror.fetch(refs: [main])
        #expect(scene.server.requests.count == unchanged + 1)
    }

    @Test func followsAForcedPushAndKeepsTheOldRevision() async throws {
        let scene = try Scene()
        let old = try scene.repository.commit(["a": "1"])
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        try scene.repository.git("reset", "-q", "--hard", "HEAD~1")
        let new = try scene.repository.commit(["b": "2"])
        #expect(try await mirror.fetch(refs: [main])[main] == new)
        #expect(try await mirror.contains(old))
        #expect(try await !mirror.isAncestor(old, of: new))
    }

    @Test func makesRoomForABranchBelowAFormerOne() async throws {
        let scene = try Scene()
        let first = try scene.repository.commit(["a": "1"], branch: "topic")
        let mirror = try scene.mirror()
        #expect(try await mirror.fetch(refs: ["refs/heads/topic"])["refs/heads/topic"] == first)
        try scene.repository.git("push", "-q", "origin", ":refs/heads/topic")
        let second = try scene.repository.commit(["a": "2"], branch: "topic/deep")
        #expect(try await mirror.fetch(refs: ["refs/heads/topic/deep"])["refs/heads/topic/deep"] == second)
    }

    @Test func namesWhatIsMissing() async throws {
        let scene = try Scene()
        let mirror = try scene.mirror()
        let noBranch = await gitError { _ = try await mirror.fetch(refs: ["refs/heads/gone"]) }
        #expect(noBranch?.code == .refNotFound)
        #expect(noBranch?.message.contains("refs/heads/gone") == true)
        #expect(try await mirror.fetch(refs: []).isEmpty)
        #expect(scene.server.requests.count == 1)
        let odd = await gitError { _ = try await mirror.fetch(refs: ["main"]) }
        #expect(odd?.code == .refNotFound)
        let away = try Mirror(path: scene.scratch.file("other"), url: scene.server.url + "/gone.git")
        let noRepository = await gitError { _ = try await away.fetch(refs: [main]) }
        #expect(noRepository?.code == .notFound)
        #expect(noRepository?.message.contains(scene.server.url + "/gone.git") == true)
        let nowhere = String(repeating: "0", count: 39) + "1"
        let folder = scene.scratch.file("out")
        for revision in [nowhere, "main", ""] {
            let missing = await gitError { try await mirror.checkOut(revision, into: folder) }
            #expect(missing?.code == .revisionNotFound)
        }
        #expect(!FileManager.default.fileExists(atPath: folder))
        #expect(try await !mirror.contains(nowhere))
    }

    @Test func neverWritesIntoAFolderThatExists() async throws {
        let scene = try Scene()
        let mirror = try scene.mirror()
        let revision = try #require(try await mirror.fetch(refs: [main])[main])
        let folder = scene.scratch.file("out")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try "kept".write(toFile: folder + "/mine", atomically: false, encoding: .utf8)
        #expect(await gitError { try await mirror.checkOut(revision, into: folder) }?.code == .other)
        #expect(text(folder + "/mine") == "kept")
    }

    @Test func readsFileSources() async throws {
        let scratch = try Scratch()
        let repository = try TestRepository("app", in: scratch.path)
        let revision = try repository.commit(["a": "1"])
        for url in ["file://" + repository.path, repository.path] {
            let mirror = try Mirror(path: scratch.file("m-\(UUID().uuidString)"), url: url)
            #expect(try await mirror.fetch(refs: [main])[main] == revision)
            #expect(try await mirror.file(revision, path: "a") == Array("1".utf8))
        }
        let gone = try Mirror(path: scratch.file("gone"), url: "file:///nowhere/at/all.git")
        #expect(await gitError { _ = try await gone.fetch(refs: [main]) }?.code == .notFound)
        let noRepository = try Mirror(path: scratch.file("none"), url: repository.path + "/objects")
        #expect(await gitError { _ = try await noRepository.fetch(refs: [main]) }?.code == .notFound)
    }

    @Test func listsTheRefsOfAServer() async throws {
        let scene = try Scene()
        try scene.repository.git("tag", "-a", "-m", "one", "v1")
        try scene.repository.git("push", "-q", "origin", "v1")
        let head = try scene.repository.git("rev-parse", "HEAD")
        let refs = try await remoteRefs(url: scene.server.url + "/app.git", credential: .none, limits: .init())
        #expect(refs == ["HEAD": head, main: head, "refs/tags/v1": head])
    }

    @Test func followsRedirectsOnTheSameServerOnly() async throws {
        let scene = try Scene()
        let moved = try Mirror(path: scene.scratch.file("moved"), url: scene.server.url + "/moved/app.git")
        #expect(try await moved.fetch(refs: [main])[main] != nil)
        let away = try Mirror(
            path: scene.scratch.file("away"),
            url: scene.server.url + "/away/app.git",
            credential: .password(user: "ada", password: "secret")
        )
        let refused = await gitError { _ = try await away.fetch(refs: [main]) }
        #expect(refused?.code == .other)
        #expect(refused?.message.contains("redirect") == true)
        #expect(!scene.server.requests.contains { $0.path.hasPrefix("/app.git") && $0.user == "ada" })
    }
}

/// Progress as it was reported, from the fetch's own thread.
final class Reports: @unchecked Sendable {
    // Unchecked: behind the lock.
    private let lock = NSLock()
    private var all: [FetchProgress] = []

    func add(_ report: FetchProgress) { lock.withLock { all.append(report) } }

    var last: FetchProgress? { lock.withLock { all.last } }
}
