extension Definition {
    /// Where and how a pipeline's images are deployed.
    public struct Deploy: Sendable, Equatable {
        public var target: Target
        /// Default: the pipeline's name.
        public var namespace: String
        public var manifests: Manifests
        /// A Job's manifest inside the repository; it must finish before the rollout begins.
        public var before: String?
        /// Deadline of the deploy stage, in seconds. Default 300.
        public var timeout: Double
        public var onFailure: OnFailure
        /// Fields that another manager of the cluster owns are taken over. Default false: they are a conflict.
        public var force: Bool
        /// What an earlier release has applied and this one has not is deleted once the smoke test has passed. Default:
        /// true for a cluster. The podman target replaces releases whole and knows no such choice.
        public var prune: Bool
        /// Where objects of other kinds than the built-in workloads name images.
        public var imagePaths: [ImagePath]

        public init(
            target: Target,
            namespace: String,
            manifests: Manifests,
            before: String? = nil,
            timeout: Double = 300,
            onFailure: OnFailure = .undo,
            force: Bool = false,
            prune: Bool? = nil,
            imagePaths: [ImagePath] = []
        ) {
            self.target = target
            self.namespace = namespace
            self.manifests = manifests
            self.before = before
            self.timeout = timeout
            self.onFailure = onFailure
            self.force = force
            self.prune = prune ?? target.isCluster
            self.imagePaths = imagePaths
        }

        public enum OnFailure: String, Codable, Sendable, CaseIterable { case undo, keep }
    }

    /// Where a pipeline deploys to: one case and one file in `Stage/Target/` for each kind.
    public enum Target: Sendable, Hashable {
        /// Containers on this machine.
        case podman
        /// A cluster of DigitalOcean, by name or by id.
        case digitalocean(cluster: String)
        /// A cluster as a file on this server describes it; without a context, the file's current one.
        case kubeconfig(file: String, context: String?)
        /// The cluster that Fairlead itself runs in, with its service account.
        case inCluster

        /// It is a Kubernetes cluster.
        public var isCluster: Bool { self != .podman }
    }

    /// What is deployed, before images are pinned.
    public enum Manifests: Sendable, Equatable {
        /// Folders or files inside the repository.
        case files([String])
        /// A folder with a kustomization inside the repository.
        case kustomize(String)
        case helm(Helm)
    }

    public struct Helm: Codable, Sendable, Equatable {
        /// The chart's folder inside the repository, or the https address of a chart's archive.
        public var chart: String
        /// Of the archive, as 64 hexadecimal digits; nil if any will do.
        public var sha256: String?
        /// Files of values inside the repository; later ones win.
        public var values: [String]
        /// Dotted path → value; they win over the files.
        public var set: [String: JSONScalar]
        /// Default: the pipeline's name.
        public var release: String
        /// Files and folders of manifests inside the repository that are applied with what the chart gives.
        public var manifests: [String]?
        /// A folder with a kustomization inside the repository that is applied with what the chart gives.
        public var kustomize: String?

        /// The chart is not in the repository.
        var isRemote: Bool { chart.begins(with: "https://") }
    }

    public struct ImagePath: Codable, Sendable, Equatable {
        /// `Kind`, or `Kind.group`.
        public var kind: String
        /// Names of fields with dots between; `*` stands for every item of a list.
        public var path: String
    }
}

extension Definition.Target: CustomStringConvertible {
    /// As it follows "deploys to".
    public var description: String {
        switch self {
        case .podman: "podman"
        case .digitalocean(let cluster): "the DigitalOcean cluster \(cluster)"
        case .kubeconfig(let file, let context):
            "the cluster of the kubeconfig \(file)" + (context.map { ", context \($0)" } ?? "")
        case .inCluster: "the cluster that Fairlead runs in"
        }
    }

    /// Both may lead to the same cluster: a kubeconfig's current context can be any of its contexts.
    func mayBe(_ other: Self) -> Bool {
        if case .kubeconfig(let file, let context) = self, case .kubeconfig(file, let otherContext) = other {
            return context == otherContext || context == nil || otherContext == nil
        }
        return self == other
    }
}

// MARK: - JSON, spelled as in a pipeline's file

extension Definition.Target: Codable {
    private enum CodingKeys: String, CodingKey { case podman, digitalocean, kubeconfig, inCluster }
    private struct Cluster: Codable { var cluster: String }
    private struct Kubeconfig: Codable {
        var file: String
        var context: String?
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let cluster = try container.decodeIfPresent(Cluster.self, forKey: .digitalocean) {
            self = .digitalocean(cluster: cluster.cluster)
        } else if let kubeconfig = try container.decodeIfPresent(Kubeconfig.self, forKey: .kubeconfig) {
            self = .kubeconfig(file: kubeconfig.file, context: kubeconfig.context)
        } else if container.contains(.inCluster) {
            self = .inCluster
        } else {
            _ = try container.nestedContainer(keyedBy: CodingKeys.self, forKey: .podman)
            self = .podman
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .podman: _ = container.nestedContainer(keyedBy: CodingKeys.self, forKey: .podman)
        case .digitalocean(let cluster): try container.encode(Cluster(cluster: cluster), forKey: .digitalocean)
        case .kubeconfig(let file, let context):
            try container.encode(Kubeconfig(file: file, context: context), forKey: .kubeconfig)
        case .inCluster: try container.encode(true, forKey: .inCluster)
        }
    }
}

extension Definition.Deploy: Codable {
    private enum CodingKeys: String, CodingKey {
        case target, namespace, manifests, kustomize, helm, before, timeout, onFailure, force, prune, imagePaths
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let manifests: Definition.Manifests
        if let helm = try container.decodeIfPresent(Definition.Helm.self, forKey: .helm) {
            manifests = .helm(helm)
        } else if let folder = try container.decodeIfPresent(String.self, forKey: .kustomize) {
            manifests = .kustomize(folder)
        } else {
            manifests = .files(try container.decode([String].self, forKey: .manifests))
        }
        self.init(
            target: try container.decode(Definition.Target.self, forKey: .target),
            namespace: try container.decode(String.self, forKey: .namespace),
            manifests: manifests,
            before: try container.decodeIfPresent(String.self, forKey: .before),
            timeout: try container.decode(Double.self, forKey: .timeout),
            onFailure: try container.decode(OnFailure.self, forKey: .onFailure),
            force: try container.decodeIfPresent(Bool.self, forKey: .force) ?? false,
            prune: try container.decodeIfPresent(Bool.self, forKey: .prune),
            imagePaths: try container.decodeIfPresent([Definition.ImagePath].self, forKey: .imagePaths) ?? []
        )
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(target, forKey: .target)
        try container.encode(namespace, forKey: .namespace)
        switch manifests {
        case .files(let paths): try container.encode(paths, forKey: .manifests)
        case .kustomize(let folder): try container.encode(folder, forKey: .kustomize)
        case .helm(let helm): try container.encode(helm, forKey: .helm)
        }
        try container.encodeIfPresent(before, forKey: .before)
        try container.encode(timeout, forKey: .timeout)
        try container.encode(onFailure, forKey: .onFailure)
        guard target.isCluster else { return }
        try container.encode(force, forKey: .force)
        try container.encode(prune, forKey: .prune)
        try container.encode(imagePaths, forKey: .imagePaths)
    }
}
