import FoundationEssentials
import HTTPClient
import Testing

@testable import Pipelines

@Suite("Checks that failed before the deploy")
struct EarlierFaultsTests {
    private func check(_ get: String, retryFor: Double = 0, status: Int = 200) -> Definition.SmokeCheck {
        Definition.SmokeCheck(
            name: get,
            address: get,
            headers: [:],
            expect: .init(status: status, json: [:], body: nil, headers: [:], within: nil),
            retryFor: retryFor,
            retryEvery: 0.02
        )
    }

    private func definition(_ checks: [Definition.SmokeCheck], namespace: String = "todo") -> Definition {
        var definition = ManifestSample.definition()
        definition.smokeTest = checks
        definition.deploy.namespace = namespace
        return definition
    }

    private func inProgress(_ definition: Definition, _ server: TestServer) async throws -> RunInProgress {
        let id = try await server.run(definition)
        let record = try #require(try await server.history.record(run: id))
        return RunInProgress(
            ClaimedRun(run: record, definition: definition, attempts: []),
            needs: server.needs
        )
    }

    /// A live release whose one Service is where `answers` listens.
    private func live(_ definition: Definition, _ answers: AnswerServer, _ server: TestServer) async throws {
        let release = try await server.liveRelease(definition)
        let run = try #require(try await server.history.live(environment: "todo")).run
        let output = DeployOutput(
            release: release,
            services: [ServiceEndpoint(name: "web", port: 80, address: "127.0.0.1:\(answers.port)")]
        )
        let attempt = try await server.history.startAttempt(run: run, stage: .deploy)
        try await server.history.finishAttempt(
            run: run,
            stage: .deploy,
            attempt: attempt,
            status: .succeeded,
            reason: nil,
            output: Array(try JSONEncoder().encode(output))
        )
    }

    private static func answers() throws -> AnswerServer {
        try AnswerServer { _, head in .init(status: head.contains("GET /good") ? 200 : 500) }
    }

    @Test("each check of the live release is asked once; one that is new, or expects something else, is not")
    func onlyOldChecks() async throws {
        let answers = try Self.answers()
        let server = try TestServer()
        let outside = "http://127.0.0.1:\(answers.port)"
        let old = [
            check("service://web:80/good"), check("service://web:80/bad"), check("\(outside)/bad"),
            check("\(outside)/other", status: 404),
        ]
        try await live(definition(old), answers, server)
        let now = [
            check("\(outside)/new"), check("\(outside)/bad", retryFor: 600), check("service://web:80/good"),
            check("service://web:80/bad", retryFor: 600), check("\(outside)/other"),
        ]
        let run = try await inProgress(definition(now), server)
        let log = CollectedLog()
        #expect(try await EarlierFaults(run: run, log: log).find(try run.target) == [1, 3])
        #expect(answers.heads.count == 3)
        #expect(log.text.contains("before anything is changed"))
    }

    @Test("an environment that has moved is asked only from outside; without a live release nothing is")
    func elsewhere() async throws {
        let answers = try Self.answers()
        let server = try TestServer()
        let checks = [check("service://web:80/bad"), check("http://127.0.0.1:\(answers.port)/bad")]
        let first = try await inProgress(definition(checks), server)
        #expect(try await EarlierFaults(run: first, log: CollectedLog()).find(try first.target) == [])
        try await live(definition(checks), answers, server)
        let moved = try await inProgress(definition(checks, namespace: "other"), server)
        #expect(try await EarlierFaults(run: moved, log: CollectedLog()).find(try moved.target) == [1])
        #expect(answers.heads.count == 1)
    }

    @Test("nothing is changed: what is no GET, captures, or needs what is captured is not asked")
    func onlyIndependentChecks() async throws {
        let answers = try Self.answers()
        let server = try TestServer()
        let outside = "http://127.0.0.1:\(answers.port)"
        var checks = Definition.SmokeCheck.Method.allCases.map { method in
            var check = check("\(outside)/\(method.rawValue)")
            check.method = method
            return check
        }
        checks.append(check("\(outside)/captures"))
        checks[5].capture = ["task": "id"]
        checks.append(check("\(outside)/{{task}}"))
        checks.append(check("\(outside)/last"))
        try await live(definition(checks), answers, server)
        let run = try await inProgress(definition(checks), server)
        #expect(try await EarlierFaults(run: run, log: CollectedLog()).find(try run.target) == [0, 7])
        #expect(Set(answers.heads.map { $0.prefix { $0 != "\r\n" } }) == ["GET /get HTTP/1.1", "GET /last HTTP/1.1"])
    }

    struct Verdict: Sendable {
        var failingBefore: [Int]?
        var code: String
        var labels: [Bool]
        var words: String
    }

    @Test(
        "a verdict tells what failed before from what fails now",
        arguments: [
            Verdict(failingBefore: nil, code: "smoke-test-failed", labels: [false, false, false], words: "2 of 3"),
            Verdict(failingBefore: [1], code: "smoke-test-failed", labels: [false, true, false], words: "/worse"),
            Verdict(
                failingBefore: [0, 1, 2],
                code: "smoke-test-failed-before",
                labels: [true, true, true],
                words: "as before the deploy"
            ),
        ]
    )
    func verdicts(expected: Verdict) async throws {
        let answers = try Self.answers()
        let server = try TestServer()
        let outside = "http://127.0.0.1:\(answers.port)"
        let checks = [check("\(outside)/good"), check("\(outside)/bad"), check("\(outside)/worse")]
        let run = try await inProgress(definition(checks), server)
        let release = DeployOutput(release: 1, services: [], failingBefore: expected.failingBefore)
        let error = await #expect(throws: StageError.self) {
            _ = try await SmokeTestStage(run: run, log: CollectedLog()).run(release)
        }
        #expect(error?.outcome == .failed && error?.reason.code == expected.code)
        #expect(error?.reason.message.contains(expected.words) == true, "\(error?.reason.message ?? "")")
        let output = try JSONDecoder().decode(SmokeOutput.self, from: Data(error?.output ?? []))
        #expect(output.checks.map(\.wasFailingBefore) == expected.labels)
        #expect(output.checks.map(\.passed) == [true, false, false])
    }

    @Test("a check that was mended by the deploy passes")
    func mended() async throws {
        let answers = try Self.answers()
        let server = try TestServer()
        let run = try await inProgress(definition([check("http://127.0.0.1:\(answers.port)/good")]), server)
        let output = try await SmokeTestStage(run: run, log: CollectedLog()).run(
            DeployOutput(release: 1, services: [], failingBefore: [0])
        )
        #expect(output.checks.map(\.passed) == [true] && output.checks.map(\.wasFailingBefore) == [true])
    }
}
