import Glibc

/// Runs blocking work on a thread of its own, never on Swift's pool.
func onThread<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result {
    await withCheckedContinuation { continuation in
        let job = ThreadJob { continuation.resume(returning: work()) }
        var thread = pthread_t()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        let argument = Unmanaged.passRetained(job)
        let code = pthread_create(&thread, &attributes, { argument in
            guard let argument else { return nil }
            Unmanaged<ThreadJob>.fromOpaque(argument).takeRetainedValue().run()
            return nil
        }, argument.toOpaque())
        pthread_attr_destroy(&attributes)
        // No thread to be had: better slowly here than never.
        if code != 0 { argument.takeRetainedValue().run() }
    }
}

private final class ThreadJob: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
