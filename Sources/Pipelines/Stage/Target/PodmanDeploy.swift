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

    func admit(_ release: TargetRelease) async throws {
        try checkImages(try ReleaseBody(json: release.body), release.images)
    }

    func secrets(of release: TargetRelease) throws -> [SecretValue] {
        let body = try ReleaseBody(json: release.body)
        return (body.secrets ?? []).compactMap(Base64.decode).map { SecretValue($0) }
    }

    func apply(
        _ release: TargetRelease,
        previous: TargetRelease?,
        log: any StageLog,
        deadline: ContinuousClock.Instant
    ) async throws -> [ServiceEndpoint] {
        var body = try ReleaseBody(json: release.body)
        if release.isRollback, let job = body.before {
            log.line("Job \(job.name) is not run again: it belongs to the way forward")
            body.before = nil
        }
        return try await podman.apply(
            body,
            release: release.id,
            environment: release.environment,
            previous: previous?.id,
            log: log,
            deadline: deadline
        )
    }

    func makeAgain(_ release: TargetRelease, log: any StageLog, deadline: ContinuousClock.Instant) async throws {
        try await podman.makeAgain(
            release.id,
            try ReleaseBody(json: release.body),
            in: release.environment,
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

extension PodmanDeploy {
    func plan(_ revision: RevisionToRender, log: any StageLog) async throws -> [String] {
        let rendered = try await render(revision, log: log, deadline: .now + .seconds(definition.deploy.timeout))
        let body = try ReleaseBody(json: rendered.body)
        return rendered.warnings.map { "warning: \($0)" }
            + body.deployments.map { "+ \($0.replicas) new pods of Deployment \($0.name), then the old ones go" }
            + body.services.map { "+ Service \($0.name) sends requests to them" }
    }
}
