/// When something must be over.
struct Deadline: Sendable {
    let instant: ContinuousClock.Instant

    var left: Duration { max(.zero, instant - .now) }
    var isOver: Bool { instant <= .now }

    /// The time left, but not more than this.
    func left(atMost limit: Duration) -> Duration { min(left, limit) }
}

extension Duration {
    /// `1.5 s`
    var words: String {
        let seconds = Double(components.seconds) + Double(components.attoseconds) / 1e18
        let tenths = Int((seconds * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
    }
}
