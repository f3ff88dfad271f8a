import Glibc

/// Calls that block run on threads of their own: the Swift pool has as few threads as the machine has cores.
enum OwnThread {
    private final class Work {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    static func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            let work = Unmanaged.passRetained(Work { continuation.resume(returning: body()) })
            var thread = pthread_t()
            let status = pthread_create(
                &thread,
                nil,
                { argument in
                    Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().body()
                    return nil
                },
                work.toOpaque()
            )
            if status == 0 {
                pthread_detach(thread)
            } else {
                // No thread to be had: then here, rather than not at all.
                work.takeRetainedValue().body()
            }
        }
    }
}
