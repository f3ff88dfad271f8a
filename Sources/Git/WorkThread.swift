import Glibc

/// Starts a detached thread that takes no signals: a write to a closed socket must not end the process by SIGPIPE,
/// and the program's own signals belong to its own threads.
func startThread(_ body: @escaping @Sendable () -> Void) throws(GitError) {
    let box = Unmanaged.passRetained(ThreadBody(run: body))
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    // A thread inherits the mask of the one that starts it.
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let status = pthread_create(
        &thread,
        &attributes,
        { argument in
            // Not nil: it is the box that is handed over below.
            Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue().run()
            return nil
        },
        box.toOpaque()
    )
    guard status != 0 else { return }
    box.release()
    throw GitError(.other, "cannot start a thread: \(String(cString: strerror(status)))")
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Runs blocking work on a thread of its own. Cancelling the task cancels the job, which the work has to look at.
func onOwnThread<Result: Sendable>(
    _ job: Job,
    _ work: @escaping @Sendable (Job) throws -> Result
) async throws -> Result {
    try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Result, any Error>) in
            do {
                try startThread {
                    Library.start()
                    continuation.resume(with: Swift.Result { try job.run(work) })
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    } onCancel: {
        job.cancel()
    }
}
