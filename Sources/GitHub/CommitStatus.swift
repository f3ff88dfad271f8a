import HTTPClient

/// What a commit's page shows of a run.
public struct CommitStatus: Sendable, Equatable {
    public enum State: String, Sendable, Codable { case pending, success, failure, error }

    public var state: State
    /// GitHub shows 140 characters; more is cut.
    public var description: String
    /// Tells this status from others of the commit: `fairlead/ENVIRONMENT`.
    public var context: String
    /// Where the run can be looked at; nil where the server has no public address.
    public var link: String?

    public init(state: State, description: String, context: String, link: String?) {
        self.state = state
        self.description = description
        self.context = context
        self.link = link
    }
}

extension GitHubAPI {
    /// Sets a status on a commit. GitHub keeps at most 1,000 for each commit and context.
    ///
    /// - Parameters:
    ///   - repository: `owner/name`.
    ///   - revision: The full commit id.
    public func setStatus(
        _ status: CommitStatus,
        on revision: String,
        of repository: String
    ) async throws(GitHubError) {
        struct Body: Encodable {
            var state: CommitStatus.State
            var description: String
            var context: String
            var link: String?
            enum CodingKeys: String, CodingKey {
                case state, description, context
                case link = "target_url"
            }
        }
        let _: Nothing = try await send(
            "POST",
            "\(path(ofRepository: repository))/statuses/\(revision.percentEncoded)",
            Body(
                state: status.state,
                description: cut(status.description),
                context: status.context,
                link: status.link
            ),
            about: "the status of \(revision.prefix(7)) in \(repository)",
            repository: repository
        )
    }
}
