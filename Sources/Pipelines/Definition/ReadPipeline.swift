/// Reads one pipeline's file.
///
/// - Parameter file: The file's name for faults; a secret's relative `file` is looked for beside it.
/// - Throws: `DefinitionFaults` with everything that is wrong.
public func readPipeline(file: String, contents: [UInt8]) throws -> Definition {
    let pipeline = PipelineFile(file: file, contents: contents)
    guard let definition = pipeline.definition else { throw DefinitionFaults(faults: pipeline.faults) }
    return definition
}

/// A pipeline's file after reading: a definition, or faults. What could be made out is kept for the comparison of
/// files.
struct PipelineFile {
    var file: String
    var faults: [Fault]
    /// Nil if there are faults.
    var definition: Definition?
    /// Where the environment (or, if it is left out, the pipeline) is named.
    var environmentPlace = Place.start
    /// The pipeline's name and where it is: also of a file that has other faults.
    var name: (text: String, place: Place)?
    /// Where the embedded registry is chosen, or, if that is left out, the pipeline named; nil if another one is, or
    /// nothing is pushed.
    var embeddedRegistryPlace: Place?

    init(file: String, contents: [UInt8]) {
        self.file = file
        var found = FaultList(file: file)
        let document = readDocument(contents, faults: &found)
        if let document {
            check(document, .pipeline, faults: &found)
            checkSmokeTest(document, faults: &found)
            checkChart(document, faults: &found)
        } else if found.isEmpty {
            found.add(.start, "the file is empty: a pipeline needs at least name, source, images and deploy")
        }
        if let name = document?["name"], let text = name.text, TextRule.name.fault(in: text) == nil {
            self.name = (text, name.place)
            environmentPlace = document?["environment"]?.place ?? name.place
            let registry = document?["registry"]
            if document?["images"] != nil, registry == nil || registry?["embedded"] != nil {
                embeddedRegistryPlace = registry?.place ?? name.place
            }
        }
        if let document, found.isEmpty {
            definition = Definition(document, folder: FilePath.folder(of: file))
        }
        faults = found.faults
    }
}

/// A chart in the repository is what the revision says.
private func checkChart(_ document: Value, faults: inout FaultList) {
    guard let helm = document["deploy"]?["helm"], let chart = helm["chart"]?.text, !chart.begins(with: "https://"),
        let sha256 = helm.entries.first(where: { $0.key == "sha256" })
    else { return }
    faults.add(
        sha256.place,
        "deploy.helm has 'sha256', but \(quoted(chart)) is in the repository, and fixed by its revision: leave it out"
    )
}

// MARK: - From values that were checked against `Shape.pipeline`

extension Definition {
    fileprivate init(_ value: Value, folder: String) {
        let name = value["name"]?.text ?? ""
        var secrets: [String: SecretSource] = [:]
        for entry in value["secrets"]?.entries ?? [] {
            secrets[entry.key] = SecretSource(entry.value, folder: folder)
        }
        let images = (value["images"]?.entries ?? []).map { Image($0.key, $0.value) }
        self.init(
            name: name,
            environment: value["environment"]?.text ?? name,
            source: Source(value["source"]),
            images: images.sorted { $0.name < $1.name },
            registry: Registry(value["registry"]),
            secrets: secrets,
            deploy: Deploy(value["deploy"], pipeline: name, folder: folder),
            smokeTest: (value["smokeTest"]?.items ?? []).map(SmokeCheck.init),
            onPush: value["onPush"]?.text.flatMap(OnPush.init) ?? .latest,
            hold: value["hold"]?.text.flatMap(Hold.init) ?? .untilResumed
        )
    }
}

extension Definition.Registry {
    fileprivate init(_ value: Value?) {
        if let name = value?["digitalocean"]?.text {
            self = .digitalocean(name, keep: value?["retention"]?["keep"]?.integer)
        } else {
            self = value?["address"]?.text.map(Self.address) ?? .embedded
        }
    }
}

extension Definition.Source {
    fileprivate init(_ value: Value?) {
        self.init(
            github: value?["github"]?.text,
            git: value?["git"]?.text,
            branch: value?["branch"]?.text,
            tags: value?["tags"]?.text,
            paths: value?["paths"]?.texts ?? []
        )
    }
}

extension Definition.Image {
    fileprivate init(_ name: String, _ value: Value) {
        self.init(
            name: name,
            context: FilePath.tidy(value["context"]?.text ?? "."),
            dockerfile: value["dockerfile"]?.text.map(FilePath.tidy),
            target: value["target"]?.text,
            args: value["args"]?.table ?? [:]
        )
    }
}

extension Definition.SecretSource {
    init?(_ value: Value?, folder: String) {
        if let variable = value?["env"]?.text {
            self = .environment(variable)
        } else if let file = value?["file"]?.text {
            self = .file(FilePath.resolve(file, in: folder))
        } else {
            return nil
        }
    }
}

extension Definition.Deploy {
    fileprivate init(_ value: Value?, pipeline: String, folder: String) {
        self.init(
            target: Definition.Target(value, folder: folder),
            namespace: value?["namespace"]?.text ?? pipeline,
            manifests: Definition.Manifests(value, pipeline: pipeline),
            before: value?["before"]?.text.map(FilePath.tidy),
            timeout: value?["timeout"]?.text.flatMap(seconds) ?? 300,
            onFailure: value?["onFailure"]?.text.flatMap(OnFailure.init) ?? .undo,
            force: value?["force"]?.flag ?? false,
            prune: value?["prune"]?.flag,
            imagePaths: (value?["imagePaths"]?.items ?? []).map {
                Definition.ImagePath(kind: $0["kind"]?.text ?? "", path: $0["path"]?.text ?? "")
            }
        )
    }
}

extension Definition.Target {
    fileprivate init(_ value: Value?, folder: String) {
        if let cluster = value?["digitalocean"]?["cluster"]?.text {
            self = .digitalocean(cluster: cluster)
        } else if let kubeconfig = value?["kubeconfig"] {
            let file = kubeconfig.text ?? kubeconfig["file"]?.text ?? ""
            self = .kubeconfig(file: FilePath.resolve(file, in: folder), context: kubeconfig["context"]?.text)
        } else {
            self = value?["inCluster"] == nil ? .podman : .inCluster
        }
    }
}

extension Definition.Manifests {
    fileprivate init(_ value: Value?, pipeline: String) {
        if let folder = value?["kustomize"]?.text {
            self = .kustomize(FilePath.tidy(folder))
        } else if let helm = value?["helm"] {
            let chart = helm["chart"]?.text ?? ""
            self = .helm(
                Definition.Helm(
                    chart: chart.begins(with: "https://") ? chart : FilePath.tidy(chart),
                    sha256: helm["sha256"]?.text,
                    values: (helm["values"]?.texts ?? []).map(FilePath.tidy),
                    set: scalars(helm["set"]),
                    release: helm["release"]?.text ?? pipeline,
                    manifests: helm["manifests"]?.texts.map(FilePath.tidy),
                    kustomize: (helm["kustomize"]?.text).map(FilePath.tidy)
                )
            )
        } else {
            self = .files((value?["manifests"]?.texts ?? []).map(FilePath.tidy))
        }
    }
}

private func scalars(_ value: Value?) -> [String: Definition.JSONScalar] {
    var scalars: [String: Definition.JSONScalar] = [:]
    for entry in value?.entries ?? [] {
        guard case .scalar(let scalar) = entry.value.content else { continue }
        scalars[entry.key] = Definition.JSONScalar(scalar)
    }
    return scalars
}

extension Definition.JSONScalar {
    fileprivate init(_ scalar: Scalar) {
        switch scalar.kind {
        case .text: self = .string(scalar.text)
        case .null: self = .null
        case .flag(let flag): self = .bool(flag)
        case .integer(let integer): self = .number(Double(integer))
        case .number(let number): self = .number(number)
        }
    }
}
