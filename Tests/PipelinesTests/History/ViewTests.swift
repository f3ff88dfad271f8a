import Testing

@testable import Pipelines

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite("Runs as JSON")
struct ViewTests {
    @Test("A queued run: every key is there, what does not apply is null")
    func queued() async throws {
        let fixture = try Fixture()
        let run = try await fixture.push()
        let page = try await fixture.history.runs()
        #expect(page.next == nil)
        let pending = StageName.allCases.map { name in
            """
            {"attempt":0,"duration":null,"finishedAt":null,"logBytes":0,"name":"\(name.rawValue)","reason":null,\
            "startedAt":null,"status":"pending"}
            """
        }
        #expect(
            try json(page.runs) == """
                [{"author":"Mona","duration":null,"environment":"todo","finishedAt":null,"forced":false,"id":\(run),\
                "message":"Mend the gate","pipeline":"todo","queuedAt":"2026-07-01T09:30:00.000Z","reason":null,\
                "ref":"refs/heads/main","revision":"\(IncomingPush.sample("").after)","rollbackTo":null,\
                "stages":[\(pending.joined(separator: ","))],"startedAt":null,"status":"queued","supersededBy":null,\
                "trigger":"push","undo":null,"waitingFor":null}]
                """
        )
    }

    @Test("A run whole: attempts, images, release, smoke test, definition")
    func detail() async throws {
        let fixture = try Fixture()
        let run = try await failedRun(fixture)
        let detail = try #require(try await fixture.history.run(run))
        let definition = try json(Definition.sample())
        let clone = """
            {"attempt":1,"duration":1.5,"finishedAt":"2026-07-01T09:30:02.500Z","logBytes":0,"name":"clone",\
            "reason":null,"startedAt":"2026-07-01T09:30:01.000Z","status":"succeeded"}
            """
        func attempt(_ stage: String, _ number: Int, _ status: String, _ reason: String = "null") -> String {
            """
            {"attempt":\(number),"duration":0,"finishedAt":"2026-07-01T09:30:02.500Z","logBytes":0,\
            "name":"\(stage)","reason":\(reason),"startedAt":"2026-07-01T09:30:02.500Z","status":"\(status)"}
            """
        }
        let fault = #"{"code":"builder-gone","message":"The builder went away."}"#
        let verdict = #"{"code":"smoke-test-failed","message":"1 of 1 checks failed."}"#
        let first = attempt("build", 1, "errored", fault)
        let rest = [
            attempt("build", 2, "succeeded"), attempt("push", 1, "succeeded"), attempt("deploy", 1, "succeeded"),
            attempt("smoke-test", 1, "failed", verdict),
        ]
        #expect(
            try json(detail) == """
                {"attempts":[\(([clone, first] + rest).joined(separator: ","))],"author":"Ada","definition":\(definition),\
                "delivery":"push-0","duration":1.5,"environment":"todo","finishedAt":"2026-07-01T09:30:02.500Z",\
                "forced":false,"id":\(run),"images":[{"digest":"sha256:1","name":"web","origin":"built",\
                "reference":"h/web@sha256:1"}],"message":"Real","pipeline":"todo",\
                "queuedAt":"2026-07-01T09:30:00.000Z","reason":\(verdict),"ref":"refs/heads/main",\
                "release":{"id":1,"services":[{"address":"127.0.0.1:41233","name":"web","port":8000,\
                "url":"http://127.0.0.1:41233"}]},"reruns":[],"revision":"abc","rollbackTo":null,"smokeTest":[{"duration":0.25,\
                "excerpt":"no","message":"status 500","name":"answers","passed":false,"status":500,\
                "wasFailingBefore":false}],\
                "stages":[\(([clone] + rest).joined(separator: ","))],"startedAt":"2026-07-01T09:30:01.000Z",\
                "status":"failed","supersededBy":null,"traceId":"\(detail.traceID)","trigger":"push",\
                "undo":{"reason":"The smoke test said no.","status":"succeeded"},"waitingFor":null}
                """
        )
    }

    /// A run that went all the way, a second apart from its start, and whose smoke test failed.
    private func failedRun(_ fixture: Fixture) async throws -> Int64 {
        let history = fixture.history
        let epoch = try history.beginEpoch()
        let run = try await fixture.push()
        fixture.pass(milliseconds: 1000)
        _ = try await history.claimNext(epoch: epoch)
        _ = try await history.startAttempt(run: run, stage: .clone)
        fixture.pass(milliseconds: 1500)
        func finish(
            _ stage: StageName,
            _ attempt: Int,
            _ status: StageStatus,
            _ output: String,
            _ reason: Reason? = nil
        )
            async throws
        {
            try await history.finishAttempt(
                run: run,
                stage: stage,
                attempt: attempt,
                status: status,
                reason: reason,
                output: Array(output.utf8)
            )
        }
        try await finish(.clone, 1, .succeeded, "{}")
        try await history.setRevision(
            run: run,
            revision: "abc",
            message: "Real\r\n\r\nbody",
            author: "Ada",
            forced: false
        )
        _ = try await history.startAttempt(run: run, stage: .build)
        try await finish(.build, 1, .errored, "", Reason("builder-gone", "The builder went away."))
        let verdict = Reason("smoke-test-failed", "1 of 1 checks failed.")
        let stages: [(StageName, StageStatus, String, Reason?)] = [
            (.build, .succeeded, #"[{"name":"web","id":"i","origin":"built","key":"k"}]"#, nil),
            (
                .push, .succeeded,
                #"{"images":[{"name":"web","origin":"built","key":"k","digest":"sha256:1","reference":"h/web@sha256:1"}]}"#,
                nil
            ),
            (
                .deploy, .succeeded,
                #"{"release":1,"services":[{"name":"web","port":8000,"address":"127.0.0.1:41233"}]}"#, nil
            ),
            (
                .smokeTest, .failed,
                #"{"checks":[{"name":"answers","passed":false,"status":500,"duration":0.25,"message":"status 500","excerpt":"no"}]}"#,
                verdict
            ),
        ]
        for (stage, status, output, reason) in stages {
            let attempt = try await history.startAttempt(run: run, stage: stage)
            try await finish(stage, attempt, status, output, reason)
        }
        try await history.setUndo(run: run, Undo(status: .succeeded, reason: "The smoke test said no."))
        try await history.finishRun(run, status: .failed, reason: verdict)
        return run
    }

    @Test("Stages that a run which has ended never came to are skipped; a check without an answer has status null")
    func unreached() async throws {
        let fixture = try Fixture()
        let run = try await fixture.push()
        let attempt = try await fixture.history.startAttempt(run: run, stage: .smokeTest)
        let output = #"{"checks":[{"name":"a","passed":false,"duration":1,"message":"refused","excerpt":""}]}"#
        try await fixture.history.finishAttempt(
            run: run,
            stage: .smokeTest,
            attempt: attempt,
            status: .errored,
            reason: nil,
            output: Array(output.utf8)
        )
        try await fixture.history.finishRun(run, status: .errored, reason: nil)
        let detail = try #require(try await fixture.history.run(run))
        #expect(detail.summary.stages.map(\.status) == [.skipped, .skipped, .skipped, .skipped, .errored])
        let text = try json(detail)
        #expect(
            text.contains(
                #""smokeTest":[{"duration":1,"excerpt":"","message":"refused","name":"a","passed":false,"status":null,"wasFailingBefore":false}]"#
            )
        )
        #expect(text.contains(#""images":[]"#) && text.contains(#""release":null"#))
        #expect(try await fixture.history.run(99) == nil)
    }

    @Test("Images that are built and not pushed have no digest; reused ones have theirs")
    func builtOnly() async throws {
        let fixture = try Fixture()
        let run = try await fixture.push()
        let attempt = try await fixture.history.startAttempt(run: run, stage: .build)
        let output = """
            [{"name":"api","origin":"reused","key":"k","reference":"h/api@sha256:2"},\
            {"name":"web","id":"i","origin":"built","key":"k"}]
            """
        try await fixture.history.finishAttempt(
            run: run,
            stage: .build,
            attempt: attempt,
            status: .succeeded,
            reason: nil,
            output: Array(output.utf8)
        )
        let images = try #require(try await fixture.history.run(run)).images
        #expect(
            try json(images) == """
                [{"digest":"sha256:2","name":"api","origin":"reused","reference":"h/api@sha256:2"},\
                {"digest":null,"name":"web","origin":"built","reference":null}]
                """
        )
    }

    @Test("What a pipeline serves now")
    func live() async throws {
        let fixture = try Fixture()
        let history = fixture.history
        #expect(try await history.pipelineLive(environment: "todo") == nil)
        let run = try await fixture.push()
        let attempt = try await history.startAttempt(run: run, stage: .deploy)
        let release = try await history.beginRelease(environment: "todo", run: run, body: [], images: [])
        let output = #"{"release":1,"services":[{"name":"web","port":80,"address":"127.0.0.1:5"}]}"#
        try await history.finishAttempt(
            run: run,
            stage: .deploy,
            attempt: attempt,
            status: .succeeded,
            reason: nil,
            output: Array(output.utf8)
        )
        try await history.markLive(release)
        #expect(
            try json(try #require(try await history.pipelineLive(environment: "todo"))) == """
                {"release":1,"revision":"\(IncomingPush.sample("").after)","run":\(run),"services":[\
                {"address":"127.0.0.1:5","name":"web","port":80,"url":"http://127.0.0.1:5"}],\
                "since":"2026-07-01T09:30:00.000Z"}
                """
        )
        #expect(try #require(try await history.pipelineLive(environment: "todo")).redacted().services.isEmpty)
        let stranger = try #require(try await history.run(run)).redacted()
        #expect(stranger.release == nil && stranger.definition == nil && stranger.images.isEmpty)
    }

    private func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
