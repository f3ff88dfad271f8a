import Foundation
import Testing

@testable import Pipelines

@Suite("What podman's storage holds and nothing needs is deleted", .timeLimit(.minutes(3)))
struct StorageCleanerTests {
    /// A server whose builds are over, and its cleaner.
    private func with(_ body: (Storage) async throws -> Void) async throws {
        let storage = Storage(server: try TestServer())
        do {
            try await body(storage)
        } catch {
            try? await storage.podman.removeAll()
            throw error
        }
        try await storage.podman.removeAll()
    }

    @Test(
        "An image that has no container, no release and no run to come goes with its layers, however many names it has"
    )
    func unneeded() async throws {
        try await with { storage in
            let kept = try await storage.build("RUN echo kept >/it\nRUN echo more >/this\n")
            let gone = try await storage.build("RUN echo gone >/it\n")
            let named = try await storage.build("RUN echo named >/it\n")
            for name in ["one", "two"] { _ = try await storage.podman.lines(["tag", named, "localhost/\(name):1"]) }
            let running = try await storage.build("RUN echo running >/it\n")
            _ = try await storage.podman.lines(["create", "--network", "none", running, "/bin/sh"])
            try await storage.run(built: kept)
            #expect(try await storage.clean() == 0)

            try storage.age(days: 8)
            let young = try await storage.build("RUN echo young >/it\n")
            let all = try await storage.images()
            let deleted = try await storage.clean()
            let left = try await storage.images()
            #expect(left.isSuperset(of: [kept, running, young]))
            #expect(left.isDisjoint(with: [gone, named]))
            #expect(deleted == all.subtracting(left).count)
            // The steps that they have in common, and the one that only the kept image has.
            let log = CollectedLog()
            #expect(try await storage.build("RUN echo kept >/it\nRUN echo other >/that\n", log) != kept)
            #expect(log.text.components(separatedBy: "Using cache").count == 4)
            // What has a container goes only with it.
            _ = try await storage.podman.lines(["rm", "--all", "--force"])
            #expect(try await storage.clean() > 0)
            #expect(try await !storage.images().contains(running))
            #expect(try await storage.images().contains(kept))
        }
    }

    @Test("What an environment serves or can be rolled back to stays, and goes when it is further back")
    func releases() async throws {
        try await with { storage in
            var needs = storage.server.needs
            needs.settings.retention.releases = 1
            var images: [String] = []
            for number in 1...3 {
                let id = try await storage.build("RUN echo \(number) >/it\n")
                images.append(id)
                let digest = try #require(
                    try await storage.podman.lines(["image", "inspect", "--format", "{{.Digest}}", id]).first
                )
                let release = try await storage.server.history.beginRelease(
                    environment: "todo",
                    run: try await storage.server.run(.sample()),
                    body: [],
                    images: [
                        PushedImage(name: "web", origin: .built, key: "", digest: digest, reference: "r@\(digest)")
                    ]
                )
                try await storage.server.history.markLive(release)
            }
            try storage.age(days: 8)
            _ = try await StorageCleaner(podman: storage.podman, needs: needs).clean()
            let left = try await storage.images()
            #expect(images.map(left.contains) == [false, true, true])
        }
    }

    @Test("While a run is under way nothing is deleted, and a run that comes meanwhile waits")
    func busy() async throws {
        try await with { storage in
            let image = try await storage.build("RUN echo gone >/it\n")
            try storage.age(days: 8)
            let use = storage.server.needs.registryUse
            #expect(try await use.with([RegistryUse.storage]) { try await storage.clean() } == 0)
            #expect(try await storage.images().contains(image))
            #expect(try await storage.clean() > 0)
            #expect(try await storage.images() == [])
        }
    }

    @Test("What is left of a build whose server was killed goes: its folder and its working container")
    func scratch() async throws {
        try await with { storage in
            let scratch = try BuildScratch.make(in: storage.podman)
            #expect(try await storage.clean() == 0)
            #expect(!SmallFile.exists(scratch.folder))
        }
    }
}

private struct Storage {
    let server: TestServer
    var podman: Podman { server.needs.podman }

    func build(_ steps: String, _ log: CollectedLog = CollectedLog()) async throws -> String {
        let id = try await ImageBuilder(podman: podman).build(try Repository(steps), log: log)
        return String(id.dropFirst("sha256:".count))
    }

    func clean() async throws -> Int { try await StorageCleaner(podman: podman, needs: server.needs).clean() }

    func images() async throws -> Set<String> {
        Set(
            try await podman.lines(["images", "--all", "--no-trunc", "--quiet"]).map {
                String($0.dropFirst("sha256:".count))
            }
        )
    }

    /// As if all of it had come here so many days ago.
    func age(days: Double) throws {
        let folder = "\(podman.folder)/storage/overlay-images"
        for name in SmallFile.names(in: folder) {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -days * 86_400)],
                ofItemAtPath: "\(folder)/\(name)"
            )
        }
    }

    /// A run that has built the image and not pushed it yet.
    func run(built id: String) async throws {
        let run = try await server.run(.sample())
        let attempt = try await server.history.startAttempt(run: run, stage: .build)
        let image = BuiltImage(name: "web", id: "sha256:\(id)", origin: .built, key: "k", reference: nil)
        try await server.history.finishAttempt(
            run: run,
            stage: .build,
            attempt: attempt,
            status: .succeeded,
            reason: nil,
            output: Array(try JSONEncoder().encode(BuildOutput(images: [image])))
        )
    }
}
