import Glibc

/// What a podman that did not succeed means, in our words: a verdict on the repository, or a technical fault.
struct BuildFault {
    private let result: ChildResult
    /// podman's last word; what steps write comes before it.
    private let message: String
    private let diskIsFull: Bool

    /// - Parameter storage: a folder on the disk that the build fills; nil if it is on another machine.
    init(_ result: ChildResult, storage: String?) {
        self.result = result
        let last = result.tail.split(separator: "\n").last { $0.hasPrefix("Error: ") }
        message = last.map { String($0.dropFirst(7)) } ?? result.lastLines(1)
        var status = statvfs()
        let isKnown = storage.map { statvfs($0, &status) == 0 } ?? false
        let free = isKnown ? UInt64(status.f_bavail) * UInt64(status.f_frsize) : .max
        diskIsFull = free < 16 << 20 || message.contains("no space left on device")
    }

    func error(for image: Definition.Image, deadline: Duration) -> StageError {
        let name = "image \(image.name)"
        if result.timedOut {
            return StageError(
                .errored,
                "deadline-exceeded",
                "\(name): the build was not done after \(deadline.components.seconds) s"
            )
        }
        if diskIsFull { return StageError(.errored, "disk-full", "\(name): the disk is full. \(message)") }
        if let code = stepExit {
            return StageError(
                .failed,
                "build-failed",
                "\(name): step exit \(code)" + (said.isEmpty ? ": \(step)" : "\n\(said)")
            )
        }
        if result.signal != nil {
            return StageError(.errored, "builder-ended", "\(name): podman was ended by signal \(result.signal ?? 0)")
        }
        // A step of the Dockerfile that fails is the repository's, whatever it says; pulling an image is not a step.
        if !message.hasPrefix("building at STEP") {
            if let fault = RegistryFault(in: message) {
                return StageError(.errored, fault.code, "\(name): \(message); \(fault.advice)")
            }
            if isolationFailed { return StageError(.errored, "builder-failed", "\(name): \(message)") }
            if message.contains("not found in the provided Dockerfile") {
                return StageError(.failed, "build-failed", "\(name): \(message)")
            }
            for words in ["manifest unknown", "name unknown", "not found", "denied", "no stage or image found"]
            where message.contains(words) {
                return StageError(.failed, "base-image-missing", "\(name): \(message)")
            }
        } else if isolationFailed {
            return StageError(.errored, "builder-failed", "\(name): \(message)")
        }
        return StageError(.failed, "build-failed", "\(name): \(message)")
    }

    /// The instruction that failed, as podman names it, cut where it is long.
    private var step: String {
        let words = message.split(separator: "\"", maxSplits: 1).last?.split(separator: "\": while running").first ?? ""
        return words.count > 120 ? "\(words.prefix(120))…" : String(words)
    }

    /// The last lines that the step wrote, without podman's own about this step and those before it.
    private var said: String {
        let lines = result.tail.split(separator: "\n").reversed().drop { $0.hasPrefix("Error: ") }
        let own = lines.prefix { !$0.hasPrefix("STEP ") && !$0.hasPrefix("--> ") && !$0.contains("] STEP ") }
        return own.filter { !$0.hasPrefix("time=") }.prefix(3).reversed().joined(separator: "\n")
    }

    /// `building at STEP "RUN …": while running runtime: exit status 7`
    private var stepExit: Int32? {
        guard !isolationFailed, let mark = message.ranges(of: "while running runtime: exit status ").last else {
            return nil
        }
        return Int32(message[mark.upperBound...].prefix { $0.isNumber })
    }

    /// The container of a step could not be made: the machine's fault, not the step's. podman says so in its last word,
    /// or runc in an error of its own; a network that could not be cleared away is not that.
    private var isolationFailed: Bool {
        let errors = result.tail.split(separator: "\n").filter { $0.contains("level=error") }
        return message.contains("netavark") || message.contains("setup network")
            || errors.contains { $0.contains("error during container init") }
    }
}
