import DigitalOcean
import Logging

/// Keeps DigitalOcean's registries small, as `retention: { keep: N }` of each pipeline says: old images are deleted and
/// their space is freed.
///
/// Never deleted is what an environment serves or may be rolled back to, and what a run has yet to deploy. Nothing is
/// deleted while a run of this server builds or pushes to the registry: an image that a build is about to reuse must not
/// go meanwhile. Nor while the registry collects garbage: it is read-only then.
public struct RegistryGuard: Sendable {
    private let needs: RunDependencies
    /// Registries in which images were deleted whose space is not free yet.
    private let uncollected = Locked<Set<String>>([])

    /// Between two looks at the registries.
    private static let interval = Duration.seconds(6 * 3600)
    /// After a look that was not the last for now: the registry was in use, or had much to delete.
    private static let patience = Duration.seconds(300)
    /// Deleted at one look. Runs wait meanwhile, and DigitalOcean takes 250 requests a minute.
    static let most = 50

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
                    isDone = isDone && !Self.passes(error)
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

    /// Whether the fault may be over at the next look.
    private static func passes(_ error: any Error) -> Bool {
        guard let error = error as? DigitalOceanError else { return false }
        return error.isTransient || error.code == .conflict
    }

    /// - Returns: false if there is more to do: the registry is in use, or not all that is old went.
    func clean(_ plan: Plan) async throws -> Bool {
        try await needs.registryUse.whileUnused(plan.registry) {
            let api = try needs.digitalOcean()
            if let running = try await api.garbageCollection(of: plan.registry) {
                needs.logger.info(
                    "A registry collects garbage; old images are looked for later",
                    metadata: ["registry": "\(plan.registry)", "status": "\(running.status)"]
                )
                return false
            }
            guard try await deleteOldImages(plan, api) else { return false }
            try await collectGarbage(of: plan.registry, api)
            return true
        } ?? false
    }

    /// - Returns: false if there were more than may go at one look.
    private func deleteOldImages(_ plan: Plan, _ api: DigitalOcean) async throws -> Bool {
        var deleted = 0
        defer {
            if deleted > 0 {
                needs.logger.notice(
                    "Deleted old images",
                    metadata: ["registry": "\(plan.registry)", "images": "\(deleted)"]
                )
            }
        }
        for (repository, keep) in plan.repositories.sorted(by: { $0.key < $1.key }) {
            let inUse = try await needs.history.digestsInUse(depth: keep)
            let images = try await images(of: repository, in: plan.registry, api)
            for image in images.dropFirst(keep) where !inUse.contains(image.digest) {
                if deleted == Self.most { return false }
                try await api.deleteManifest(image.digest, of: repository, in: plan.registry)
                deleted += 1
                uncollected.withLock { _ = $0.insert(plan.registry) }
            }
        }
        return true
    }

    /// Frees the space of what was deleted, also at an earlier look that could not.
    private func collectGarbage(of registry: String, _ api: DigitalOcean) async throws {
        guard uncollected.withLock({ $0.contains(registry) }) else { return }
        try await api.collectGarbage(of: registry)
        uncollected.withLock { _ = $0.remove(registry) }
        needs.logger.notice("Began to collect garbage", metadata: ["registry": "\(registry)"])
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
