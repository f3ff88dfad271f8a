import Foundation
import HTTPClient
import Testing

/// The real program with a wall clock of its own, which is set while a run is under way.
extension EndToEnd {
    @Suite("A clock that is set") struct ClockStepTests {
        @Test(
            "by an hour: runs go on in their order, no deadline comes early or late, sessions last",
            arguments: [-3600, 3600]
        )
        func step(seconds: Int) async throws {
            let settings = "public: everything\nlimits: { fetchIdle: 3s, retryFor: 10s }\n"
            try await ClusterWorld.run(branches: ["main"], settings: settings) { world, _ in
                let clock = try await TestClock(in: world.folder)
                try await world.start(under: clock.prefix)
                let head = try await world.repository.commit([:], message: "First")
                let first = try await world.finished(try await world.pushed(head))
                #expect(first.status == "succeeded", "\(String(describing: first.reason))")
                let token = try await world.token()
                let login = try await world.request(
                    "POST",
                    "/api/v1/session",
                    body: Array(#"{"token":"\#(token)"}"#.utf8)
                )
                let cookie = ("Cookie", String(try #require(login.header("Set-Cookie")).prefix { $0 != ";" }))

                // While the git host does not answer, the clock is set: it is asked three times for 3 s each.
                let second = try await world.repository.commit([:], message: "Second")
                world.repository.freeze()
                let id = try await world.pushed(second)
                try await eventually("the clone has begun") {
                    try await world.log(id, "clone").contains("fetching") ? true : nil
                }
                let began = ContinuousClock.now
                try clock.set(by: seconds)
                try await eventually("the server's clock is set") { () -> Bool? in
                    let date = try await world.get("/healthz").header("Date") ?? ""
                    return abs(Self.parse(date).timeIntervalSinceNow - Double(seconds)) < 60 ? true : nil
                }
                let stopped = try await world.finished(id)
                #expect(stopped.reason?.code == "git-timeout", "\(stopped)")
                #expect(.seconds(8)...(.seconds(25)) ~= ContinuousClock.now - began)
                world.repository.thaw()

                let third = try await world.repository.commit([:], message: "Third")
                let last = try await world.finished(try await world.pushed(third))
                #expect(last.status == "succeeded" && last.id > id, "\(String(describing: last.reason))")
                #expect(last.stages.allSatisfy { ($0.duration ?? 0) >= 0 && ($0.duration ?? 0) < 60 })
                let runs = try #require(try await world.get("/api/v1/runs").json()["runs"] as? [[String: Any]])
                #expect(runs.compactMap { $0["id"] as? Int } == [Int(last.id), Int(id), Int(first.id)])
                #expect(try await world.get("/api/v1/session", headers: [cookie]).status == 200)
                #expect(try await world.get("/api/v1/runs", token: token).status == 200)
            }
        }

        private static func parse(_ date: String) -> Date {
            let formatter = DateFormatter()
            formatter.locale = Locale(identifier: "en_US_POSIX")
            formatter.timeZone = TimeZone(identifier: "GMT")
            formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
            return formatter.date(from: date) ?? .distantPast
        }
    }
}
