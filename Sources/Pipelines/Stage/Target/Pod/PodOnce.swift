/// Runs a pod to its end: the Job before a rollout, and init containers.
struct PodOnce {
    let engine: PodEngine
    let network: PodmanNetwork
    let log: any StageLog
    let deadline: Deadline
    /// For making the pod, where the deadline is about what runs in it.
    var makingDeadline: Deadline?

    /// Runs the containers of a sheet whose restart policy is `Never`. Their output goes to the log as it comes, and
    /// the pod is removed whatever happens.
    ///
    /// - Parameter shown: what a container is called in messages, by podman's name of it.
    /// - Returns: nil if all ended with 0, otherwise the reason.
    func run(_ sheet: PodSheet, shown: [String: String], grace: Int) async throws -> String? {
        let name = PodName(known: sheet.metadata.name)
        let containers = sheet.spec.containers.map { name.container($0.name) }
        do {
            try await engine.play(sheet, on: network, deadline: (makingDeadline ?? deadline).left)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for container in containers {
                    group.addTask { _ = try await engine.follow(container, log: log, deadline: deadline.left) }
                }
                try await group.waitForAll()
            }
            let ended = try await waitForEnd(containers)
            await engine.remove([name], grace: ended == nil ? grace : 0)
            guard let ended else { return "still ran when the time was over" }
            return ended.lazy.compactMap { container -> String? in
                guard container.exitCode != 0 || !container.error.isEmpty else { return nil }
                let name = shown[container.name] ?? container.name
                if container.outOfMemory { return "\(name): ran out of memory" }
                return container.error.isEmpty
                    ? "\(name): exited with \(container.exitCode)" : "\(name): could not be started: \(container.error)"
            }.first
        } catch {
            // Also when the task was cancelled: the removal is not.
            await Task { await engine.remove([name], grace: 0) }.value
            throw error
        }
    }

    /// The end of the log comes a moment before podman knows of the end of the container.
    private func waitForEnd(_ containers: [String]) async throws -> [RunningContainer]? {
        while true {
            let found = try await engine.inspect(containers)
            if found.allSatisfy({
                !$0.isRunning && $0.status != "created" && $0.status != "initialized" || !$0.error.isEmpty
            }) {
                return found
            }
            if deadline.isOver { return nil }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
