import GitHub
import HTTPClient
import Logging
import Testing

@testable import Pipelines

@Suite("GitHub is told")
struct ReporterTests {
    private struct Scene {
        let fixture: Fixture
        let history: History
        let epoch: Int64
        let server: AnswerServer
        let client = HTTPClient()

        /// The API at the server that answers here, as GitHub Enterprise has it.
        func enterprise() -> ServerSettings {
            var settings = ServerSettings(folder: ".")
            settings.github = .init(method: .token(SecretValue("t")), api: "http://127.0.0.1:\(server.port)/api/v3")
            return settings
        }

        init(_ answer: @escaping @Sendable (Int, String) -> AnswerServer.Answer?) throws {
            fixture = try Fixture()
            history = fixture.history
            history.report(by: ReportRules(url: "https://deploy.example"))
            epoch = try history.beginEpoch()
            server = try AnswerServer(answer)
        }

        /// Lets the reporter work until `count` requests were made, or 20 s are over.
        func work(until count: Int, api: GitHubAPI? = nil) async throws {
            let api = api ?? GitHubAPI(credential: .token("t"), api: "http://127.0.0.1:\(server.port)", client: client)
            let reporter = Task { await Reporter(history: history, api: api, logger: Logger(label: "test")).run() }
            let end = ContinuousClock.now + .seconds(60)
            while server.heads.count < count, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(20)) }
            // What was answered is recorded before the reporter ends.
            while try await history.dueReports().isEmpty == false, ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(20))
            }
            reporter.cancel()
            await reporter.value
        }
    }

    @Test("A queued run is a pending status; one that deploys is a deployment too, made once")
    func road() async throws {
        let scene = try Scene { _, head in
            .init(status: 201, body: head.hasPrefix("POST /repos/acme/todo/deployments HTTP") ? #"{"id":42}"# : "{}")
        }
        defer { scene.client.close() }
        let run = try await scene.fixture.push()
        try await scene.work(until: 1)
        let revision = IncomingPush.sample("").after
        let first = try #require(scene.server.heads.first)
        #expect(first.hasPrefix("POST /repos/acme/todo/statuses/\(revision) "))
        #expect(first.contains(#""state":"pending""#) && first.contains(#""context":"fairlead\/todo""#), "\(first)")
        #expect(first.contains("Authorization: Bearer t"))

        _ = try await scene.history.claimNext(epoch: scene.epoch)
        _ = try await scene.history.beginRelease(environment: "todo", run: run, body: [1], images: [])
        try await scene.work(until: 4)
        try await scene.history.finishRun(run, status: .succeeded, reason: nil)
        try await scene.work(until: 6)
        let paths = scene.server.heads.map { String($0.split(separator: " ")[1]) }
        #expect(paths.filter { $0 == "/repos/acme/todo/deployments" }.count == 1, "\(paths)")
        #expect(paths.filter { $0 == "/repos/acme/todo/deployments/42/statuses" }.count == 2, "\(paths)")
        #expect(scene.server.heads.suffix(2).allSatisfy { $0.contains(#""state":"success""#) })
        #expect(try await scene.history.nextReportAt() == nil)
    }

    @Test("GitHub Enterprise on a port of its own is told too")
    func enterprise() async throws {
        let scene = try Scene { _, _ in .init(status: 201, body: #"{"id":42}"#) }
        defer { scene.client.close() }
        let settings = scene.enterprise()
        scene.history.report(by: ReportRules(settings))
        var definition = Definition.sample()
        definition.source.github = nil
        definition.source.git = "http://127.0.0.1:\(scene.server.port)/acme/todo.git"
        let run = try await scene.history.enqueueManual(
            pipeline: "todo",
            environment: "todo",
            definitionHash: try await scene.history.registerDefinition(definition),
            ref: "refs/heads/main",
            revision: "c3",
            by: nil
        )
        let api = try #require(try settings.gitHubAPI(client: scene.client))
        try await scene.work(until: 1, api: api)
        #expect(scene.server.heads.first?.hasPrefix("POST /api/v3/repos/acme/todo/statuses/c3 ") == true)
        _ = try await scene.history.claimNext(epoch: scene.epoch)
        _ = try await scene.history.beginRelease(environment: "todo", run: run, body: [1], images: [])
        try await scene.work(until: 4, api: api)
        let paths = scene.server.heads.map { String($0.split(separator: " ")[1]) }
        #expect(
            paths.suffix(2) == [
                "/api/v3/repos/acme/todo/deployments", "/api/v3/repos/acme/todo/deployments/42/statuses",
            ],
            "\(paths)"
        )
    }

    @Test("A GitHub with a fault is asked again later; what it will never take is given up")
    func faults() async throws {
        let scene = try Scene { number, _ in .init(status: number == 0 ? 502 : 422, body: #"{"message":"no"}"#) }
        defer { scene.client.close() }
        _ = try await scene.fixture.push()
        try await scene.work(until: 1)
        // Not due now, and not forgotten.
        #expect(try await scene.history.dueReports().isEmpty)
        let next = try #require(try await scene.history.nextReportAt())
        scene.fixture.pass(milliseconds: 3_600_000)
        #expect(try await scene.history.dueReports().map(\.tries) == [1] && next > 0)
        try await scene.work(until: 2)
        #expect(try await scene.history.nextReportAt() == nil)
        #expect(scene.server.heads.count == 2)
    }
}
