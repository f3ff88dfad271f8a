/// A switch that is set once.
package final class Latch: Sendable {
    private let state = Locked(false)

    package init() {}

    package var isSet: Bool { state.value }
    package func set() { state.value = true }
}
