/// Whether the state store answers. Asked at most once a second, however often probes come.
public actor Readiness {
    private let documents: Documents
    private var answer: (moment: ContinuousClock.Instant, trouble: String?)?

    public init(_ documents: Documents) { self.documents = documents }

    /// Nil if it answers.
    public func trouble() async -> String? {
        if let answer, .now - answer.moment < .seconds(1) { return answer.trouble }
        let trouble = await documents.isReachable() ? nil : "the state store does not answer"
        answer = (.now, trouble)
        return trouble
    }
}
