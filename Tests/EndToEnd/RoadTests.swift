import Foundation
import HTTPClient
import Testing

/// The road of a push with the real program, podman, registry, proxy and git.
extension EndToEnd {
    @Suite("The road of a push") struct RoadTests {
        @Test("a signed push becomes a running container, and the next one replaces it")
        func push() async throws {
            try await World.run { world in
                let first = try await world.deploy(try await world.repository.head())
                #expect(first.status == "succeeded")
                #expect(first.stages.map(\.name) == ["clone", "build", "push", "deploy", "smoke-test"])
                #expect(first.stages.allSatisfy { $0.status == "succeeded" && $0.attempt == 1 })
                #expect(first.images.first?.digest?.hasPrefix("sha256:") == true)
                #expect(first.smokeTest.map(\.passed) == [true])
                let service = try #require(first.release?.services.first).url
                #expect(try await world.get(service).string.contains("version one"))

                let revision = try await world.repository.commit(
                    ["index.html": "Hello from version two.\n"],
                    message: "Two"
                )
                let second = try await world.deploy(revision)
                #expect(second.status == "succeeded")
                #expect(second.release?.services.first?.url == service)
                #expect(try await world.get(service).string.contains("version two"))
                #expect(try await world.pods().count == 1)
                let pipelines = try await world.get("/api/v1/pipelines").string
                #expect(pipelines.contains(revision))
                #expect(pipelines.contains(#""tags":null"#))
            }
        }

        @Test("an image is not built again when nothing that goes into it changed")
        func reuse() async throws {
            let files = [
                "web/index.html": "Hello\n", "web/Dockerfile": Sample.dockerfile,
                "k8s/web.yaml": Sample.manifests,
            ]
            try await World.run(files: files) { world in
                try await world.moveContext(to: "web")
                let first = try await world.deploy(try await world.repository.head())
                #expect(first.status == "succeeded")
                #expect(first.images.map(\.origin) == ["built"])
                let second = try await world.deploy(
                    try await world.repository.commit(["README": "words\n"], message: "Words")
                )
                #expect(second.status == "succeeded")
                #expect(second.images.map(\.origin) == ["reused"])
                #expect(second.images.map(\.digest) == first.images.map(\.digest))
            }
        }

        @Test("replays deploy nothing twice and roll nothing back")
        func replays() async throws {
            try await World.run { world in
                let one = try await world.repository.head()
                let answer = try await world.push(one, guid: "same-guid")
                #expect(answer.status == 202)
                let receipt = try Receipt(answer)
                #expect(try await world.finished(receipt.runs[0].id).status == "succeeded")

                let again = try await world.push(one, guid: "same-guid")
                #expect(again.status == 200)
                #expect(try Receipt(again).runs.map(\.id) == receipt.runs.map(\.id))
                #expect(try Receipt(again).duplicate == true)

                let live = try await world.deploy(one)
                #expect(live.status == "skipped")
                #expect(live.reason?.code == "already-live")

                let two = try await world.repository.commit(["index.html": "Hello two\n"], message: "Two")
                let second = try await world.deploy(two)
                #expect(second.status == "succeeded")
                let old = try await world.deploy(one)
                #expect(old.status == "superseded")
                #expect(old.reason?.code == "branch-moved-on")
                #expect(old.supersededBy == second.id)
            }
        }

        @Test("a head that no webhook announced is deployed by the run that saw it")
        func unseenHead() async throws {
            try await World.run { world in
                let one = try await world.repository.head()
                let two = try await world.repository.commit(["index.html": "Hello two\n"], message: "Two")
                let old = try await world.deploy(one)
                #expect(old.status == "superseded")
                let successor = try await world.finished(try #require(old.supersededBy))
                #expect(successor.status == "succeeded")
                #expect(successor.revision == two)
                #expect(successor.trigger == "reconcile")
            }
        }

        @Test("a branch forced back on purpose is deployed")
        func forcedBack() async throws {
            try await World.run { world in
                let one = try await world.repository.head()
                let two = try await world.repository.commit(["index.html": "Hello two\n"], message: "Two")
                #expect(try await world.deploy(two).status == "succeeded")
                try await world.repository.git("push", "-q", "--force", "origin", "\(one):refs/heads/main")
                let back = try await world.deploy(one)
                #expect(back.status == "succeeded")
                let service = try #require(back.release?.services.first).url
                #expect(try await world.get(service).string.contains("version one"))
            }
        }

        @Test("a revision that was forced away before it was fetched gives way to the push that took its place")
        func forcedAway() async throws {
            // A comparison that came after the first push would find the head as one that was missed.
            try await World.run(settings: "public: everything\nreconcile: off\n") { world in
                let gone = try Receipt(try await world.push(String(repeating: "c1", count: 20))).runs[0].id
                _ = try await eventually("it is asked for") {
                    try await world.log(gone, "clone").contains("is not there yet") ? true : nil
                }
                let head = try await world.repository.commit(["index.html": "Hello two\n"], message: "Two")
                #expect(try await world.deploy(head).status == "succeeded")
                let run = try await world.run(gone)
                #expect(run.status == "superseded" && run.reason?.code == "branch-moved-on")
                let successor = try await world.run(try #require(run.supersededBy))
                #expect(successor.revision == head && successor.trigger == "push")
            }
        }

        @Test("a change outside of source.paths is skipped")
        func paths() async throws {
            try await World.run { world in
                try world.replace("branch: main }", with: "branch: main, paths: [\"*.html\", \"k8s/**\"] }")
                await world.stop()
                try await world.start()
                #expect(try await world.deploy(try await world.repository.head()).status == "succeeded")
                let other = try await world.deploy(
                    try await world.repository.commit(["notes/a.txt": "a\n"], message: "Notes")
                )
                #expect(other.status == "skipped")
                #expect(other.reason?.code == "no-matching-paths")
                let page = try await world.deploy(
                    try await world.repository.commit(["index.html": "Hello two\n"], message: "Page")
                )
                #expect(page.status == "succeeded")
            }
        }
    }
}

/// All end-to-end tests: each brings up podman, a registry and a proxy of its own.
@Suite enum EndToEnd {}

extension World {
    /// Replaces text in a file: by default the pipeline's.
    func replace(_ text: String, with other: String, in path: String = "pipelines/web.yaml") throws {
        let old = try String(contentsOfFile: "\(folder)/\(path)", encoding: .utf8)
        try #require(old.contains(text))
        try write(path, old.replacing(text, with: other))
    }

    /// Makes the pipeline build from a folder of the repository.
    func moveContext(to context: String) async throws {
        try await sh("/bin/cp", ["\(repository.folder)/busybox", "\(repository.folder)/\(context)/busybox"])
        try await repository.commit([:], message: "Move the context")
        try replace("context: .", with: "context: \(context)")
        await stop()
        try await start()
    }
}
