/// The podman target for one pipeline.
struct PodmanDeploy: DeployTarget {
    let podman: PodmanTarget
    let definition: Definition

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
        return RenderedRelease(body: try body.canonicalJSON(), warnings: warnings)
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
