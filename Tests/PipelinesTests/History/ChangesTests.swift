import Testing

@testable import Pipelines

@Suite("Announced changes")
struct ChangesTests {
    @Test("A change is announced to every subscriber after its commit")
    func announced() async throws {
        let fixture = try Fixture()
        var first = fixture.history.changes().makeAsyncIterator()
        var second = fixture.history.changes().makeAsyncIterator()
        let run = try await fixture.push()
        #expect(await first.next() == .run(run))
        #expect(await first.next() == .queue)
        #expect(await second.next() == .run(run))
        try await fixture.history.finishRun(run, status: .skipped, reason: nil)
        #expect(await first.next() == .run(run))
    }

    @Test("A subscriber that waits gets the change when it comes")
    func waiting() async throws {
        let fixture = try Fixture()
        let stream = fixture.history.changes()
        async let change = stream.first { _ in true }
        let run = try await fixture.push()
        #expect(await change == .run(run))
    }

    @Test("A change that waits to be read is not added again")
    func coalesced() async throws {
        let announcer = Announcer()
        var changes = announcer.subscribe().makeAsyncIterator()
        announcer.announce([.run(1), .queue, .run(1), .queue, .run(2)])
        announcer.announce([.queue])
        #expect(await changes.next() == .run(1))
        announcer.announce([.run(1)])
        #expect(await changes.next() == .queue)
        #expect(await changes.next() == .run(2))
        #expect(await changes.next() == .run(1))
    }

    @Test("A subscriber that is too slow is told to read everything anew, and then what is newest")
    func overflow() async throws {
        let announcer = Announcer()
        var changes = announcer.subscribe().makeAsyncIterator()
        announcer.announce((0..<1030).map { .run($0) })
        #expect(await changes.next() == .reset)
        for run in 1024..<1030 as Range<Int64> { #expect(await changes.next() == .run(run)) }
    }

    @Test("Closing the history ends the streams, after what was announced")
    func ends() async throws {
        let fixture = try Fixture()
        let stream = fixture.history.changes()
        let run = try await fixture.push()
        try fixture.history.close()
        var seen: [Change] = []
        for await change in stream { seen.append(change) }
        #expect(seen == [.run(run), .queue])
    }

    @Test("A subscriber that goes away is forgotten; one whose task is cancelled ends")
    func leaving() async throws {
        let announcer = Announcer()
        do {
            let stream = announcer.subscribe()
            #expect(announcer.hearsRuns)
            let task = Task { for await _ in stream {} }
            task.cancel()
            await task.value
        }
        try await eventually("the subscriber is still there") { !announcer.hearsRuns }
    }
}
