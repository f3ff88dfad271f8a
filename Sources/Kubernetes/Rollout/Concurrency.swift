/// Works on all items, so many at a time. After a failure no further item is begun; those that were begun are waited
/// for, so that nothing is left half done.
///
/// - Returns: the results in the order of the items.
/// - Throws: the error of the first item, in their order, that failed.
func inParallel<Item: Sendable, Value: Sendable>(
    _ items: [Item],
    atMost width: Int,
    _ work: @escaping @Sendable (Item) async throws -> Value
) async throws -> [Value] {
    let results = await withTaskGroup(of: (Int, Result<Value, any Error>).self) { group in
        var results: [Int: Result<Value, any Error>] = [:]
        var next = 0
        var hasFailed = false
        func begin() {
            guard next < items.count, !hasFailed, !Task.isCancelled else { return }
            let (index, item) = (next, items[next])
            next += 1
            group.addTask {
                do { return (index, .success(try await work(item))) } catch { return (index, .failure(error)) }
            }
        }
        for _ in 0..<max(1, width) { begin() }
        while let (index, result) = await group.next() {
            results[index] = result
            if case .failure = result { hasFailed = true }
            begin()
        }
        return results
    }
    let values = try results.sorted { $0.key < $1.key }.map { try $0.value.get() }
    guard values.count == items.count else { throw CancellationError() }
    return values
}

/// Work that is not broken off by a cancellation at once: for a change that is on its way to the server, which may make
/// it after we have gone.
///
/// - Parameter grace: how long it may take from then on.
func finishing<Value: Sendable>(
    within grace: Duration,
    _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let task = Task { try await work() }
    return try await withTaskCancellationHandler {
        try await task.value
    } onCancel: {
        Task {
            try? await Task.sleep(for: grace)
            task.cancel()
        }
    }
}

/// - Returns: what the work gives; nil if the time was over first. It is cancelled then, and waited for.
func withDeadline<Value: Sendable>(
    _ end: ContinuousClock.Instant,
    _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await work() }
        group.addTask {
            try await Task.sleep(until: end, clock: .continuous)
            return nil
        }
        defer { group.cancelAll() }
        if let value = try await group.next() ?? nil { return value }
        group.cancelAll()
        // It may have been finished in the same moment.
        return try? await group.next() ?? nil
    }
}
