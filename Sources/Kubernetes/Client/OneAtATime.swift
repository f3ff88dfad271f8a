/// Does a thing once for all who ask while it is being done. Who is cancelled stops waiting; the thing goes on.
actor OneAtATime<Value: Sendable> {
    private var waiting: [Int: CheckedContinuation<Value, any Error>] = [:]
    private var lastNumber = 0
    private var isRunning = false

    func run(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        lastNumber += 1
        let number = lastNumber
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                waiting[number] = continuation
                guard !isRunning else { return }
                isRunning = true
                Task {
                    do {
                        finish(.success(try await body()))
                    } catch {
                        finish(.failure(error))
                    }
                }
            }
        } onCancel: {
            Task { await leave(number) }
        }
    }

    private func finish(_ result: Result<Value, any Error>) {
        isRunning = false
        for continuation in waiting.values { continuation.resume(with: result) }
        waiting = [:]
    }

    private func leave(_ number: Int) {
        waiting.removeValue(forKey: number)?.resume(throwing: CancellationError())
    }
}
