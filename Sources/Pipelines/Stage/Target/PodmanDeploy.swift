/// The podman target for one pipeline.
struct PodmanDeploy: DeployTarget {
    let podman: PodmanTarget
    let definition: Definition
    /// Those that the pipeline may take images from wherever they are.
    let registries: [String]

    func render(
        _ revision: RevisionToRender,
        log: any StageLog,
        deadline: ContinuousClock.Instant
    ) async throws -> RenderedRelease {
        let (body, warnings) = try PodmanTarget.render(
            checkout: revision.checkout,
            definition: definition,
            images: revision.images,
            secrets: revision.secrets
        )
        try checkImages(body, revision.images)
        return RenderedRelease(body: try body.canonicalJSON(), warnings: warnings)
    }

    /// Images are pulled by this machine with the server's credentials: what a manifest names is no more trusted than
    /// what a Dockerfile does.
    private func checkImages(_ body: ReleaseBody, _ pushed: [PushedImage]) throws {
        let own = Set(pushed.map(\.reference))
        for reference in body.images where !own.contains(reference) {
            if let fault = BaseImage.fault(reference, registries: registries) {
                throw StageError(.failed, "image-refused", "The manifests want an image that they may not: \(fault)")
            }
        }
    }

    func apply(
        _ release: TargetRelease,
        previous: TargetRelease?,
        log: any StageLog,
        deadline: ContinuousClock.Instant
    ) async throws -> [ServiceEndpoint] {
        try await podman.apply(
            try ReleaseBody(json: release.body),
            release: release.id,
            environment: release.environment,
            previous: previous?.id,
            log: log,
            deadline: deadline
        )
    }

    func settle(_ release: TargetRelease, log: any StageLog, deadline: ContinuousClock.Instant) async throws {
        try await podman.retire(environment: release.environment, keeping: release.id, log: log)
    }

    func undo(
        _ release: TargetRelease,
        to previous: TargetRelease?,
        log: any StageLog,
        deadline: ContinuousClock.Instant
    ) async throws -> String {
        try await podman.undo(
            environment: release.environment,
            release: release.id,
            to: try previous.map { ($0.id, try ReleaseBody(json: $0.body)) },
            log: log,
            deadline: deadline
        )
    }

    func services(_ endpoints: [ServiceEndpoint]) async throws -> ServiceAccess {
        .direct(endpoints, client: podman.probes.http)
    }
}
