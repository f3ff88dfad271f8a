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

/// What an environment's page shows of a deployment.
public struct DeploymentStatus: Sendable, Equatable {
    public enum State: String, Sendable, Codable {
        case queued, pending, success, failure, error, inactive
        case inProgress = "in_progress"
    }

    public var state: State
    /// GitHub takes 140 characters; more is cut.
    public var description: String
    public var environment: String
    public var link: String?

    public init(state: State, description: String, environment: String, link: String?) {
        self.state = state
        self.description = description
        self.environment = environment
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
            "\(path(ofRepository: repository))/statuses/\(segment(revision))",
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

    /// Announces a deployment of a commit.
    ///
    /// No commit is merged for it, and it waits for no other status: the pipeline has decided.
    /// - Returns: GitHub's number of the deployment.
    public func createDeployment(
        of revision: String,
        to environment: String,
        description: String,
        in repository: String
    ) async throws(GitHubError) -> Int64 {
        struct Body: Encodable {
            var ref: String
            var environment: String
            var description: String
            var merges = false
            var waitsFor: [String] = []
            enum CodingKeys: String, CodingKey {
                case ref, environment, description
                case merges = "auto_merge"
                case waitsFor = "required_contexts"
            }
        }
        struct Answer: Decodable { var id: Int64 }
        let answer: Answer = try await send(
            "POST",
            "\(path(ofRepository: repository))/deployments",
            Body(ref: revision, environment: environment, description: cut(description)),
            about: "a deployment of \(revision.prefix(7)) in \(repository)",
            repository: repository
        )
        return answer.id
    }

    /// Says how a deployment goes. With `success` GitHub marks earlier ones of the environment inactive by itself.
    public func setStatus(
        _ status: DeploymentStatus,
        ofDeployment id: Int64,
        in repository: String
    ) async throws(GitHubError) {
        struct Body: Encodable {
            var state: DeploymentStatus.State
            var description: String
            var environment: String
            var link: String?
            enum CodingKeys: String, CodingKey {
                case state, description, environment
                case link = "log_url"
            }
        }
        let _: Nothing = try await send(
            "POST",
            "\(path(ofRepository: repository))/deployments/\(id)/statuses",
            Body(
                state: status.state,
                description: cut(status.description),
                environment: status.environment,
                link: status.link
            ),
            about: "the deployment \(id) in \(repository)",
            repository: repository
        )
    }

    /// Whether the credential sees the repository: for checks before anything is deployed.
    public func canSee(_ repository: String) async throws(GitHubError) {
        let _: Nothing = try await send(
            "GET",
            path(ofRepository: repository),
            about: repository,
            repository: repository
        )
    }
}

/// An answer of which nothing is read but that it is JSON.
private struct Nothing: Decodable {}

private func cut(_ text: String) -> String {
    text.count <= 140 ? text : text.prefix(139) + "…"
}
