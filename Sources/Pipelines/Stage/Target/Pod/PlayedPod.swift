/// A pod of a release that was made.
struct PlayedPod: Sendable {
    var name: PodName
    var workload: ReleaseBody.Workload
    /// On the pods' network.
    var address: String

    /// podman's names of its containers.
    var containers: [String] { workload.pod.containers.map { name.container($0.name) } }
}

/// Why a container is not well, in one sentence and with its last lines in the log.
struct ContainerTrouble {
    /// Lines of a failing container that go into the log.
    static let lines = 50

    let engine: PodEngine
    let log: any StageLog

    /// A container that ended although it should not have, or was started again.
    func ended(_ container: RunningContainer, shown name: String, _ spec: ContainerSpec?) async -> StageError {
        let lines = await show(container.name)
        let state =
            "\(name): \(container.status), exit code \(container.exitCode), started again \(container.restarts) times"
        log.line(state)
        var reason = "\(name): exited with \(container.exitCode)"
        if container.outOfMemory {
            reason = "\(name): ran out of memory" + (spec?.memoryLimit.map { " (limit \($0) bytes)" } ?? "")
        } else if !container.error.isEmpty {
            reason = "\(name): could not be started: \(container.error)"
        } else if container.isRunning {
            // The code of the time before is gone once it runs again.
            reason = "\(name): ended and was started again"
        }
        if let last = lines.last, !last.isEmpty { reason += ": \(Self.short(last))" }
        return StageError(.failed, "container-exited", reason)
    }

    func neverReady(_ container: String, shown name: String, _ answer: String) async -> StageError {
        _ = await show(container)
        return StageError(.failed, "never-ready", "\(name): never ready: \(answer)")
    }

    /// Writes the container's last lines into the log and returns them.
    func show(_ container: String) async -> [String] {
        let lines = await engine.lastLines(of: container, Self.lines)
        log.line(lines.isEmpty ? "\(container) wrote nothing" : "The last lines of \(container):")
        for line in lines { log.line("  \(line)") }
        return lines
    }

    /// A line of somebody's log as it can stand in a sentence.
    static func short(_ line: String) -> String {
        let clean = String(
            String.UnicodeScalarView(line.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F })
        )
        return clean.count > 200 ? "\(clean.prefix(200))…" : clean
    }
}
