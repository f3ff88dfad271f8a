import Foundation
import HTTPClient
import Pipelines
import Testing

extension EndToEnd {
    @Suite("Backups") struct BackupTests {
        @Test("what a restored backup says is live is made to run, also if it was deployed again since")
        func olderThanPods() async throws {
            try await World.run { world in
                let run = try await world.deploy(try await world.repository.head())
                let token = try await world.token()
                try await world.fairlead("backup", "\(world.folder)/backup.db")
                let again = try await world.request(
                    "POST",
                    "/api/v1/runs/\(run.id)/rerun",
                    token: token,
                    body: Array(#"{"from":"deploy"}"#.utf8)
                )
                #expect(again.status == 202)
                #expect(try await world.finished(run.id).status == "succeeded")
                await world.stop()
                try await world.fairlead("restore", "\(world.folder)/backup.db")
                try await world.start()
                let service = try #require(try await world.run(run.id).release?.services.first).url
                #expect(try await world.get(service).string.contains("version one"))
                #expect(try await world.pods().count == 1)
            }
        }

        @Test("a server on a restored backup leaves alone the children of the server that it was taken from")
        func beside() async throws {
            try await World.run { world in
                let registry = try await world.registryProcess()
                try await world.fairlead("backup", "\(world.folder)/backup.db")
                let other = "\(world.folder)/other"
                try world.write(
                    "other/fairlead.yaml",
                    """
                    listen: 127.0.0.1:0
                    data: ./data
                    pipelines: ../pipelines
                    webhooks: { secrets: [{ env: FL_SECRET }] }
                    registry: { embedded: true }
                    """
                )
                let config = "\(other)/fairlead.yaml"
                try await world.fairlead("restore", "--config", config, "\(world.folder)/backup.db")
                let server = try Child(
                    World.program,
                    ["serve", "--config", config],
                    environment: world.environment,
                    folder: other,
                    log: "\(other)/server.log"
                )
                do {
                    try await eventually("the other server listens") {
                        guard server.isRunning else { throw Unexpected("the other server ended: \(server.said)") }
                        return FileManager.default.fileExists(atPath: "\(other)/data/address") ? true : nil
                    }
                    #expect(try await world.registryProcess() == registry)
                } catch {
                    await server.end()
                    throw error
                }
                await server.end()
                await Teardown.removeEverything(dataFolder: "\(other)/data")
            }
        }

        @Test("a backup that is taken while pushes come starts a server that knows what was taken before it")
        func roundTrip() async throws {
            try await World.run { world in
                let head = try await world.repository.head()
                let deployed = try await world.deploy(head)
                let token = try await world.token()
                let pushing = Task {
                    var taken: [Int64] = []
                    while !Task.isCancelled {
                        let answer = try await world.push(head)
                        if answer.status == 202 { taken += try Receipt(answer).runs.map(\.id) }
                    }
                    return taken
                }
                let file = "\(world.folder)/backup.db"
                try await eventually("pushes come") {
                    try await world.get("/api/v1/runs").json()["runs"].map {
                        ($0 as? [Any] ?? []).count > 20 ? true : nil
                    } ?? nil
                }
                let said = try await world.fairlead("backup", file).output
                #expect(said.contains("checked"))
                pushing.cancel()
                let taken = (try? await pushing.value) ?? []
                let running = try await world.fairlead("restore", file, expecting: nil)
                #expect(running.status != 0 && running.output.contains("in use by process"), "\(running)")
                let key = try Data(contentsOf: URL(filePath: "\(world.data)/sealing.key"))
                #expect(try Data(contentsOf: URL(filePath: file)).range(of: key) == nil)

                await world.stop()
                #expect(try await world.fairlead("restore", file).output.contains("What was there is in"))
                try await world.start()
                #expect(try await world.run(deployed.id).status == "succeeded")
                #expect(try await world.request("POST", "/api/v1/pipelines/web/runs", token: token).status == 202)
                // Those that came after the backup are unknown now: what GitHub sends again is taken.
                #expect(taken.isEmpty || taken.max()! >= deployed.id)
                let next = try await world.deploy(
                    try await world.repository.commit(["index.html": "Hello from version two.\n"], message: "Two")
                )
                #expect(next.status == "succeeded", "\(String(describing: next.reason))")
                let service = try #require(next.release?.services.first).url
                #expect(try await world.get(service).string.contains("version two"))
            }
        }
    }
}
