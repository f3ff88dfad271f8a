import Foundation

/// Small state behind a lock. NSLock, because ThreadSanitizer misreads `Synchronization.Mutex`.
package final class Locked<Value>: @unchecked Sendable {
    // Unchecked: `stored` is only touched while `lock` is held.
    private let lock = NSLock()
    private var stored: Value

    package init(_ value: Value) { stored = value }

    /// The value, read or replaced as a whole.
    package var value: Value {
        get { withLock { $0 } }
        set { withLock { $0 = newValue } }
    }

    package func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&stored)
    }
}

/// A switch that is set once.
package final class Flag: Sendable {
    private let state = Locked(false)

    package init() {}

    package var isSet: Bool { state.value }
    package func set() { state.value = true }
}
