import Testing

/// Every peer, every way in which it can fail, in every stage that speaks to it.
extension EndToEnd {
    @Suite("The fault table", SharedFaultWorld()) struct FaultTableTests {
        @Test("a run that meets a fault ends as it should, and leaves nothing", arguments: FaultTable.cells.indices)
        func cell(_ number: Int) async throws {
            try await #require(FaultWorld.current).run(FaultTable.cells[number], number: number)
        }
    }
}

/// Makes one world for all tests of a suite.
struct SharedFaultWorld: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        try await FaultWorld.run(lanes: 8) { try await function() }
    }
}
