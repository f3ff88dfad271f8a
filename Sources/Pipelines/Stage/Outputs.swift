/// What the clone stage leaves to the stages after it.
public struct CloneOutput: Codable, Sendable, Equatable {
    public var revision: String
    /// Seconds since 1970, UTC: the timestamp of every image built from it.
    public var commitTime: Int64
    /// Image name → id of the tree of its build context.
    public var contextTrees: [String: String]
    /// Tree id of the whole revision.
    public var tree: String
    /// Of the chart's archive, where the chart is not in the repository: what is deployed, also when the run is run again.
    public var chartSHA256: String?
}

/// One image after the build stage.
public struct BuiltImage: Codable, Sendable, Equatable {
    public enum Origin: String, Codable, Sendable { case built, reused }
    public var name: String
    /// The builder's id of the image; nil when reused (it is in the registry already).
    public var id: String?
    public var origin: Origin
    /// Digest over everything that goes into the image.
    public var key: String
    /// Set when reused: `host:port/repository@sha256:…`.
    public var reference: String?
}

/// One image after the push stage: deployed by exactly this reference.
public struct PushedImage: Codable, Sendable, Equatable {
    public var name: String
    public var origin: BuiltImage.Origin
    public var key: String
    /// `sha256:…`
    public var digest: String
    /// `host:port/repository@sha256:…`
    public var reference: String
}

/// Where a Service of a release can be reached.
public struct ServiceEndpoint: Codable, Sendable, Equatable {
    public var name: String
    /// The Service's own port.
    public var port: Int
    /// `127.0.0.1:41233`, stable for as long as the environment has the Service.
    public var address: String
}

/// One smoke check's result.
public struct SmokeResult: Codable, Sendable, Equatable {
    public var name: String
    public var passed: Bool
    public var status: Int?
    /// Seconds.
    public var duration: Double
    public var message: String
    /// The beginning of the body, masked, at most 1 KiB.
    public var excerpt: String
    /// The check failed already before the deploy changed anything, and so is no reason to undo it.
    public var wasFailingBefore = false
    /// A Service gave no response, or one that may be of the way to it: 429, or 500 and above. Not stored.
    var isUnanswered = false

    enum CodingKeys: CodingKey {
        case name, passed, status, duration, message, excerpt, wasFailingBefore
    }
}

extension SmokeResult {
    /// What was kept before a key existed is read with its default.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decode(String.self, forKey: .name)
        passed = try container.decode(Bool.self, forKey: .passed)
        status = try container.decodeIfPresent(Int.self, forKey: .status)
        duration = try container.decode(Double.self, forKey: .duration)
        message = try container.decode(String.self, forKey: .message)
        excerpt = try container.decode(String.self, forKey: .excerpt)
        wasFailingBefore = try container.decodeIfPresent(Bool.self, forKey: .wasFailingBefore) ?? false
    }
}
