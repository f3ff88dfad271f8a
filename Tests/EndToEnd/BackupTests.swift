import Foundation
import HTTPClient
import Testing

extension EndToEnd {
    @Suite("Backups") struct BackupTests {
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
