#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Brings the pods of one release up beside those of others, and proves that they run what was pushed.
struct Rollout {
    let engine: PodEngine
    let probes: ProbeClient
    let network: PodmanNetwork
    /// `DATA/target/pods`
    let podsFolder: String
    let environment: String
    let release: Int64
    let body: ReleaseBody
    let log: any StageLog
    let deadline: Deadline

    private var trouble: ContainerTrouble { ContainerTrouble(engine: engine, log: log) }

    /// - Parameter runBefore: whether the Job before the rollout is run.
    /// - Returns: the pods, all of them ready and proven.
    func run(runBefore: Bool) async throws -> [PlayedPod] {
        let images = try await fetchImages()
        if runBefore, let job = body.before { try await run(job) }
        var pods = try await playAll()
        let containers = try await engine.inspect(pods.flatMap(\.containers))
        for index in pods.indices {
            let own = Set(pods[index].containers)
            pods[index].address = containers.first { own.contains($0.name) && !$0.address.isEmpty }?.address ?? ""
        }
        try prove(pods, containers, images)
        log.line("Waiting until \(pods.count) pods are ready")
        try await Readiness(probes: probes, trouble: trouble, deadline: deadline).wait(for: pods)
        log.line("All pods are ready and run the images that were pushed")
        return pods
    }

    // MARK: - Images

    /// Reference → image, all of them on this machine.
    private func fetchImages() async throws -> [String: LocalImage] {
        let references = body.images
        let pods = body.deployments.map(\.pod) + (body.before.map { [$0.pod] } ?? [])
        let always = Set(pods.flatMap(\.allContainers).filter(\.alwaysPull).map(\.image))
        for reference in references where always.contains(reference) {
            try await engine.pull(reference, log: log, deadline: deadline.left)
        }
        var images = try await engine.localImages(references)
        if images == nil {
            for reference in references {
                // Of a single image it is known by now that it is not here.
                if references.count > 1, try await engine.localImages([reference]) != nil { continue }
                try await engine.pull(reference, log: log, deadline: deadline.left)
            }
            images = try await engine.localImages(references)
        }
        guard let images, images.count == references.count else {
            throw StageError(.errored, "podman-failed", "podman does not know an image that it pulled")
        }
        let found = Dictionary(uniqueKeysWithValues: zip(references, images))
        try checkUsers(pods.flatMap(\.allContainers), found)
        return found
    }

    /// `runAsNonRoot`, as the kubelet checks it: podman does not.
    private func checkUsers(_ containers: [ContainerSpec], _ images: [String: LocalImage]) throws {
        for container in containers where container.security.mustNotBeRoot {
            let user = images[container.image]?.user.split(separator: ":").first.map(String.init) ?? ""
            guard let id = container.security.user ?? Int(user) else {
                throw StageError(
                    .failed,
                    "run-as-root",
                    "\(container.name): runAsNonRoot is set, and the image has user \(quoted(user)): set runAsUser"
                )
            }
            guard id != 0 else {
                throw StageError(
                    .failed,
                    "run-as-root",
                    "\(container.name): runAsNonRoot is set, and it would run as root"
                )
            }
        }
    }

    /// Every container runs the image that its reference means here. podman finds `name@sha256:…` by the digest of a
    /// manifest that it has, whatever name that came under, and the manifest holds the image's id: so one id means the
    /// content that was pushed. Whether podman also lists the name beside the digest says nothing, for it only learns
    /// the names of what it pulls.
    private func prove(
        _ pods: [PlayedPod],
        _ containers: [RunningContainer],
        _ images: [String: LocalImage]
    ) throws {
        let running = Dictionary(containers.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for pod in pods {
            for spec in pod.workload.pod.containers {
                guard let found = running[pod.name.container(spec.name)], let image = images[spec.image],
                    found.imageID == image.id
                else {
                    throw StageError(
                        .failed,
                        "digest-mismatch",
                        "\(spec.name): does not run \(spec.image); see who changes containers on this machine, and deploy again"
                    )
                }
            }
        }
    }

    // MARK: - Pods

    private func playAll() async throws -> [PlayedPod] {
        let known = try await engine.pods(environment: environment).filter { $0.release == release }
        var pods: [PlayedPod] = []
        var wanted: Set<PodName> = []
        for workload in body.deployments {
            for index in 0..<workload.replicas {
                let name = PodName(
                    namespace: body.namespace,
                    workload: workload.name,
                    release: release,
                    suffix: "\(index)"
                )
                wanted.insert(name)
                pods.append(PlayedPod(name: name, workload: workload, address: ""))
            }
        }
        let labels = Dictionary(
            try body.deployments.map { workload in
                let grace = min(10, workload.pod.terminationGrace)
                let own = [PodLabel.grace: "\(grace)", PodLabel.body: try fingerprint(workload)]
                return (workload.name, self.labels(workload.name, "serve").merging(own) { $1 })
            },
            uniquingKeysWith: { first, _ in first }
        )
        // A server that died in the middle left some: whole ones are kept, so that nobody whom they serve notices.
        let whole = Set(known.filter { isWhole($0, pods, labels) }.map(\.name)).intersection(wanted)
        await engine.remove(known.map(\.name).filter { !whole.contains($0) }, grace: 0)
        for pod in pods where !whole.contains(pod.name) {
            try Task.checkCancellation()
            try await play(pod, labels[pod.workload.name] ?? [:])
        }
        return pods
    }

    private func isWhole(_ listed: ListedPod, _ pods: [PlayedPod], _ labels: [String: [String: String]]) -> Bool {
        guard let pod = pods.first(where: { $0.name == listed.name }), listed.isRunning else { return false }
        return listed.label(PodLabel.body) == labels[pod.workload.name]?[PodLabel.body]
            && Set(listed.containers) == Set(pod.containers)
    }

    private func play(_ pod: PlayedPod, _ labels: [String: String]) async throws {
        let spec = pod.workload.pod
        let folder = PodFolder(pod.name, root: podsFolder, spec: spec)
        try folder.write()
        for (index, container) in spec.initContainers.enumerated() {
            try await runInit(container, index, pod, folder)
        }
        let sheet = PodSheet(
            name: pod.name,
            labels: labels,
            restartPolicy: "Always",
            spec: spec,
            containers: spec.containers,
            folder: folder
        )
        log.line("Starting \(pod.name)")
        try await engine.play(sheet, on: network, deadline: deadline.left)
    }

    private func runInit(_ container: ContainerSpec, _ index: Int, _ pod: PlayedPod, _ folder: PodFolder) async throws {
        let name = PodName(
            namespace: body.namespace,
            workload: pod.workload.name,
            release: release,
            suffix: "\(pod.name.description.split(separator: "-").last ?? "0")-init\(index)"
        )
        let sheet = PodSheet(
            name: name,
            labels: labels(pod.workload.name, "once"),
            restartPolicy: "Never",
            spec: pod.workload.pod,
            containers: [container],
            folder: folder
        )
        log.line("Running init container \(container.name) of \(pod.name)")
        await engine.remove([name], grace: 0)
        let once = PodOnce(engine: engine, network: network, log: log, deadline: deadline)
        let shown = [name.container(container.name): container.name]
        let grace = min(10, pod.workload.pod.terminationGrace)
        if let reason = try await once.run(sheet, shown: shown, grace: grace) {
            throw StageError(.failed, "init-failed", "init container \(reason)")
        }
    }

    private func labels(_ workload: String, _ role: String) -> [String: String] {
        [
            PodLabel.environment: environment, PodLabel.release: "\(release)", PodLabel.workload: workload,
            PodLabel.role: role,
        ]
    }

    private func fingerprint(_ workload: ReleaseBody.Workload) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let json = try encoder.encode(workload)
        return Fingerprint.text(Fingerprint.of(String(decoding: json, as: UTF8.self)))
    }

    // MARK: - The Job before

    private func run(_ job: ReleaseBody.Job) async throws {
        let limit = job.activeDeadline.map { ContinuousClock.now + .seconds($0) } ?? deadline.instant
        let end = Deadline(instant: min(limit, deadline.instant))
        let name = PodName(namespace: body.namespace, workload: job.name, release: release, suffix: "before")
        let folder = PodFolder(name, root: podsFolder, spec: job.pod)
        defer { folder.remove() }
        var failure = ""
        for attempt in 0...job.backoffLimit {
            log.line("Running Job \(job.name)" + (attempt == 0 ? "" : ", attempt \(attempt + 1)"))
            await engine.remove([name], grace: 0)
            try folder.write()
            guard let reason = try await runOnce(job, name, folder, end) else {
                return log.line("Job \(job.name) is done")
            }
            failure = reason
            log.line("Job \(job.name): \(reason)")
            if end.isOver || attempt == job.backoffLimit { break }
            try await Task.sleep(for: end.left(atMost: .seconds(min(10, 1 << min(attempt, 4)))))
        }
        throw StageError(.failed, "before-failed", "Job \(job.name): \(failure)")
    }

    private func runOnce(
        _ job: ReleaseBody.Job,
        _ name: PodName,
        _ folder: PodFolder,
        _ end: Deadline
    ) async throws -> String? {
        let once = PodOnce(engine: engine, network: network, log: log, deadline: end, makingDeadline: deadline)
        let labels = labels(job.name, "once")
        for container in job.pod.initContainers {
            let sheet = PodSheet(
                name: name,
                labels: labels,
                restartPolicy: "Never",
                spec: job.pod,
                containers: [container],
                folder: folder
            )
            let shown = [name.container(container.name): "init container \(container.name)"]
            if let reason = try await once.run(sheet, shown: shown, grace: 0) { return reason }
        }
        let sheet = PodSheet(
            name: name,
            labels: labels,
            restartPolicy: "Never",
            spec: job.pod,
            containers: job.pod.containers,
            folder: folder
        )
        let shown = Dictionary(
            job.pod.containers.map { (name.container($0.name), $0.name) },
            uniquingKeysWith: { first, _ in first }
        )
        return try await once.run(sheet, shown: shown, grace: min(10, job.pod.terminationGrace))
    }
}
