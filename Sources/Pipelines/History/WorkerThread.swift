import Glibc

/// One thread for work that blocks. The body ends by itself; ``join()`` waits for that.
///
/// Sendable because nothing changes after `init`, and `join` is called once, by the owner.
final class WorkerThread: @unchecked Sendable {
    private var thread = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Body(run: body))
        let code = pthread_create(&thread, nil, runBody, box.toOpaque())
        precondition(code == 0, "no thread could be started: errno \(code)")
    }

    /// Waits until the body has returned.
    func join() { pthread_join(thread, nil) }
}

private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(run: @escaping @Sendable () -> Void) { self.run = run }
}

private func runBody(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
    return nil
}
