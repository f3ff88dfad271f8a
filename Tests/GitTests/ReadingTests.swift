import Foundation
import Git
import Testing

@Suite(.ownThread) struct ReadingTests {
    @Test func tellsWhichPathsDiffer() async throws {
        let scene = try Scene()
        let first = try scene.repository.commit(["a": "1", "d/b": "2", "d/e/c": "3", "gone": "4", "kind": "5"])
        try FileManager.default.moveItem(
            atPath: scene.repository.work + "/d/b",
            toPath: scene.repository.work + "/d/moved"
        )
        try run("chmod", ["755", scene.repository.work + "/a"])
        try FileManager.default.removeItem(atPath: scene.repository.work + "/kind")
        let second = try scene.repository.commit(["gone": nil, "kind/inner": "6", "d/e/c": "changed"])
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let changed = try await mirror.changedPaths(from: first, to: second)
        #expect(changed.sorted() == ["a", "d/b", "d/e/c", "d/moved", "gone", "kind", "kind/inner"])
        #expect(try await mirror.changedPaths(from: second, to: second).isEmpty)
        let all = try await mirror.changedPaths(from: nil, to: second)
        #expect(all.sorted() == ["README.md", "a", "d/e/c", "d/moved", "kind/inner"])
    }

    @Test func tellsWhatIsAtAPath() async throws {
        let scene = try Scene()
        let revision = try scene.repository.commit(["d/b": "two", "d/e/c": "3"])
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let root = try scene.repository.git("rev-parse", "HEAD^{tree}")
        #expect(try await mirror.treeID(revision, path: "") == root)
        #expect(try await mirror.treeID(revision, path: ".") == root)
        #expect(
            try await mirror.treeID(revision, path: "./d/e/") == (try scene.repository.git("rev-parse", "HEAD:d/e"))
        )
        #expect(try await mirror.treeID(revision, path: "d/b") == nil)
        #expect(try await mirror.treeID(revision, path: "nothing/here") == nil)
        #expect(try await mirror.objectID(revision, path: "d/b") == (try scene.repository.git("rev-parse", "HEAD:d/b")))
        #expect(try await mirror.objectID(revision, path: "d/b/under") == nil)
        #expect(try await mirror.file(revision, path: "d/b") == Array("two".utf8))
        #expect(try await mirror.file(revision, path: "d") == nil)
        #expect(try await mirror.file(revision, path: "../d/b") == nil)
    }

    @Test func tellsAboutCommits() async throws {
        let scene = try Scene()
        let first = try scene.repository.git("rev-parse", "HEAD")
        let second = try scene.repository.commit(["a": "1"], message: "Grüße\n\nmore")
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let info = try await mirror.commit(second)
        #expect(
            info == CommitInfo(revision: second, message: "Grüße\n\nmore\n", author: "Ada", commitTime: 1_700_000_000)
        )
        #expect(try await mirror.isAncestor(first, of: second))
        #expect(try await mirror.isAncestor(second, of: second))
        #expect(try await !mirror.isAncestor(second, of: first))
        #expect(try await mirror.contains(first))
        let unknown = String(repeating: "a", count: 40)
        #expect(await gitError { _ = try await mirror.isAncestor(unknown, of: second) }?.code == .revisionNotFound)
        #expect(await gitError { _ = try await mirror.commit(unknown) }?.code == .revisionNotFound)
        let tree = try scene.repository.git("rev-parse", "HEAD^{tree}")
        #expect(await gitError { _ = try await mirror.commit(tree) }?.code == .revisionNotFound)
    }
}

@Suite(.ownThread) struct PackTests {
    @Test func aSweepClearsWhatAKillLeaves() async throws {
        let scene = try Scene()
        let mirror = try scene.mirror()
        let revision = try #require(try await mirror.fetch(refs: [main])[main])
        let left = [
            "objects/pack/pack_git2_ab12cd", "refs/heads/main.lock", "HEAD.lock", "packed-refs.lock",
            "modules/x/objects/pack/pack_git2_1",
        ]
        for name in left {
            let file = mirror.path + "/" + name
            try FileManager.default.createDirectory(
                atPath: (file as NSString).deletingLastPathComponent,
                withIntermediateDirectories: true
            )
            try "x".write(toFile: file, atomically: false, encoding: .utf8)
        }
        Mirror.sweep(mirror.path)
        for name in left { #expect(!FileManager.default.fileExists(atPath: mirror.path + "/" + name), "\(name)") }
        #expect(try await mirror.contains(revision))
        let next = try scene.repository.commit(["a": "1"])
        #expect(try await mirror.fetch(refs: [main])[main] == next)
        Mirror.sweep(scene.scratch.file("no-mirror"))
    }

    @Test func pruningForgetsRefsAndGathersPacks() async throws {
        let scratch = try Scratch()
        let repository = try TestRepository("app", in: scratch.path)
        let mirror = try Mirror(path: scratch.file("mirror"), url: repository.path)
        var revisions: [String] = []
        for number in 0..<40 {
            revisions.append(try repository.commit(["a": noise(2_000), "n": "\(number)"]))
            _ = try await mirror.fetch(refs: [main])
        }
        _ = try repository.commit(["t": "1"], branch: "topic")
        _ = try await mirror.fetch(refs: ["refs/heads/topic"])
        #expect(packs(mirror).count > 40)
        try await mirror.prune(keeping: [main])
        #expect(packs(mirror).count == 1)
        let refs = try run(
            "git",
            ["for-each-ref", "--format=%(refname)"],
            in: mirror.path,
            environment: TestRepository.environment
        )
        #expect(refs == main)
        try run("git", ["fsck", "--full", "--strict"], in: mirror.path, environment: TestRepository.environment)
        for revision in revisions { #expect(try await mirror.contains(revision)) }
        let folder = scratch.file("out")
        try await mirror.checkOut(revisions[3], into: folder)
        #expect(text(folder + "/n") == "3")
    }

    @Test func manyMayUseOneMirrorAtOnce() async throws {
        let scene = try Scene(prepare: { try $0.commit(["big": noise(200_000), "d/x": "1"]) })
        let revision = try scene.repository.git("rev-parse", "HEAD")
        let mirror = try scene.mirror()
        let second = try scene.mirror()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<12 {
                let one = number.isMultiple(of: 2) ? mirror : second
                let folder = scene.scratch.file("out\(number)")
                group.addTask {
                    _ = try await one.fetch(refs: [main])
                    try await one.checkOut(revision, into: folder)
                    try await one.prune(keeping: [main])
                }
            }
            try await group.waitForAll()
        }
        #expect(packs(mirror).count == 1)
        for number in 0..<12 { #expect(text(scene.scratch.file("out\(number)/d/x")) == "1") }
    }

    @Test func damagedObjectsAreCalledSo() async throws {
        let scene = try Scene(prepare: { try $0.commit(["big": noise(200_000)]) })
        let revision = try scene.repository.git("rev-parse", "HEAD")
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let pack = mirror.path + "/objects/pack/" + (try #require(packs(mirror).first))
        try run("chmod", ["644", pack])
        let file = try #require(FileHandle(forUpdatingAtPath: pack))
        try file.seek(toOffset: 1_000)
        try file.write(contentsOf: Data(repeating: 0x55, count: 100_000))
        try file.close()
        let folder = scene.scratch.file("out")
        let ended = await gitError { try await mirror.checkOut(revision, into: folder) }
        #expect(ended?.code == .corrupt, "\(String(describing: ended))")
        #expect(!FileManager.default.fileExists(atPath: folder))
    }

    private func packs(_ mirror: Mirror) -> [String] {
        let files = try? FileManager.default.contentsOfDirectory(atPath: mirror.path + "/objects/pack")
        return (files ?? []).filter { $0.hasSuffix(".pack") }
    }
}
