import Kubernetes

/// `helm template` of a chart in the repository, or of a published one.
struct HelmTemplate {
    let tools: RenderTools
    let charts: ChartSource
    let checkout: Checkout
    let namespace: String

    static let programs = ["helm"]

    /// Nil for a chart in the repository.
    func archive(_ helm: Definition.Helm, sha256: String?, log: any StageLog) async throws -> ChartArchive? {
        guard helm.isRemote else { return nil }
        return try await charts.fetch(helm.chart, sha256: sha256 ?? helm.sha256, log: log)
    }

    func render(
        _ helm: Definition.Helm,
        from archive: ChartArchive?,
        kubeVersion: String?,
        log: any StageLog,
        deadline: Duration
    ) async throws -> ManifestFile {
        let chart = archive == nil ? try folder(of: helm) : ""
        let values = try helm.values.map { try checkout.resolve($0) }
        let (_, program) = try RenderTools.find(Self.programs, for: "helm")
        let what = "helm template \(helm.chart)"
        let output = try await tools.run(
            program,
            what: what,
            checkout: checkout,
            files: ["set.json": try setValues(helm.set).bytes, "chart.tgz": archive?.bytes ?? []],
            log: log,
            deadline: deadline
        ) { folder in
            let chart = archive == nil ? chart : "\(folder)/chart.tgz"
            var arguments = ["template", helm.release, chart, "--namespace", namespace, "--include-crds"]
            for file in values { arguments += ["--values", file] }
            if !helm.set.isEmpty { arguments += ["--values", "\(folder)/set.json"] }
            if let kubeVersion { arguments += ["--kube-version", kubeVersion] }
            return arguments
        }
        return ManifestFile(path: what, bytes: output)
    }

    /// The chart's folder in the checkout, of which nothing leads out.
    private func folder(of helm: Definition.Helm) throws -> String {
        let chart = try checkout.resolve(helm.chart)
        guard SmallFile.exists("\(chart)/Chart.yaml") else {
            throw StageError.manifest("manifest-missing", "The folder \(quoted(helm.chart)) holds no Chart.yaml")
        }
        try checkout.refuseLinksOut(below: chart)
        return chart
    }

    /// `a.b: 1` becomes `{a: {b: 1}}`: a file of values, so that nothing of helm's own notation has to be kept out.
    private func setValues(_ set: [String: Definition.JSONScalar]) throws -> JSON {
        var values = JSON.object([:])
        for (path, scalar) in set.sorted(by: { $0.key < $1.key }) {
            let keys = path.parts(at: ".").map(String.init)
            for count in 1..<max(keys.count, 1) {
                guard let above = values[Array(keys.prefix(count))] else { continue }
                guard case .object = above else {
                    let outer = keys.prefix(count).joined(separator: ".")
                    throw StageError.manifest("deploy.helm.set has both \(quoted(outer)) and \(quoted(path)): keep one")
                }
            }
            values.set(keys, JSON(scalar))
        }
        return values
    }
}

extension JSON {
    fileprivate init(_ scalar: Definition.JSONScalar) {
        switch scalar {
        case .string(let text): self = .string(text)
        case .bool(let flag): self = .bool(flag)
        case .null: self = .null
        case .number(let number):
            self = Int64(exactly: number).map(JSON.integer) ?? .number(number)
        }
    }
}

/// Which template each line of a chart's output comes from: helm writes `# Source: todo/templates/web.yaml` before each
/// document.
struct HelmSources {
    private var starts: [(line: Int, template: String)] = []

    init(_ output: [UInt8]) {
        let mark = "# Source: "
        for (index, line) in output.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
        where line.starts(with: mark.utf8) {
            starts.append((index + 1, String(decoding: line.dropFirst(mark.utf8.count), as: UTF8.self)))
        }
    }

    /// Nil for what comes from no template.
    func source(at line: Int) -> String? {
        starts.last { $0.line <= line }?.template
    }
}
