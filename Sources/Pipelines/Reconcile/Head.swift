/// What a ref of a pipeline's repository is at, as the repository itself says.
struct Head: Sendable, Equatable {
    var pipeline: String
    var environment: String
    /// Of the pipeline as it is defined now.
    var definitionHash: String
    /// `refs/heads/main`
    var ref: String
    var revision: String
}

/// What the history knows of a head.
enum HeadKnowledge: Sendable, Equatable {
    /// This run deploys it, or has deployed it, or has a reason why not.
    case run(Int64)
    /// It was seen before, and is not deployed for this reason.
    case seen(Reason)
    /// The pipeline has never had a run of this ref, and nobody has looked at it before.
    case firstSight
    /// Nothing has come of it.
    case missed
}

extension Reason {
    /// A pipeline begins with the first push after it was set up, not with what happens to be there.
    static let firstSight = Reason(
        "first-sight",
        "it was there when Fairlead first looked: push, or start a run by hand, to deploy it"
    )

    static func skipMarker(_ marker: String) -> Reason {
        Reason("skip-marker", "the head commit's message says \(marker)")
    }
}
