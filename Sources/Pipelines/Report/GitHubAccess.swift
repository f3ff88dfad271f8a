import Git
public import GitHub
public import HTTPClient
import Signing

extension ServerSettings {
    /// GitHub's API as fairlead.yaml describes it; nil if it says nothing of GitHub.
    ///
    /// - Throws: `StageError` if the app's key is none.
    public func gitHubAPI(client: HTTPClient) throws -> GitHubAPI? {
        guard let access = github else { return nil }
        let credential: GitHubCredential
        switch access.method {
        case .token(let token): credential = .token(token.text ?? "")
        case .app(let id, let key, let installation):
            do {
                credential = .app(id: id, key: try RSASigner(pem: key.bytes), installation: installation)
            } catch {
                throw StageError(.errored, "github-key", "github.app.privateKey in fairlead.yaml: \(error)")
            }
        }
        return GitHubAPI(
            credential: credential,
            api: access.api,
            client: client,
            deadline: .seconds(limits.githubDeadline)
        )
    }
}

extension RunDependencies {
    /// The credential to clone a pipeline's repository with: the one that is written for its host; for a repository of
    /// GitHub without one, what statuses are reported with.
    ///
    /// - Throws: `StageError` if GitHub gives no token.
    func gitCredential(for source: Definition.Source) async throws -> Git.GitCredential {
        let written = try settings.gitCredential(for: source.url)
        guard case .none = written, let github, let repository = source.github else { return written }
        do {
            return .password(user: "x-access-token", password: try await github.token(for: repository))
        } catch {
            throw StageError(.errored, "github-\(error.code.rawValue)", error.message)
        }
    }
}
