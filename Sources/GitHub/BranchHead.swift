import FoundationEssentials
import HTTPClient

/// What GitHub says a branch is at.
public struct BranchHead: Sendable, Equatable {
    public var revision: String
    /// By which GitHub knows the answer again; nil if it gave none.
    public var etag: String?
}

extension GitHubAPI {
    /// The head of a branch. What has not changed costs nothing of the rate limit.
    /// https://docs.github.com/rest/git/refs#get-a-reference
    ///
    /// - Parameters:
    ///   - branch: without `refs/heads/`.
    ///   - known: the last answer.
    public func head(
        ofBranch branch: String,
        in repository: String,
        known: BranchHead? = nil
    ) async throws(GitHubError) -> BranchHead {
        struct Answer: Decodable {
            struct Object: Decodable { var sha: String }
            var object: Object
        }
        let what = "the branch \(branch) of \(repository)"
        let name = branch.split(separator: "/", omittingEmptySubsequences: false).map { String($0).percentEncoded }
        let response = try await response(
            to: "GET",
            "\(path(ofRepository: repository))/git/ref/heads/\(name.joined(separator: "/"))",
            headers: known?.etag.map { [("If-None-Match", $0)] } ?? [],
            token: try await token(for: repository)
        )
        if response.status == 304, let known { return known }
        let answer: Answer = try decode(response, about: what)
        return BranchHead(revision: answer.object.sha, etag: response.header("ETag"))
    }
}
