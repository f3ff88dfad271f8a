import DigitalOcean
import Logging

/// Keeps DigitalOcean's registries small, as `retention: { keep: N }` of each pipeline says: old images are deleted and
/// their space is freed.
///
/// Never deleted is what an environment serves or may be rolled back to, and nothing is deleted while a run of this
/// server builds or pushes to the registry: an image that a build is about to reuse must not go meanwhile.
public struct RegistryGuard: Sendable {
    private let needs: RunDependencies

    /// Between two looks at the registries.
    private static let interval = Duration.seconds(6 * 3600)
    /// After a look that found the registry in use.
    private static let patience = Duration.seconds(300)

    public init(_ needs: RunDependencies) { self.needs = needs }

    /// Works until the task is cancelled.
    ///
    /// - Parameter definitions: the pipelines as they are at the time.
    public func run(_ definitions: @escaping @Sendable () -> [Definition]) async {
        while !Task.isCancelled {
            var isDone = true
            for plan in Self.plans(definitions()) {
                do {
                    isDone = try await clean(plan) && isDone
                } catch {
                    needs.logger.warning(
                        "A registry could not be cleaned",
                        metadata: ["registry": "\(plan.registry)", "error": "\(error)"]
                    )
                }
            }
            try? await Task.sleep(for: isDone ? Self.interval : Self.patience)
        }
    }

    /// What is kept of one registry.
    struct Plan: Sendable, Equatable {
        var registry: String
        /// Repository → how many of its images stay.
        var repositories: [String: Int]
    }

    /// Of the pipelines that say how much is kept; the others' repositories are left alone.
    static func plans(_ definitions: [Definition]) -> [Plan] {
        var plans: [String: [String: Int]] = [:]
        for definition in definitions {
            guard case .digitalocean(let registry, let keep?) = definition.registry else { continue }
            for image in definition.images {
                plans[registry, default: [:]]["\(definition.name)/\(image.name)"] = keep
            }
        }
        return plans.map { Plan(registry: $0.key, repositories: $0.value) }.sorted { $0.registry < $1.registry }
    }

    /// - Returns: false if the registry is in use and was left alone.
    func clean(_ plan: Plan) async throws -> Bool {
        try await needs.registryUse.whileUnused(plan.registry) { try await deleteOldImages(plan) }
    }

    private func deleteOldImages(_ plan: Plan) async throws {
        let api = try needs.digitalOcean()
        var deleted = 0
        for (repository, keep) in plan.repositories.sorted(by: { $0.key < $1.key }) {
            let inUse = try await needs.history.digestsInUse(depth: keep)
            let images = try await images(of: repository, in: plan.registry, api)
            for image in images.dropFirst(keep) where !inUse.contains(image.digest) {
                try await api.deleteManifest(image.digest, of: repository, in: plan.registry)
                deleted += 1
            }
        }
        guard deleted > 0 else { return }
        try await api.collectGarbage(of: plan.registry)
        needs.logger.notice(
            "Deleted old images and began to collect garbage",
            metadata: ["registry": "\(plan.registry)", "images": "\(deleted)"]
        )
    }

    private func images(
        of repository: String,
        in registry: String,
        _ api: DigitalOcean
    ) async throws -> [RegistryManifest] {
        do {
            return try await api.manifests(of: repository, in: registry)
        } catch  where error.code == .notFound {
            return []
        }
    }
}
