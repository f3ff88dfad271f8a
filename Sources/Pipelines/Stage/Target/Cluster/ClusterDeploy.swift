import HTTPClient
import Kubernetes

/// A namespace of a Kubernetes cluster, for one pipeline.
struct ClusterDeploy: DeployTarget {
    let definition: Definition
    let needs: RunDependencies
    /// Opens the cluster with credentials that last for as long as one stage and its undo.
    let connect: @Sendable () async throws -> Cluster

    var deploy: Definition.Deploy { definition.deploy }

    func render(
        _ revision: RevisionToRender,
        log: any StageLog,
        deadline: ContinuousClock.Instant
    ) async throws -> RenderedRelease {
        try await reporting {
            let cluster = try await connect()
            let rendering = ClusterRendering(definition: definition, rules: needs.settings.kubernetes, cluster: cluster)
            let written = try await reader.read(
                deploy,
                checkout: revision.checkout,
                chartSHA256: revision.chartSHA256,
                kubeVersion: try await cluster.version().name,
                log: log,
                deadline: min(.seconds(needs.limits.renderDeadline), deadline - .now)
            )
            let (release, warnings) = try await rendering.release(written, revision)
            return RenderedRelease(body: try release.json, warnings: written.warnings + warnings)
        }
    }

    func admit(_ release: TargetRelease) async throws {
        try await reporting {
            let body = try ClusterRelease(json: release.body)
            let rules = needs.settings.kubernetes
            let rendering = ClusterRendering(definition: definition, rules: rules, cluster: try await connect())
            try await rendering.admit(body)
        }
    }

    func secrets(of release: TargetRelease) throws -> [SecretValue] {
        let name = ClusterRendering.secretName(of: definition)
        let own = try ClusterRelease(json: release.body).manifests.filter {
            $0.id.kind == "Secret" && $0.id.name == name
        }
        return own.flatMap { $0.object["data"]?.members.values.map(\.string) ?? [] }
            .compactMap { $0.flatMap(Base64.decode) }.map { SecretValue($0) }
    }

    func apply(
        _ release: TargetRelease,
        previous: TargetRelease?,
        log: any StageLog,
        deadline: ContinuousClock.Instant
    ) async throws -> [ServiceEndpoint] {
        try await reporting {
            var body = try ClusterRelease(json: release.body)
            if release.isRollback, let job = body.before {
                log.line("\(job.id) is not run again: it belongs to the way forward")
                body = body.withoutBefore
            }
            let cluster = try await connect()
            log.line("Deploying release \(release.id) to namespace \(body.namespace) of \(deploy.target)")
            let pullSecret = try await PullSecret(needs, definition).manifest()
            let rollout = Kubernetes.Rollout(cluster, kubernetesRelease(release.id, body, pullSecret), options)
            let journal = ReleaseJournal(release: release.id, needs: needs)
            let report = try await rollout.run(until: deadline, journal: { try await journal.write($0) }) {
                log.line($0)
            }
            log.line("\(report.entries.count) objects are as the release wants them, and what was pushed is what runs")
            return body.services
        } failure: { (failure: RolloutFailure) in
            for line in failure.diagnosis?.lines ?? [] { log.line(line) }
        }
    }

    func settle(_ release: TargetRelease, log: any StageLog, deadline: ContinuousClock.Instant) async throws {
        try await reporting {
            let body = try ClusterRelease(json: release.body)
            let ids = kubernetesRelease(release.id, body, nil).ids + [PullSecret(needs, definition).id]
            let prune = Prune(try await connect(), set(body), keeping: ids, options)
            if deploy.prune {
                try await prune.run(until: deadline) { log.line($0) }
            } else {
                await prune.dissolve(until: deadline) { log.line($0) }
            }
        }
    }

    func undo(
        _ release: TargetRelease,
        to previous: TargetRelease?,
        log: any StageLog,
        deadline: ContinuousClock.Instant
    ) async throws -> String {
        try await reporting {
            let entries = try await ReleaseJournal(release: release.id, needs: needs).read()
            let result = await Kubernetes.Undo(try await connect(), entries).run(until: deadline) { log.line($0) }
            guard result.status == .undone else {
                throw StageError(.errored, "undo-\(result.status.rawValue)", result.sentence)
            }
            return result.sentence
        }
    }

    func services(_ endpoints: [ServiceEndpoint]) async throws -> ServiceAccess {
        let cluster = try await reporting { try await connect() }
        let namespace = deploy.namespace
        return ServiceAccess(
            request: { call in
                let port = try ServiceAccess.find(call, endpoints).port
                let address = ServiceAddress(namespace: namespace, name: call.service, port: "\(port)")
                var request = try cluster.request(to: address, path: call.path)
                request.headers = call.headers
                return request
            },
            send: { try await cluster.send($0) },
            fault: {
                do {
                    _ = try await cluster.version()
                    return nil
                } catch {
                    return (error as? KubernetesError).map { StageError($0).reason }
                }
            }
        )
    }

    // MARK: - Parts

    private var reader: ManifestReader {
        ManifestReader(
            children: needs.podman.children,
            scratch: "\(needs.dataFolder)/render",
            client: needs.client,
            limits: needs.limits
        )
    }

    var options: RolloutOptions {
        var options = RolloutOptions()
        options.force = deploy.force
        return options
    }

    func set(_ body: ClusterRelease) -> ApplySet { ApplySet(pipeline: definition.name, namespace: body.namespace) }

    /// The release as it is applied: with the credentials that pull its images, where the cluster has none of its own.
    func kubernetesRelease(_ id: Int64, _ body: ClusterRelease, _ pullSecret: Manifest?) -> Kubernetes.Release {
        func pulling(_ manifest: Manifest) -> Manifest {
            pullSecret.map { manifest.pulling(with: $0.id.name, for: body.uses) } ?? manifest
        }
        return Kubernetes.Release(
            name: "\(id)",
            manifests: body.manifests.map(pulling) + (pullSecret.map { [$0] } ?? []),
            uses: body.uses,
            before: body.before.map(pulling),
            set: set(body),
            isPruned: deploy.prune
        )
    }

    /// Puts what the cluster said into the words of a stage.
    func reporting<Result: Sendable>(
        _ body: () async throws -> Result,
        failure: (RolloutFailure) -> Void = { _ in }
    ) async throws -> Result {
        do {
            return try await body()
        } catch let error as RolloutFailure {
            if error.code == .cancelled { throw CancellationError() }
            failure(error)
            throw StageError(error)
        } catch let error as KubernetesError {
            if error.code == .cancelled { throw CancellationError() }
            throw StageError(error)
        }
    }
}

extension StageError {
    init(_ failure: RolloutFailure) {
        var sentence = failure.diagnosis.map { "\($0.sentence) (\(failure.message))" } ?? failure.message
        if let cause = failure.cause { sentence += cause.advice }
        self.init(failure.isVerdict ? .failed : .errored, "deploy-\(failure.code.rawValue)", sentence)
    }

    init(_ error: KubernetesError) {
        self.init(error.isVerdict ? .failed : .errored, "cluster-\(error.code.rawValue)", error.message + error.advice)
    }
}

extension KubernetesError {
    /// What to do where the message only says what happened.
    fileprivate var advice: String {
        switch code {
        case .unreachable, .timeout, .tooManyRequests, .serverError:
            "; see whether the cluster is well and can be reached from here, and run the run again"
        default: ""
        }
    }
}
