import Foundation
import Git
import Testing

@Suite("A mirror that the disk has damaged", .ownThread) struct DamageTests {
    enum Damage: String, CaseIterable {
        case emptyRef, emptyIndexes, shortPacks, zeroedPacks, noObjects, emptyFolder

        func strike(_ mirror: String) throws {
            let files = FileManager.default
            let packs = try files.contentsOfDirectory(atPath: "\(mirror)/objects/pack").map {
                "\(mirror)/objects/pack/\($0)"
            }
            switch self {
            case .emptyRef: try Data().write(to: URL(filePath: "\(mirror)/refs/heads/main"))
            case .emptyIndexes: try rewrite(packs, ".idx") { _ in Data() }
            case .shortPacks: try rewrite(packs, ".pack") { $0.prefix(20) }
            case .zeroedPacks: try rewrite(packs, ".pack") { $0.prefix(12) + Data(count: $0.count - 12) }
            case .noObjects: try files.removeItem(atPath: "\(mirror)/objects")
            case .emptyFolder:
                try files.removeItem(atPath: mirror)
                try files.createDirectory(atPath: mirror, withIntermediateDirectories: false)
            }
        }

        private func rewrite(_ paths: [String], _ suffix: String, _ change: (Data) -> Data) throws {
            for path in paths where path.hasSuffix(suffix) {
                let old = try Data(contentsOf: URL(filePath: path))
                try FileManager.default.removeItem(atPath: path)
                try change(old).write(to: URL(filePath: path))
            }
        }
    }

    @Test("is found out and removed, and the next fetch makes it anew", arguments: Damage.allCases)
    func damaged(_ damage: Damage) async throws {
        let scene = try Scene()
        _ = try await scene.mirror().fetch(refs: [main])
        let path = scene.scratch.file("mirror")
        try damage.strike(path)
        #expect(try await Mirror.removeIfDamaged(path))
        #expect(!FileManager.default.fileExists(atPath: path))
        let head = try scene.repository.commit(["more.txt": "more\n"])
        let mirror = try scene.mirror()
        #expect(try await mirror.fetch(refs: [main]) == [main: head])
        #expect(try await mirror.commit(head).message == "change\n")
    }

    @Test("is told from one that is as it should be, which stays")
    func sound() async throws {
        // A tag need not be at a commit.
        let scene = try Scene(prepare: { try $0.git("push", "-q", "origin", "HEAD^{tree}:refs/tags/tree") })
        let mirror = try scene.mirror()
        let head = try scene.repository.commit(["folder/file": "text\n"])
        _ = try await mirror.fetch(refs: [main])
        #expect(await gitError { _ = try await mirror.fetch(refs: ["refs/tags/tree"]) }?.code == .refNotFound)
        #expect(try await !Mirror.removeIfDamaged(mirror.path))
        #expect(try await mirror.contains(head))
    }
}
