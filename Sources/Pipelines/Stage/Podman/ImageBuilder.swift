import Glibc

/// Builds images with podman, each on the build network, in namespaces of its own.
public struct ImageBuilder: Sendable {
    private let podman: Podman
    private let authFile: String?
    private let registries: [String]
    private let allow: [String]
    private let unsafeBuilds: Bool
    private let retryFor: Double

    /// - Parameters:
    ///   - authFile: a docker `config.json` with credentials for private base images; nil: none.
    ///   - registries: those that base images may come from though they are on this machine or on a private network:
    ///     `host:port`, or `host:port/path` for what lies below it.
    ///   - allow: addresses that RUN steps may reach though they are private (`NetworkFirewall`).
    ///   - unsafeBuilds: builds in a chroot, with the host's network and processes in sight. Only where the operator
    ///     asks for it, on hosts that can do no better; a podman elsewhere always isolates.
    ///   - retryFor: how long a registry that does not answer is asked again, in seconds.
    public init(
        podman: Podman,
        authFile: String? = nil,
        registries: [String] = [],
        allow: [String] = [],
        unsafeBuilds: Bool = false,
        retryFor: Double = Limits().retryFor
    ) {
        self.podman = podman
        self.authFile = authFile
        self.registries = registries
        self.allow = allow
        self.unsafeBuilds = unsafeBuilds && podman.remote == nil
        self.retryFor = retryFor
    }

    // MARK: - Reuse

    /// The digest over everything that goes into an image: context tree, ignore files, Dockerfile, arguments, target,
    /// platform, builder version, and the id of every image that FROM and `--from` name, as it is in its registry now.
    ///
    /// Base images are pulled for it, so that the build that follows uses exactly those.
    ///
    /// - Parameters:
    ///   - folder: the checked-out repository.
    ///   - contextTree: git's id of the tree at the image's context.
    /// - Returns: nil when a base image cannot be resolved now; the log says which. Then nothing is reused.
    /// - Throws: `StageError` (failed) as for `build`, when the build cannot begin.
    public func key(
        for image: Definition.Image,
        folder: String,
        contextTree: String,
        log: any StageLog,
        deadline: Duration = .seconds(300)
    ) async throws -> String? {
        let builder = try await podman.builder()
        let inputs = try BuildInputs(image, folder: folder, platform: builder.platform)
        let end = ContinuousClock.now + deadline
        var bases: [(String, String)] = []
        for base in try baseImages(of: inputs) {
            guard let id = try await current(base, log: log, deadline: end - .now) else {
                log.line("image \(image.name): cannot tell what \(base.reference) is now; building without reuse")
                return nil
            }
            bases.append((base.reference, id))
        }
        return ImageKey(inputs, contextTree: contextTree, bases: bases, builder: builder.version).digest
    }

    private func baseImages(of inputs: BuildInputs) throws -> [BaseImage] {
        return try inputs.containerfile.references.map {
            try BaseImage($0, image: inputs.image.name, registries: knownRegistries)
        }
    }

    /// Of a registry that is named with a path nothing else is known.
    private var knownRegistries: [String] {
        registries
            + podman.insecureRegistries.filter { insecure in !registries.contains { $0.hasPrefix("\(insecure)/") } }
    }

    /// The id of the image that the reference means now, pulled if it is another than the one we have.
    private func current(_ base: BaseImage, log: any StageLog, deadline: Duration) async throws -> String? {
        if deadline <= .zero { return nil }
        if base.isPinned, let id = try await id(of: base) { return id }
        if !base.isLocal {
            let result = try await pull(base, deadline: deadline)
            guard result.succeeded else {
                log.line("\(base.reference): \(result.timedOut ? "no answer in time" : result.lastLines(1))")
                return nil
            }
        }
        return try await id(of: base)
    }

    private func pull(_ base: BaseImage, deadline: Duration) async throws -> ChildResult {
        try await podman.withRegistry(of: base.reference, authFile: authFile) { options in
            try await podman.capture(["pull", "--quiet"] + options + ["--", base.reference], deadline: deadline).0
        }
    }

    /// 64 hexadecimal digits; nil if we do not have the image.
    private func id(of base: BaseImage) async throws -> String? {
        let (result, output) = try await podman.capture(
            ["image", "inspect", "--format", "{{.Id}}", "--", base.reference],
            deadline: .seconds(60)
        )
        return result.succeeded ? String(decoding: output, as: UTF8.self).trimmingWhitespace : nil
    }

    // MARK: - Building

    /// Builds one image. What the build writes goes to the log as it comes. Whatever happens, no process and no working
    /// container of it is left when this returns or throws; builds beside it are not touched.
    ///
    /// - Parameters:
    ///   - folder: the checked-out repository.
    ///   - commitTime: seconds since 1970; the time stamp of everything in the image, so that the same source gives the
    ///     same digest.
    ///   - fresh: builds every step again, without podman's cache of layers.
    /// - Returns: the image's id, `sha256:…`.
    /// - Throws: `StageError`, failed for what is the repository's fault, errored for a technical one
    ///   (`deadline-exceeded`, `disk-full`, `registry-unreachable`, …); `CancellationError`.
    public func build(
        _ image: Definition.Image,
        folder: String,
        commitTime: Int64,
        log: any StageLog,
        deadline: Duration,
        fresh: Bool = false
    ) async throws -> String {
        let inputs = try BuildInputs(image, folder: folder)
        let end = ContinuousClock.now + deadline
        let bases = try baseImages(of: inputs)
        if !unsafeBuilds {
            var containerfile = inputs.containerfile
            for base in bases {
                // Tried again, as a push is.
                containerfile.merge(
                    try await withBackoff(for: retryFor, until: end, log: log) {
                        try await triggers(of: base, image, deadline: end - .now)
                    }
                )
            }
            try refuse(containerfile, inputs)
        }
        let network = unsafeBuilds ? nil : try await podman.readyBuildNetwork(allow: allow)
        let scratch = try BuildScratch.make(in: podman)
        do {
            let result = try await podman.run(
                arguments(inputs, network, scratch, commitTime, fresh),
                environment: ["TMPDIR": scratch.folder],
                log: log,
                deadline: max(end - .now, .milliseconds(1))
            )
            guard result.succeeded, let id = SmallFile.text(scratch.imageIDFile)?.trimmingWhitespace, !id.isEmpty else {
                throw fault(result, image, deadline)
            }
            SmallFile.remove(scratch.folder)
            return id
        } catch {
            // In a task of its own: when this one was cancelled, the sweep must still be whole.
            let podman = podman
            let sweep = Task { try await scratch.sweep(podman) }
            if case .failure(let fault) = await sweep.result {
                log.line("image \(image.name): something of the build may be left: \(fault)")
                // A builder that is going down ends the step first, as if the step had failed.
                if !(error is CancellationError), (fault as? StageError)?.reason.code == Podman.unreachableCode {
                    throw fault
                }
            }
            throw error
        }
    }

    private func arguments(
        _ inputs: BuildInputs,
        _ network: PodmanNetwork?,
        _ scratch: BuildScratch,
        _ commitTime: Int64,
        _ fresh: Bool
    ) -> [String] {
        var result = ["build"]
        result += network.map { ["--isolation", "oci", "--network", $0.name] } ?? ["--isolation", "chroot"]
        result += ["--layers", "--force-rm", "--pull=false", "--timestamp", "\(commitTime)"]
        result += ["--iidfile", scratch.imageIDFile, "--file", inputs.dockerfile]
        if podman.remote == nil {
            result += ["--cpu-shares", "\(LowPriority.cpuShares)"]
            result += ["--hooks-dir", scratch.hooks] + (authFile.map { ["--authfile", $0] } ?? [])
        } else {
            // No credentials: the base images are there by now. NET_RAW: see `PodmanConfiguration`.
            result += ["--cgroup-parent", "/\(scratch.mark)", "--cap-drop", "NET_RAW", "--http-proxy=false"]
        }
        if fresh { result.append("--no-cache") }
        if let target = inputs.image.target { result += ["--target", target] }
        for (name, value) in inputs.image.args.sorted(by: { $0.key < $1.key }) {
            result += ["--build-arg", "\(name)=\(value)"]
        }
        return result + ["--", inputs.context]
    }

    // MARK: - What podman would do outside of the isolation

    private func refuse(_ containerfile: Containerfile, _ inputs: BuildInputs) throws {
        // podman fetches the URLs of ADD itself, from the host: it could read loopback and metadata services.
        if let source = containerfile.remoteSources.first {
            throw Self.refusal(
                inputs.image,
                "add-url-refused",
                "ADD \(source) would be fetched outside of the build's isolation; fetch it in a RUN step, or COPY a file"
            )
        }
        if let option = containerfile.refusedOptions.first {
            throw Self.refusal(
                inputs.image,
                "dockerfile-refused",
                "the option \(option) is not supported, or its name is not written plainly"
            )
        }
        if let (mount, reason) = BuildMount.fault(in: containerfile.mounts, context: inputs.context) {
            throw Self.refusal(inputs.image, "mount-refused", "--mount=\(mount.text) \(reason)")
        }
    }

    private static func refusal(_ image: Definition.Image, _ code: String, _ message: String) -> StageError {
        StageError(.failed, code, "image \(image.name): \(message)")
    }

    /// An image's ONBUILD triggers are instructions too: they are read before podman follows them.
    private func triggers(of base: BaseImage, _ image: Definition.Image, deadline: Duration) async throws
        -> Containerfile
    {
        var id = try await self.id(of: base)
        if id == nil {
            let result = try await pull(base, deadline: deadline)
            guard result.succeeded else {
                if result.timedOut { throw Self.slow(base, image, deadline) }
                throw fault(result, image, deadline)
            }
            id = try await self.id(of: base)
        }
        guard let id, let triggers = ImageTriggers.read(try await podman.configuration(ofImage: id)) else {
            throw StageError(
                .errored,
                "base-image-unreadable",
                "image \(image.name): cannot read the configuration of \(base.reference)"
            )
        }
        let instructions = Containerfile(
            triggers.joined(separator: "\n"),
            arguments: [:],
            platform: BuildInputs.platform
        )
        for reference in instructions.references {
            _ = try BaseImage(reference, image: image.name, registries: knownRegistries)
        }
        return instructions
    }

    private static func slow(_ base: BaseImage, _ image: Definition.Image, _ deadline: Duration) -> StageError {
        StageError(
            .errored,
            "deadline-exceeded",
            "image \(image.name): pulling \(base.reference) was not done after \(deadline.components.seconds) s; see whether "
                + "its registry is well, or raise limits.buildDeadline in fairlead.yaml"
        )
    }

    private func fault(_ result: ChildResult, _ image: Definition.Image, _ deadline: Duration) -> StageError {
        if let fault = podman.unreachable(result) { return fault }
        return BuildFault(result, storage: podman.remote == nil ? podman.folder : nil)
            .error(for: image, deadline: deadline)
    }
}
