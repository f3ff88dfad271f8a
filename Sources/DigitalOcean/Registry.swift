import FoundationEssentials
import HTTPClient

/// A container registry (DOCR).
public struct Registry: Sendable, Equatable, Decodable {
    public var name: String
    public var region: String?
}

/// What an account pays for its registries.
public struct RegistryPlan: Sendable, Equatable, Decodable {
    /// `starter`, `basic`, `professional`.
    public var slug: String
    /// Nil or 0 for no limit.
    public var repositories: Int?
    public var storageBytes: Int64
    public var allowsOverage: Bool

    private enum CodingKeys: String, CodingKey {
        case slug
        case repositories = "included_repositories"
        case storageBytes = "included_storage_bytes"
        case allowsOverage = "allow_storage_overage"
    }

    /// Whether this many repositories fit.
    public func holds(_ count: Int) -> Bool { repositories.map { $0 == 0 || count <= $0 } ?? true }
}

/// One image of a repository, by its digest.
public struct RegistryManifest: Sendable, Equatable, Decodable {
    /// `sha256:…`
    public var digest: String
    public var tags: [String]
    /// ISO 8601, as it was sent: such texts sort by time.
    public var updatedAt: String

    private enum CodingKeys: String, CodingKey {
        case digest, tags
        case updatedAt = "updated_at"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        digest = try container.decode(String.self, forKey: .digest)
        tags = try container.decodeIfPresent([String].self, forKey: .tags) ?? []
        updatedAt = try container.decodeIfPresent(String.self, forKey: .updatedAt) ?? ""
    }
}

/// A run of the registry's garbage collector.
public struct GarbageCollection: Sendable, Equatable, Decodable {
    public var uuid: String
    /// `requested`, `waiting for write JWTs to expire`, `scanning manifests`, `deleting unreferenced blobs`,
    /// `cancelling`, `failed`, `succeeded`, `cancelled`.
    public var status: String

    public var isOver: Bool { ["failed", "succeeded", "cancelled"].contains(status) }
}

extension DigitalOcean {
    public func registry(_ name: String) async throws(DigitalOceanError) -> Registry {
        struct Answer: Decodable { var registry: Registry }
        let answer: Answer = try await requests.get(path(name), about: "the registry \(name)")
        return answer.registry
    }

    public func registryPlan() async throws(DigitalOceanError) -> RegistryPlan {
        struct Answer: Decodable {
            struct Subscription: Decodable { var tier: RegistryPlan }
            var subscription: Subscription
        }
        let answer: Answer = try await requests.get("/v2/registries/subscription", about: "the registry's plan")
        return answer.subscription.tier
    }

    /// The names of a registry's repositories.
    public func repositories(of registry: String) async throws(DigitalOceanError) -> [String] {
        struct Page: Decodable {
            struct Repository: Decodable { var name: String }
            var repositories: [Repository]?
        }
        return try await requests.list("\(path(registry))/repositoriesV2", about: "the repositories of \(registry)") {
            (page: Page) in (page.repositories ?? []).map(\.name)
        }
    }

    /// The images of a repository, newest first.
    public func manifests(of repository: String, in registry: String) async throws(DigitalOceanError)
        -> [RegistryManifest]
    {
        struct Page: Decodable { var manifests: [RegistryManifest]? }
        let found = try await requests.list(
            "\(path(registry))/repositories/\(repository.percentEncoded)/digests",
            about: "the images of \(registry)/\(repository)"
        ) { (page: Page) in page.manifests ?? [] }
        return found.sorted { $0.updatedAt > $1.updatedAt }
    }

    /// Deletes an image; one that is gone already is as good as deleted.
    public func deleteManifest(
        _ digest: String,
        of repository: String,
        in registry: String
    ) async throws(DigitalOceanError) {
        do {
            _ = try await requests.send(
                "DELETE",
                "\(path(registry))/repositories/\(repository.percentEncoded)/digests/\(digest.percentEncoded)",
                about: "the image \(registry)/\(repository)@\(digest)"
            )
        } catch  where error.code == .notFound {}
    }

    /// The garbage collection that is under way; nil if there is none.
    public func garbageCollection(of registry: String) async throws(DigitalOceanError) -> GarbageCollection? {
        struct Answer: Decodable {
            var running: GarbageCollection?
            enum CodingKeys: String, CodingKey { case running = "garbage_collection" }
        }
        do {
            let answer: Answer = try await requests.get(
                "\(path(registry))/garbage-collection",
                about: "the garbage collection of \(registry)"
            )
            return answer.running.flatMap { $0.isOver ? nil : $0 }
        } catch  where error.code == .notFound {
            return nil
        }
    }

    /// Frees the space of deleted images. The registry is read-only meanwhile, which can take a quarter of an hour.
    public func collectGarbage(of registry: String) async throws(DigitalOceanError) {
        _ = try await requests.send(
            "POST",
            "\(path(registry))/garbage-collection",
            about: "a garbage collection of \(registry)"
        )
    }

    /// Credentials for docker's `config.json`.
    ///
    /// - Parameter lifetime: Whole seconds from 1 on. DigitalOcean takes 0 for ever, so it is never sent.
    /// - Returns: the bytes of a `config.json`.
    public func dockerCredentials(
        for registry: String,
        readWrite: Bool,
        lifetime: Duration
    ) async throws(DigitalOceanError) -> DockerCredentials {
        let seconds = max(1, lifetime.components.seconds)
        return try await requests.get(
            "\(path(registry))/docker-credentials?expiry_seconds=\(seconds)&read_write=\(readWrite)",
            about: "credentials for \(registry)"
        )
    }

    private func path(_ registry: String) -> String { "/v2/registries/\(registry.percentEncoded)" }
}

/// What docker's `config.json` says of a registry. It is a secret.
public struct DockerCredentials: Sendable, Decodable {
    struct Entry: Codable { var auth: String }

    /// Host → base64 of `user:password`.
    public let auths: [String: String]

    private enum CodingKeys: String, CodingKey { case auths }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        auths = try container.decode([String: Entry].self, forKey: .auths).mapValues(\.auth)
    }
}
