import Glibc

/// Small state behind a pthread mutex. (ThreadSanitizer misreads `Synchronization.Mutex`, and `NSLock` loads Foundation.)
///
/// `@unchecked Sendable`: `state` is only touched between lock and unlock, and the mutex stays at one address.
package final class Locked<State>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var state: State

    package init(_ state: State) {
        self.state = state
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// The state, read or replaced as a whole.
    package var value: State {
        get { withLock { $0 } }
        set { withLock { $0 = newValue } }
    }

    package func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }
}
