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
}
