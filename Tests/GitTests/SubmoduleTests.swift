import Foundation
import Git
import Testing

@Suite(.ownThread) struct SubmoduleTests {
    /// `app` has `lib` at `vendor/lib`, which has `core` at `core`.
    private func nested(user: String? = nil, password: String? = nil) throws -> (Scene, TestRepository, String) {
        let scratch = try Scratch()
        let core = try TestRepository("core", in: scratch.path)
        let coreRevision = try core.commit(["core.txt": "core"])
        let lib = try TestRepository("lib", in: scratch.path)
        try lib.commit(["lib.txt": "lib"])
        let libRevision = try lib.submodule("core", url: "../core.git", revision: coreRevision)
        let scene = try Scene(user: user, password: password, scratch: scratch)
        let revision = try scene.repository.submodule("vendor/lib", url: "../lib.git", revision: libRevision)
        return (scene, lib, revision)
    }

    @Test func areCheckedOutFromRelativeAddresses() async throws {
        let (scene, _, revision) = try nested(user: "ada", password: "s3cret")
        let mirror = try scene.mirror(credential: .password(user: "ada", password: "s3cret"))
        _ = try await mirror.fetch(refs: [main])
        let folder = scene.scratch.file("out")
        try await mirror.checkOut(revision, into: folder)
        #expect(text(folder + "/README.md") == "hello\n")
        #expect(text(folder + "/vendor/lib/lib.txt") == "lib")
        #expect(text(folder + "/vendor/lib/core/core.txt") == "core")
        let before = scene.server.requests.count
        try await mirror.checkOut(revision, into: scene.scratch.file("again"))
        #expect(scene.server.requests.count == before, "what is in the submodules' mirrors is not fetched again")
    }

    @Test func areFetchedWhenTheirCommitIsNoHead() async throws {
        let (scene, lib, revision) = try nested()
        try lib.commit(["lib.txt": "later"])
        try lib.commit(["lib.txt": "on a topic"], branch: "topic")
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let folder = scene.scratch.file("out")
        try await mirror.checkOut(revision, into: folder)
        #expect(text(folder + "/vendor/lib/lib.txt") == "lib")
    }

    @Test func areAskedForByIDWhereTheServerAllowsIt() async throws {
        let (scene, lib, revision) = try nested()
        try run("git", ["config", "uploadpack.allowReachableSHA1InWant", "true"], in: lib.path)
        try lib.commit(["lib.txt": "later", "big": noise(300_000)])
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let folder = scene.scratch.file("out")
        try await mirror.checkOut(revision, into: folder)
        #expect(text(folder + "/vendor/lib/lib.txt") == "lib")
        #expect(scene.server.requests.filter { $0.path.hasPrefix("/lib.git") }.reduce(0) { $0 + $1.bytes } < 100_000)
    }

    @Test func mayBeLeftOut() async throws {
        let (scene, _, revision) = try nested()
        let mirror = try Mirror(
            path: scene.scratch.file("mirror"),
            url: scene.server.url + "/app.git",
            submodules: .leaveEmpty
        )
        _ = try await mirror.fetch(refs: [main])
        let folder = scene.scratch.file("out")
        try await mirror.checkOut(revision, into: folder)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/vendor/lib").isEmpty)
    }

    @Test func areNotGivenCredentialsOfAnotherServer() async throws {
        let scratch = try Scratch()
        let lib = try TestRepository("lib", in: scratch.path)
        let libRevision = try lib.commit(["lib.txt": "lib"])
        let other = try TestServer(serving: scratch.path, user: "ada", password: "s3cret")
        let scene = try Scene(user: "ada", password: "s3cret", scratch: scratch)
        let revision = try scene.repository.submodule(
            "lib",
            url: other.url + "/lib.git",
            revision: libRevision
        )
        let mirror = try scene.mirror(credential: .password(user: "ada", password: "s3cret"))
        _ = try await mirror.fetch(refs: [main])
        let refused = await gitError { try await mirror.checkOut(revision, into: scene.scratch.file("out")) }
        #expect(refused?.code == .authentication)
        #expect(refused?.message.contains(other.url + "/lib.git") == true, "\(String(describing: refused))")
        #expect(!FileManager.default.fileExists(atPath: scene.scratch.file("out")))
    }

    @Test func mustHaveTheCommit() async throws {
        let (scene, lib, _) = try nested()
        let nowhere = String(repeating: "1", count: 40)
        let revision = try scene.repository.submodule("again", url: "../lib.git", revision: nowhere)
        _ = lib
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let missing = await gitError { try await mirror.checkOut(revision, into: scene.scratch.file("out")) }
        #expect(missing?.code == .revisionNotFound)
        #expect(missing?.message.contains("“again”") == true)
        let gone = try scene.repository.submodule("gone", url: "../gone.git", revision: nowhere)
        try scene.repository.git("rm", "-q", "--cached", "again")
        _ = try await mirror.fetch(refs: [main])
        #expect(
            [.notFound, .revisionNotFound].contains(
                await gitError { try await mirror.checkOut(gone, into: scene.scratch.file("out")) }?.code
            )
        )
    }

    @Test func haveTheirOwnLimits() async throws {
        let scratch = try Scratch()
        let silent = try TestServer(serving: scratch.path, fault: .silent)
        let scene = try Scene(scratch: scratch)
        let revision = try scene.repository.submodule(
            "lib",
            url: silent.url + "/lib.git",
            revision: String(repeating: "1", count: 40)
        )
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let limits = FetchLimits(deadline: .seconds(60), idle: .seconds(1))
        let ended = await gitError {
            try await mirror.checkOut(revision, into: scene.scratch.file("out"), limits: limits)
        }
        #expect(ended?.code == .idleTimeout)
        #expect(ended?.message.contains(silent.url) == true)
    }

    @Test func withoutAnAddressAreAnEmptyFolder() async throws {
        let scene = try Scene()
        let revision = try scene.repository.submodule(
            "odd",
            url: "",
            revision: String(repeating: "1", count: 40),
            text: "# nothing\n"
        )
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let folder = scene.scratch.file("out")
        try await mirror.checkOut(revision, into: folder)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/odd").isEmpty)
    }

    @Test func endAtTheFifthLevel() async throws {
        let scratch = try Scratch()
        let deepest = try TestRepository("level6", in: scratch.path)
        var revision = try deepest.git("rev-parse", "HEAD")
        for level in (1...5).reversed() {
            let repository = try TestRepository("level\(level)", in: scratch.path)
            revision = try repository.submodule("in", url: "../level\(level + 1).git", revision: revision)
        }
        let scene = try Scene(scratch: scratch)
        let five = try Mirror(path: scratch.file("five"), url: scene.server.url + "/level1.git")
        _ = try await five.fetch(refs: [main])
        try await five.checkOut(revision, into: scratch.file("out"))
        #expect(text(scratch.file("out/in/in/in/in/in/README.md")) == "hello\n")
        let six = try scene.repository.submodule("in", url: "../level1.git", revision: revision)
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let refused = await gitError { try await mirror.checkOut(six, into: scratch.file("deeper")) }
        #expect(refused?.code == .unsafeSubmodule)
        #expect(refused?.message.contains("in/in/in/in/in/in") == true)
    }
}
