import GRDB
import Testing

@testable import Pipelines

@Suite("What GitHub is to be told")
struct ReportTests {
    private static let rules = ReportRules(url: "https://deploy.example")

    private func fixture(rules: ReportRules? = Self.rules) throws -> (Fixture, History, Int64) {
        let fixture = try Fixture()
        fixture.history.report(by: rules)
        return (fixture, fixture.history, try fixture.history.beginEpoch())
    }

    private func states(_ history: History) async throws -> [String] {
        try await history.dueReports().map { "\($0.run) \($0.kind.rawValue) \($0.state.rawValue): \($0.description)" }
    }

    @Test("Accepting a push writes none; whoever sends them notes the queued run, once")
    func queued() async throws {
        let (fixture, history, _) = try fixture()
        let run = try await fixture.push()
        #expect(try fixture.outside { try Int.fetchOne($0, sql: "SELECT count(*) FROM reports") } == 0)
        #expect(try await history.reportQueuedRuns() == 1)
        #expect(try await history.reportQueuedRuns() == 0)
        let report = try #require(try await history.dueReports().first)
        #expect(
            report
                == ReportRecord(
                    id: report.id,
                    run: run,
                    repository: "acme/todo",
                    revision: String(repeating: "a1", count: 20),
                    environment: "todo",
                    kind: .status,
                    state: .pending,
                    description: "Run \(run) is queued",
                    targetURL: "https://deploy.example/runs/\(run)",
                    createdAt: 1_782_898_200_000,
                    tries: 0,
                    externalID: nil
                )
        )
    }

    @Test("A run's way is noted with each change, and what was not sent yet is overtaken")
    func wholeRun() async throws {
        let (fixture, history, epoch) = try fixture()
        let run = try await fixture.push()
        try await history.reportQueuedRuns()
        _ = try await history.claimNext(epoch: epoch)
        #expect(try await states(history) == ["1 status pending: Run 1 is running"])
        let running = try #require(try await history.dueReports().first)
        try await history.markReportDone(running.id)
        #expect(try await states(history) == [])

        let release = try await history.beginRelease(environment: "todo", run: run, body: [1], images: [])
        #expect(try await states(history) == ["1 deployment in_progress: Run 1 deploys to todo"])
        let deployment = try #require(try await history.dueReports().first)
        try await history.markReportDone(deployment.id, externalID: 4711)

        try await history.markLive(release)
        try await history.finishRun(run, status: .succeeded, reason: nil)
        #expect(
            try await states(history) == [
                "1 status success: Run 1 succeeded", "1 deployment success: Run 1 succeeded",
            ]
        )
        // The deployment's number comes along.
        #expect(try await history.dueReports().map(\.externalID) == [nil, 4711])
    }

    @Test("A run that is run again is told of again, with the deployment that it had")
    func rerun() async throws {
        let (fixture, history, epoch) = try fixture()
        let run = try await fixture.push()
        _ = try await history.claimNext(epoch: epoch)
        let release = try await history.beginRelease(environment: "todo", run: run, body: [1], images: [])
        try await history.markUndone(release)
        try await history.finishRun(run, status: .failed, reason: nil)
        for report in try await history.dueReports() {
            try await history.markReportDone(report.id, externalID: report.kind == .deployment ? 4711 : nil)
        }
        let rerun = try await history.rerun(run: run, from: nil, fresh: false, hold: .untilResumed, by: nil)
        #expect(rerun == .success(.clone))
        #expect(try await states(history) == ["1 status pending: Run 1 is queued"])
        _ = try await history.claimNext(epoch: epoch)
        _ = try await history.beginRelease(environment: "todo", run: run, body: [1], images: [])
        #expect(
            try await states(history) == [
                "1 status pending: Run 1 is running", "1 deployment in_progress: Run 1 deploys to todo",
            ]
        )
        #expect(try await history.dueReports().map(\.externalID) == [nil, 4711])
    }

    @Test(
        "Every end has its word, and no reason's sentence leaves the server",
        arguments: [
            (.failed, "failure", "failure", "failed: some-code"), (.errored, "error", "error", "errored: some-code"),
            (.cancelled, "error", "error", "was cancelled: some-code"),
            (.skipped, "success", "inactive", "was skipped: some-code"),
        ] as [(RunStatus, String, String, String)]
    )
    func ends(status: RunStatus, commit: String, deployment: String, words: String) async throws {
        let (fixture, history, epoch) = try fixture()
        let run = try await fixture.push()
        _ = try await history.claimNext(epoch: epoch)
        _ = try await history.beginRelease(environment: "todo", run: run, body: [1], images: [])
        try await history.finishRun(run, status: status, reason: Reason("some-code", "The password was hunter2."))
        #expect(
            try await states(history) == [
                "1 status \(commit): Run 1 \(words)", "1 deployment \(deployment): Run 1 \(words)",
            ]
        )
    }

    @Test("A run that is superseded is told of only if its beginning was")
    func superseded() async throws {
        let (fixture, history, epoch) = try fixture()
        let told = try await fixture.push()
        try await history.reportQueuedRuns()
        let untold = try await fixture.push()
        let newest = try await fixture.push()
        _ = try await history.claimNext(epoch: epoch)
        #expect(
            try await states(history).sorted() == [
                "\(told) status error: Run \(told) was superseded by run \(newest)",
                "\(newest) status pending: Run \(newest) is running",
            ]
        )
        #expect(try await history.record(run: untold)?.status == .superseded)
        let queued = try await fixture.push()
        try await history.reportQueuedRuns()
        _ = try await history.requestCancel(run: queued)
        #expect(try await states(history).contains("\(queued) status error: Run \(queued) was cancelled: cancelled"))
    }

    @Test("A revision that the repository names later is noted when it is known")
    func laterRevision() async throws {
        let (fixture, history, epoch) = try fixture()
        let hash = try await fixture.register()
        let run = try await history.enqueueManual(
            pipeline: "todo",
            environment: "todo",
            definitionHash: hash,
            ref: "refs/heads/main",
            revision: nil,
            by: "mona"
        )
        #expect(try await history.reportQueuedRuns() == 0)
        _ = try await history.claimNext(epoch: epoch)
        #expect(try await states(history) == [])
        try await history.setRevision(run: run, revision: "b2", message: nil, author: nil, forced: false)
        try await history.setRevision(run: run, revision: "b2", message: nil, author: nil, forced: false)
        #expect(try await history.dueReports().map(\.revision) == ["b2"])
    }

    @Test("Nothing is noted without rules")
    func withoutRules() async throws {
        let (fixture, history, epoch) = try fixture(rules: nil)
        let run = try await fixture.push()
        #expect(try await history.reportQueuedRuns() == 0)
        _ = try await history.claimNext(epoch: epoch)
        _ = try await history.beginRelease(environment: "todo", run: run, body: [1], images: [])
        try await history.finishRun(run, status: .succeeded, reason: nil)
        #expect(try fixture.outside { try Int.fetchOne($0, sql: "SELECT count(*) FROM reports") } == 0)
    }

    @Test(
        "Only repositories at GitHub are reported",
        arguments: [
            ("https://github.com/Acme/todo.git", "acme/todo"), ("git@github.com:acme/todo.git", "acme/todo"),
            ("https://github.com:443/acme/todo.git", "acme/todo"), ("https://github.com:8443/acme/todo.git", nil),
            ("https://GHE.example:8443/acme/todo", "acme/todo"), ("https://ghe.example/acme/todo", nil),
            ("git@ghe.example:acme/todo.git", "acme/todo"), ("ssh://git@ghe.example:122/acme/todo", "acme/todo"),
            ("git@ghe.example.org:acme/todo.git", nil), ("https://git.example/acme/todo.git", nil),
            ("https://github.com/acme/todo/wiki.git", nil), ("file:///srv/todo.git", nil),
        ]
    )
    func repositories(url: String, repository: String?) async throws {
        var rules = Self.rules
        rules.hosts.insert(GitHubHost(name: "ghe.example", port: 8443))
        let (fixture, history, epoch) = try fixture(rules: rules)
        defer { withExtendedLifetime(fixture) {} }
        var definition = Definition.sample()
        definition.source.github = nil
        definition.source.git = url
        _ = try await history.enqueueManual(
            pipeline: "todo",
            environment: "todo",
            definitionHash: try await history.registerDefinition(definition),
            ref: "refs/heads/main",
            revision: "c3",
            by: nil
        )
        _ = try await history.claimNext(epoch: epoch)
        #expect(try await history.dueReports().map(\.repository) == [repository].compactMap(\.self))
    }

    @Test("What fails is tried again later and later, and after three days no more")
    func backoff() async throws {
        let (fixture, history, _) = try fixture()
        _ = try await fixture.push()
        try await history.reportQueuedRuns()
        let id = try #require(try await history.dueReports().first).id
        for expected: Int64 in [10, 20, 40] {
            let time = fixture.clock.withLock { $0 }
            try await history.retryReport(id, error: "503")
            #expect(try await history.dueReports() == [])
            #expect(try await history.nextReportAt() == time + expected * 1000)
            fixture.pass(milliseconds: expected * 1000)
            #expect(try await history.dueReports().count == 1)
        }
        #expect(try await history.dueReports().first?.tries == 3)
        for _ in 0..<20 { try await history.retryReport(id, error: "503", externalID: 9) }
        #expect(try await history.nextReportAt() == fixture.clock.withLock { $0 } + 3_600_000)
        let time = fixture.clock.withLock { $0 }
        try await history.retryReport(id, error: "429", notBefore: time + 7_200_000)
        #expect(try await history.nextReportAt() == time + 3_600_000)
        fixture.pass(milliseconds: 3 * 86_400_000 + 1)
        #expect(try await history.dueReports().first?.externalID == 9)
        try await history.retryReport(id, error: "503")
        #expect(try await history.nextReportAt() == nil)
        #expect(try fixture.outside { try String.fetchOne($0, sql: "SELECT error FROM reports") } == "503")
    }

    @Test("A clock that is set back or forward puts nothing off", arguments: [-3600, 3600, -365 * 86_400] as [Int64])
    func clockSteps(seconds: Int64) async throws {
        let (fixture, history, _) = try fixture()
        _ = try await fixture.push()
        try await history.reportQueuedRuns()
        let id = try #require(try await history.dueReports().first).id
        try await history.retryReport(id, error: "503")
        #expect(try await history.dueReports() == [])
        fixture.pass(milliseconds: seconds * 1000)
        #expect(try await history.dueReports().map(\.id) == [id])
        #expect(try #require(try await history.nextReportAt()) <= fixture.clock.withLock { $0 })
    }

    @Test("What is given up or done is not due, and goes after a while")
    func expire() async throws {
        let (fixture, history, epoch) = try fixture()
        let run = try await fixture.push()
        try await history.reportQueuedRuns()
        try await history.giveUpReport(try #require(try await history.dueReports().first).id, error: "404")
        #expect(try await history.dueReports() == [])
        _ = try await history.claimNext(epoch: epoch)
        let time = fixture.clock.withLock { $0 }
        #expect(try await history.expireReports(before: time) == 0)
        #expect(try await history.expireReports(before: time + 1) == 1)
        #expect(try await history.dueReports().map(\.run) == [run])
    }

    @Test("A settings file without GitHub reports nothing; another host's API makes that host known")
    func rulesOfSettings() throws {
        var settings = ServerSettings(folder: ".")
        #expect(ReportRules(settings) == nil)
        settings.github = .init(method: .token(SecretValue("t")), api: "https://api.github.com")
        settings.url = "https://deploy.example"
        let github = GitHubHost(name: "github.com")
        #expect(ReportRules(settings)?.hosts == [github] && ReportRules(settings)?.url == settings.url)
        for (api, port) in [("https://GHE.example/api/v3", nil), ("https://ghe.example:8443/api/v3", 8443)] {
            settings.github?.api = api
            #expect(ReportRules(settings)?.hosts == [github, GitHubHost(name: "ghe.example", port: port)])
        }
    }
}
