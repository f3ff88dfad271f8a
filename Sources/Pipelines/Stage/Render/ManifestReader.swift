public import HTTPClient
public import Kubernetes

/// The manifests of a revision as a pipeline names them: plain files, a kustomization or a chart.
public struct RepositoryManifests: Sendable {
    /// Without the Job of `deploy.before`. In the order of the files, lists taken apart. Images are as they are written.
    public var objects: [Manifest]
    public var before: Manifest?
    /// A sentence for everything that is read but left out.
    public var warnings: [String]
}

extension Definition.Manifests {
    /// The programs that render them, of which one must be installed; none for plain manifests.
    public var programs: [String] {
        switch self {
        case .files: []
        case .kustomize: Kustomize.programs
        case .helm: HelmTemplate.programs
        }
    }
}

/// Reads and renders the manifests of a checked-out revision. Changes nothing in it.
public struct ManifestReader: Sendable {
    private let tools: RenderTools
    private let charts: ChartSource

    /// - Parameters:
    ///   - children: start kustomize and helm.
    ///   - scratch: a folder for what those write; made, and removed after each use.
    ///   - client: fetches charts that are not in the repository.
    public init(children: ChildProcess, scratch: String, client: HTTPClient, limits: Limits) {
        tools = RenderTools(children: children, scratch: scratch)
        charts = ChartSource(client: client, limits: limits)
    }

    /// - Parameters:
    ///   - checkout: the folder with the revision; nothing outside of it is read.
    ///   - chartSHA256: of the archive of a chart that is not in the repository; nil: as the definition says.
    ///   - kubeVersion: of the cluster, such as `v1.36.3`, for charts that ask; nil: what helm was built for.
    ///   - deadline: for kustomize or helm.
    /// - Throws: `StageError`: failed with a code that begins with `manifest-`, `render-` or `chart-`; errored with
    ///   `render-tool-missing` or `chart-unreachable`.
    public func read(
        _ deploy: Definition.Deploy,
        checkout: String,
        chartSHA256: String? = nil,
        kubeVersion: String? = nil,
        log: any StageLog,
        deadline: Duration
    ) async throws -> RepositoryManifests {
        let checkout = try Checkout(checkout)
        var list = ManifestList(namespace: deploy.namespace, limit: charts.limits.releaseObjects)
        switch deploy.manifests {
        case .files(let paths):
            try add(paths, checkout, except: deploy.before, to: &list)
        case .kustomize(let folder):
            try await build(folder, checkout, log, deadline, to: &list)
        case .helm(let helm):
            let chart = HelmTemplate(tools: tools, charts: charts, checkout: checkout, namespace: deploy.namespace)
            let archive = try await chart.archive(helm, sha256: chartSHA256, log: log)
            let output = try await chart.render(
                helm,
                from: archive,
                kubeVersion: kubeVersion,
                log: log,
                deadline: deadline
            )
            try list.add(output, sources: HelmSources(output.bytes))
            try add(helm.manifests ?? [], checkout, except: deploy.before, to: &list)
            if let folder = helm.kustomize { try await build(folder, checkout, log, deadline, to: &list) }
        }
        let before = try deploy.before.map { try job(in: $0, checkout, &list) }
        guard !list.objects.isEmpty else {
            throw StageError.manifest("manifest-missing", "The manifests hold no object: there is nothing to deploy")
        }
        return RepositoryManifests(objects: list.objects, before: before, warnings: list.warnings)
    }

    private func build(
        _ folder: String,
        _ checkout: Checkout,
        _ log: any StageLog,
        _ deadline: Duration,
        to list: inout ManifestList
    ) async throws {
        let kustomize = Kustomize(tools: tools, checkout: checkout)
        try list.add(try await kustomize.build(folder, log: log, deadline: deadline))
    }

    /// Plain files, without the Job that must finish first.
    private func add(_ paths: [String], _ checkout: Checkout, except before: String?, to list: inout ManifestList) throws {
        var files = try ManifestFiles(checkout: checkout.root)
        for path in paths { try files.add(path) }
        for file in files.files where file.path != before { try list.add(file) }
    }

    /// The Job that must finish first, which may have no twin among the others.
    private func job(in path: String, _ checkout: Checkout, _ list: inout ManifestList) throws -> Manifest {
        var files = try ManifestFiles(checkout: checkout.root)
        try files.add(path)
        let count = list.objects.count
        for file in files.files { try list.add(file) }
        let added = list.objects[count...]
        list.removeLast(added.count)
        guard let job = added.first, added.count == 1, job.object.kind == "Job" else {
            throw StageError.manifest("\(quoted(path)), which must run before the rollout, must hold exactly one Job")
        }
        return job
    }
}
