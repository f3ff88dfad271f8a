import Signing

extension RunDependencies {
    /// The target that a definition names.
    ///
    /// - Parameter run: the run that its children are recorded under.
    /// - Throws: `StageError` if this server has no such target.
    func target(of definition: Definition, run: Int64?) throws -> any DeployTarget {
        switch definition.deploy.target {
        case .podman:
            guard let podmanTarget else {
                throw StageError(
                    .errored,
                    "no-target",
                    "This server runs no containers itself: it is not root, and builds elsewhere. Deploy to a cluster, or "
                        + "start it as root for podman: {}"
                )
            }
            return PodmanDeploy(
                podman: podmanTarget.forRun(run, authFile: registries.authFile),
                definition: definition,
                registries: registries.readable(by: definition)
            )
        case .digitalocean, .kubeconfig, .inCluster:
            let opened = Once { try await cluster(of: definition.deploy) }
            return ClusterDeploy(definition: definition, needs: self) { try await opened.value() }
        }
    }

    /// A recorded release with its body opened, and the definition that it was made by.
    func open(_ record: ReleaseRecord) async throws -> (release: TargetRelease, definition: Definition) {
        guard let definition = try await history.definition(run: record.run) else {
            throw StageError(
                .errored,
                "definition-unreadable",
                "The definition that release \(record.id) was made by cannot be read"
            )
        }
        let release = TargetRelease(
            id: record.id,
            environment: record.environment,
            body: try sealingKey.open(record.body, context: Self.sealingContext),
            images: record.images
        )
        return (release, definition)
    }

    /// What a rollback applies; nil for every other run.
    func releaseToApplyAgain(by claimed: ClaimedRun) async throws -> TargetRelease? {
        guard let rollback = claimed.run.rollback else { return nil }
        guard let record = try await history.release(rollback.release) else {
            throw StageError(.errored, "internal", "Release \(rollback.release) is not recorded")
        }
        return try await open(record).release
    }

    /// What the environment serves from the place that a definition deploys to; nil if nothing does. An environment may
    /// have served from another place before.
    func liveRelease(_ environment: String, at deploy: Definition.Deploy) async throws -> TargetRelease? {
        guard let live = try await history.liveRelease(environment: environment) else { return nil }
        let (release, definition) = try await open(live)
        return definition.deploy.isSamePlace(as: deploy) ? release : nil
    }

    /// A release holds Secret data: it is sealed before it reaches the database.
    func seal(_ body: [UInt8]) throws -> [UInt8] { try sealingKey.seal(body, context: Self.sealingContext) }

    private static let sealingContext = "release"
}

extension Definition.Deploy {
    func isSamePlace(as other: Self) -> Bool { target == other.target && namespace == other.namespace }
}
