/// Makes a release's body of a revision's manifests.
struct ManifestRenderer {
    /// More pods of one Deployment are more than one machine is meant for.
    static let maximumReplicas = 50

    let definition: Definition
    private let warnings = ManifestWarnings()

    init(_ definition: Definition) { self.definition = definition }

    func render(
        checkout: String,
        images: [PushedImage],
        secrets: [String: [UInt8]]
    ) throws -> (body: ReleaseBody, warnings: [String]) {
        let objects = try collect(checkout, secrets)
        let pins = ImagePins(images)
        let pods = PodReader(
            lookup: DataLookup(
                configMaps: objects.configMaps,
                secrets: objects.secrets,
                namespace: definition.deploy.namespace
            ),
            images: pins
        )
        let job = try definition.deploy.before.map { try before($0, objects, pods) }
        let workloads = try objects.deployments.sorted { $0.key < $1.key }.map { try workload($1, $0, pods) }
        guard !workloads.isEmpty else {
            throw StageError.manifest(
                "manifest-missing",
                "The manifests define no Deployment: there is nothing to deploy"
            )
        }
        let services = try objects.services.sorted { $0.key < $1.key }.compactMap {
            try ServiceReader().read($1, $0, workloads)
        }
        for name in pins.unused {
            warnings.add("The image \(name) is built, but no container of the manifests has 'image: \(name)'")
        }
        if workloads.count > 1, !services.isEmpty {
            let names = services.map(\.name).joined(separator: ", ")
            warnings.add(
                "Containers of the podman target do not find Services by name (\(names)), but by NAME_SERVICE_HOST and NAME_SERVICE_PORT"
            )
        }
        let body = ReleaseBody(
            namespace: definition.deploy.namespace,
            before: job,
            deployments: workloads,
            services: services,
            secrets: secrets.isEmpty ? nil : secrets.values.map(Base64.encode).sorted()
        )
        return (body, warnings.all)
    }

    private func collect(_ checkout: String, _ secrets: [String: [UInt8]]) throws -> ManifestObjects {
        var files = try ManifestFiles(checkout: checkout)
        guard case .files(let paths) = definition.deploy.manifests else {
            throw StageError.manifest(
                "manifest-not-supported",
                "The podman target reads plain manifests: write manifests: [FOLDER]"
            )
        }
        for path in paths { try files.add(path) }
        if let before = definition.deploy.before { try files.add(before) }
        var objects = ManifestObjects(namespace: definition.deploy.namespace, warnings: warnings)
        for file in files.files { try objects.add(file) }
        try objects.add(secret: "\(definition.name)-secrets", secrets)
        return objects
    }

    private func workload(_ object: FieldReader, _ name: String, _ pods: PodReader) throws -> ReleaseBody.Workload {
        guard let spec = try object.child("spec") else { throw object.invalid("spec", "is missing") }
        guard let template = try spec.child("template") else { throw spec.invalid("template", "is missing") }
        if try spec.flag("paused") == true { throw spec.unsupported("paused", "would deploy nothing") }
        if try spec.child("strategy")?.text("type") == "Recreate" {
            spec.warn("strategy", "Recreate is not honoured by the podman target: new pods run beside the old ones")
        }
        let labels = try template.child("metadata")?.table("labels") ?? [:]
        guard let selector = try spec.child("selector") else { throw spec.invalid("selector", "is missing") }
        let wanted = try selector.table("matchLabels")
        guard wanted.allSatisfy({ labels[$0.key] == $0.value }) else {
            throw spec.invalid("selector", "does not match the labels of the template")
        }
        return ReleaseBody.Workload(
            name: name,
            replicas: try spec.integer("replicas", 0...Self.maximumReplicas) ?? 1,
            labels: labels,
            pod: try pods.read(template, .deployment)
        )
    }

    private func before(_ path: String, _ objects: ManifestObjects, _ pods: PodReader) throws -> ReleaseBody.Job {
        let file = FilePath.tidy(path)
        let jobs = objects.jobs.filter { $0.value.source.file == file }
        guard let (name, object) = jobs.first, jobs.count == 1 else {
            throw StageError.manifest("\(quoted(file)), which must run before the rollout, must hold exactly one Job")
        }
        for other in objects.jobs.values where other.source.file != file {
            warnings.add(
                "\(other.source.at(nil)): the podman target runs only the Job of deploy.before and skips this one"
            )
        }
        return try job(object, name, pods)
    }

    private func job(_ object: FieldReader, _ name: String, _ pods: PodReader) throws -> ReleaseBody.Job {
        guard let spec = try object.child("spec") else { throw object.invalid("spec", "is missing") }
        guard let template = try spec.child("template") else { throw spec.invalid("template", "is missing") }
        for key in ["completions", "parallelism"] where try spec.integer(key, 0...1000) ?? 1 != 1 {
            throw spec.unsupported(key, "other than 1 is not supported by the podman target")
        }
        if try spec.flag("suspend") == true { throw spec.unsupported("suspend", "would never run the Job") }
        return ReleaseBody.Job(
            name: name,
            backoffLimit: try spec.integer("backoffLimit", 0...100) ?? 6,
            activeDeadline: try spec.integer("activeDeadlineSeconds", 1...86_400).map(Double.init),
            pod: try pods.read(template, .job)
        )
    }
}
