import Testing

@testable import Pipelines

@Suite("Slots", .timeLimit(.minutes(1)))
struct SlotsTests {
    @Test("As many are given as there are, and each comes back when nobody holds it")
    func counts() async throws {
        let slots = Slots(2)
        let first = try await slots.take()
        var second: Slot? = try await slots.take()
        let order = Locked<[Int]>([])
        let (asked, ask) = AsyncStream<Void>.makeStream()
        var waiting = asked.makeAsyncIterator()
        var tasks: [Task<Void, any Error>] = []
        for number in 1...3 {
            tasks.append(
                Task {
                    let slot = try await slots.take { ask.yield() }
                    order.withLock { $0.append(number) }
                    withExtendedLifetime(slot) {}
                }
            )
            _ = await waiting.next()
        }
        #expect(order.value == [])
        second = nil
        for task in tasks { try await task.value }
        #expect(order.value == [1, 2, 3])
        #expect(second == nil)
        withExtendedLifetime(first) {}
    }

    @Test("Who is cancelled while waiting goes at once, and whoever is behind it keeps its turn")
    func cancel() async throws {
        let slots = Slots(1)
        var held: Slot? = try await slots.take()
        let (asked, ask) = AsyncStream<Void>.makeStream()
        var waiting = asked.makeAsyncIterator()
        let one = Task { try await slots.with(waiting: { ask.yield() }) { 1 } }
        _ = await waiting.next()
        let two = Task { try await slots.with(waiting: { ask.yield() }) { 2 } }
        _ = await waiting.next()
        one.cancel()
        await #expect(throws: CancellationError.self) { try await one.value }
        held = nil
        #expect(try await two.value == 2)
        #expect(held == nil)
    }

    @Test("No slot is lost when many take, give back and are cancelled at once")
    func many() async throws {
        let slots = Slots(3)
        let most = Locked((now: 0, ever: 0))
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<300 {
                group.addTask {
                    let task = Task {
                        try await slots.with {
                            most.withLock { most in
                                most.now += 1
                                most.ever = max(most.ever, most.now)
                            }
                            await Task.yield()
                            most.withLock { $0.now -= 1 }
                        }
                    }
                    if number.isMultiple(of: 3) { task.cancel() }
                    _ = await task.result
                }
            }
        }
        #expect(most.value.ever <= 3 && most.value.now == 0)
        var all: [Slot] = []
        for _ in 0..<3 { all.append(try await slots.take { Issue.record("a slot was lost") }) }
        #expect(all.count == 3)
    }
}
