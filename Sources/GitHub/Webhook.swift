import FoundationEssentials
import HTTPClient

/// A webhook at GitHub: one of a repository, or the one of the app.
public enum Webhook: Sendable, Hashable {
    /// `owner/name`, and the webhook's number.
    case repository(String, id: Int64)
    case app
}

/// What GitHub says of one delivery of a webhook.
/// https://docs.github.com/rest/repos/webhooks#list-deliveries-for-a-repository-webhook
public struct HookDelivery: Sendable, Equatable, Decodable {
    /// Grows with time. A redelivery has one of its own.
    public var id: Int64
    /// `X-GitHub-Delivery`: a redelivery has that of the first.
    public var guid: String
    /// ISO 8601.
    public var deliveredAt: String
    public var isRedelivery: Bool
    /// Of the answer; 0 or something else that is no status where there was none.
    public var status: Int
    public var event: String

    public init(id: Int64, guid: String, deliveredAt: String, isRedelivery: Bool, status: Int, event: String) {
        self.id = id
        self.guid = guid
        self.deliveredAt = deliveredAt
        self.isRedelivery = isRedelivery
        self.status = status
        self.event = event
    }

    private enum CodingKeys: String, CodingKey {
        case id, guid, event
        case deliveredAt = "delivered_at"
        case isRedelivery = "redelivery"
        case status = "status_code"
    }
}

extension GitHubAPI {
    /// The webhook that delivers to an address: the app's own, where the credential is an app; nil if there is none.
    ///
    /// - Parameter repository: `owner/name`; a token must be allowed to see its webhooks.
    public func webhook(to address: String, of repository: String) async throws(GitHubError) -> Webhook? {
        struct Answer: Decodable {
            struct Config: Decodable { var url: String? }
            var id: Int64
            var active: Bool
            var config: Config
        }
        if isApp { return .app }
        let hooks: [Answer] = try await send(
            "GET",
            "\(path(ofRepository: repository))/hooks?per_page=100",
            about: "the webhooks of \(repository)",
            repository: repository
        )
        return hooks.first { $0.active && $0.config.url == address }.map { .repository(repository, id: $0.id) }
    }

    /// One page of deliveries, the newest first, and where the next page begins; nil if this is the last.
    public func deliveries(
        of hook: Webhook,
        from cursor: String? = nil
    ) async throws(GitHubError) -> (deliveries: [HookDelivery], next: String?) {
        let what = "the deliveries of \(hook.name)"
        let response = try await response(
            to: "GET",
            "\(hook.path)/deliveries?per_page=100" + (cursor.map { "&cursor=\($0.percentEncoded)" } ?? ""),
            token: try await token(for: hook)
        )
        let deliveries: [HookDelivery] = try decode(response, about: what)
        return (deliveries, response.header("Link").flatMap(nextCursor))
    }

    /// Asks GitHub to deliver something again; it does so in its own time. Possible for three days.
    public func redeliver(_ delivery: Int64, of hook: Webhook) async throws(GitHubError) {
        let _: Nothing = try await send(
            "POST",
            "\(hook.path)/deliveries/\(delivery)/attempts",
            about: "a delivery of \(hook.name)",
            token: try await token(for: hook)
        )
    }

    private func token(for hook: Webhook) async throws(GitHubError) -> String {
        switch hook {
        case .repository(let name, _): try await token(for: name)
        case .app: try appToken()
        }
    }
}

extension Webhook {
    fileprivate var path: String {
        switch self {
        case .repository(let name, let id): "\(GitHub.path(ofRepository: name))/hooks/\(id)"
        case .app: "/app/hook"
        }
    }

    /// For people, and a key to remember it by.
    public var name: String {
        switch self {
        case .repository(let name, let id): "webhook \(id) of \(name)"
        case .app: "the app's webhook"
        }
    }
}

/// The cursor in a Link header (RFC 8288): `<https://…&cursor=v1_17>; rel="next"`.
func nextCursor(_ link: String) -> String? {
    for part in link.split(separator: ",") where part.contains("rel=\"next\"") {
        guard let begin = part.firstRange(of: "cursor=") else { continue }
        return String(part[begin.upperBound...].prefix { $0 != "&" && $0 != ">" }).percentDecoded
    }
    return nil
}
