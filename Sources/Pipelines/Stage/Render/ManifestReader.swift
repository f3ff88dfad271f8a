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
    private let limit: Int

    /// - Parameters:
    ///   - children: start kustomize and helm.
    ///   - scratch: a folder for what those write; made, and removed after each use.
    ///   - limit: objects that are taken: ``Limits/releaseObjects``.
    public init(children: ChildProcess, scratch: String, limit: Int) {
        tools = RenderTools(children: children, scratch: scratch)
        self.limit = limit
    }

    /// - Parameters:
    ///   - checkout: the folder with the revision; nothing outside of it is read.
    ///   - kubeVersion: of the cluster, such as `v1.36.3`, for charts that ask; nil: what helm was built for.
    ///   - deadline: for kustomize or helm.
    /// - Throws: `StageError`: failed with a code that begins with `manifest-` or `render-`; errored with
    ///   `render-tool-missing`.
    public func read(
        _ deploy: Definition.Deploy,
        checkout: String,
        kubeVersion: String? = nil,
        log: any StageLog,
        deadline: Duration
    ) async throws -> RepositoryManifests {
        let checkout = try Checkout(checkout)
        var list = ManifestList(namespace: deploy.namespace, limit: limit)
        switch deploy.manifests {
        case .files(let paths):
            var files = try ManifestFiles(checkout: checkout.root)
            for path in paths { try files.add(path) }
            for file in files.files where file.path != deploy.before { try list.add(file) }
        case .kustomize(let folder):
            let kustomize = Kustomize(tools: tools, checkout: checkout)
            try list.add(try await kustomize.build(folder, log: log, deadline: deadline))
        case .helm(let helm):
            let chart = HelmTemplate(tools: tools, checkout: checkout, namespace: deploy.namespace)
            let output = try await chart.render(helm, kubeVersion: kubeVersion, log: log, deadline: deadline)
            try list.add(output, sources: HelmSources(output.bytes))
        }
        let before = try deploy.before.map { try job(in: $0, checkout, &list) }
        guard !list.objects.isEmpty else {
            throw StageError.manifest("manifest-missing", "The manifests hold no object: there is nothing to deploy")
        }
        return RepositoryManifests(objects: list.objects, before: before, warnings: list.warnings)
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
