import Foundation
import HTTPClient
import Testing

extension EndToEnd {
    @Suite("A pause") struct PauseTests {
        @Test("pushes wait, also over a crash, and the API says by whom and why, until somebody resumes")
        func pause() async throws {
            try await World.run { world in
                let token = try await world.token()
                #expect(try await world.lane("pause", try await world.token("viewer")).status == 403)
                let long = String(repeating: "a", count: 501)
                #expect(try await world.lane("pause", token, body: #"{"reason":"\#(long)"}"#).status == 400)
                #expect(try await world.lane("pause", token, body: "[]").status == 400)
                // The server's log is read line by line.
                for forged in [#"a\n2026-01-01 notice: b"#, #"a\u001b[2J"#, #"a\u2028b"#] {
                    #expect(try await world.lane("pause", token, body: #"{"reason":"\#(forged)"}"#).status == 400)
                }
                let paused = try await world.lane("pause", token, body: #"{"reason":"The database moves."}"#)
                #expect(paused.status == 200, "\(paused.string)")
                let again = try await world.lane("pause", token)
                #expect(again.status == 409 && again.string.contains("problems/already-paused"), "\(again.string)")
                #expect(again.string.contains("by test: The database moves."), "\(again.string)")

                let id = try await world.pushed(try await world.repository.head())
                #expect(try await world.run(id).waitingFor == "paused")
                await world.kill()
                let config = "\(world.folder)/fairlead.yaml"
                let here = try await world.fairlead("run", "web", "--config", config, expecting: nil)
                #expect(here.status != 0 && here.output.contains("paused by test"), "\(here.output)")
                try await world.start()
                #expect(try await world.run(id).waitingFor == "paused")
                let pause = try #require(try await world.get("/api/v1/pipelines/web").json()["pause"] as? [String: Any])
                #expect(pause["by"] as? String == "test" && pause["reason"] as? String == "The database moves.")
                #expect(pause["since"] is String)

                let resumed = try await world.lane("resume", token)
                #expect(resumed.status == 200, "\(resumed.string)")
                #expect(try resumed.json()["pause"] is NSNull)
                #expect(try await world.finished(id).status == "succeeded")
            }
        }
    }
}
