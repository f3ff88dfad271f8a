/// Waits until pods are ready by their own probes, and notices soon when a container does not stay up.
struct Readiness {
    let probes: ProbeClient
    let trouble: ContainerTrouble
    let deadline: Deadline

    private var engine: PodEngine { probes.engine }

    /// Between two looks at whether containers still run.
    private static let watch: Duration = .milliseconds(400)
    /// How long a container without probes must have run.
    private static let moment: Duration = .seconds(1)
    /// Asked at least so often until the first yes: a period of 10 s is for afterwards.
    private static let slowest: Duration = .milliseconds(500)

    /// - Parameter areNew: whether a container that was started again since it was made is in trouble.
    /// - Throws: `StageError` (failed: `container-exited`, `never-ready`), with the container's last lines in the log.
    func wait(for pods: [PlayedPod], areNew: Bool = true) async throws {
        guard !pods.isEmpty else { return }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await watch(pods, areNew)
                return false
            }
            for pod in pods {
                for container in pod.workload.pod.containers {
                    group.addTask {
                        try await wait(for: container, in: pod)
                        return true
                    }
                }
            }
            var left = pods.reduce(0) { $0 + $1.workload.pod.containers.count }
            while left > 0, let isReady = try await group.next() { left -= isReady ? 1 : 0 }
            group.cancelAll()
        }
        try await look(at: pods, areNew)
    }

    /// Ends with an error as soon as a container does not stay up, and otherwise with its task.
    private func watch(_ pods: [PlayedPod], _ areNew: Bool) async throws {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.watch)
            do {
                try await look(at: pods, areNew)
            } catch is CancellationError {
                return
            }
        }
    }

    private func look(at pods: [PlayedPod], _ areNew: Bool) async throws {
        let found = try await engine.inspect(pods.flatMap(\.containers))
        guard let ended = found.first(where: { $0.isDown || areNew && $0.restarts > 0 }) else { return }
        let specs = pods.flatMap { pod in pod.workload.pod.containers.map { (pod.name.container($0.name), $0) } }
        let spec = specs.first { $0.0 == ended.name }?.1
        throw await trouble.ended(ended, shown: spec?.name ?? ended.name, spec)
    }

    // MARK: - One container

    private func wait(for container: ContainerSpec, in pod: PlayedPod) async throws {
        let name = pod.name.container(container.name)
        if container.startup == nil && container.readiness == nil {
            return try await Task.sleep(for: Self.moment)
        }
        if let startup = container.startup {
            let patience = Duration.seconds(startup.period * Double(startup.failureThreshold) + startup.initialDelay)
            try await wait(for: startup, until: .now + patience, pod, name, container.name)
        }
        if let readiness = container.readiness {
            try await wait(for: readiness, until: nil, pod, name, container.name)
        }
    }

    private func wait(
        for probe: ProbeSpec,
        until limit: ContinuousClock.Instant?,
        _ pod: PlayedPod,
        _ name: String,
        _ shown: String
    ) async throws {
        let end = Deadline(instant: min(limit ?? deadline.instant, deadline.instant))
        try await Task.sleep(for: end.left(atMost: .seconds(probe.initialDelay)))
        var successes = 0
        var pause: Duration = .milliseconds(50)
        while true {
            let answer = await probes.ask(probe, address: pod.address, container: name)
            try Task.checkCancellation()
            if let answer {
                successes = 0
                if end.isOver { throw await trouble.neverReady(name, shown: shown, answer) }
                try await Task.sleep(for: min(pause, .seconds(probe.period)))
                pause = min(pause * 2, Self.slowest)
            } else {
                successes += 1
                if successes >= probe.successThreshold { return }
                try await Task.sleep(for: .seconds(probe.period))
            }
        }
    }
}
