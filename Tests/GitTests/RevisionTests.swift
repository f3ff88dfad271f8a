import Foundation
import Git
import Testing

/// One revision, for whoever wants it when its branch is somewhere else.
@Suite(.ownThread) struct RevisionTests {
    /// A mirror of a branch that was forced away from `revision`.
    private func forcedAway(keeping tag: String? = nil, allow: String? = nil) async throws -> (Scene, Mirror, String) {
        let scene = try Scene()
        let revision = try scene.repository.commit(["a.txt": "wanted"])
        if let tag { try run("git", ["update-ref", "refs/tags/\(tag)", revision], in: scene.repository.path) }
        if let allow { try run("git", ["config", "uploadpack.\(allow)", "true"], in: scene.repository.path) }
        _ = try scene.repository.commitTree([("100644", "b.txt", try scene.repository.blob("other"))])
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        #expect(try await !mirror.contains(revision))
        return (scene, mirror, revision)
    }

    @Test func isNotAskedForWhenItIsHere() async throws {
        let scene = try Scene()
        let revision = try scene.repository.commit(["a.txt": "wanted"])
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        try scene.repository.commit(["a.txt": "later"])
        let before = scene.server.requests.count
        try await mirror.fetch(revision: revision)
        #expect(scene.server.requests.count == before)
    }

    @Test(arguments: [("kept", nil), (nil, "allowAnySHA1InWant")] as [(String?, String?)])
    func isFetchedByATagOrItsId(tag: String?, allow: String?) async throws {
        let (scene, mirror, revision) = try await forcedAway(keeping: tag, allow: allow)
        try await mirror.fetch(revision: revision)
        let folder = scene.scratch.file("out")
        try await mirror.checkOut(revision, into: folder)
        #expect(text(folder + "/a.txt") == "wanted")
        // The branch is where it was, and a later fetch of it works as ever.
        let later = try scene.repository.commit(["b.txt": "later"])
        #expect(try await mirror.fetch(refs: [main]) == [main: later])
    }

    @Test func isFetchedWhereItsBranchIsGone() async throws {
        let scene = try Scene()
        let revision = try scene.repository.commit(["a.txt": "wanted"], branch: "topic")
        let mirror = try scene.mirror()
        try await mirror.fetch(revision: revision)
        #expect(try await mirror.contains(revision))
    }

    @Test func thatNobodyHasIsNamed() async throws {
        let (scene, mirror, revision) = try await forcedAway()
        let error = await gitError { try await mirror.fetch(revision: revision) }
        #expect(scene.server.requests.contains { $0.path.hasPrefix("/app.git") })
        #expect(error?.code == .revisionNotFound)
        #expect(error?.message.contains(revision) == true, "\(String(describing: error))")
    }
}
