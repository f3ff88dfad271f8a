#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The podman commands that the target needs. Every call has a deadline, and a failed one is a `StageError` (errored,
/// `podman-failed`) unless it says otherwise.
struct PodEngine: Sendable {
    let podman: Podman
    /// Credentials for pulling; nil where none are needed.
    let authFile: String?
    /// For those who find no bridge: one of them makes it.
    let entrance: Turnstile

    /// How long one command may take besides what it waits for: podman holds a lock over all its storage.
    private static let patience: Duration = .seconds(60)

    /// How often pods are removed that podman refuses to remove.
    private static let removals = 3

    // MARK: - Pods

    /// Our pods, in order of name: of one environment, or all.
    func pods(environment: String? = nil) async throws -> [ListedPod] {
        let filter = environment.map { "\(PodLabel.environment)=\($0)" } ?? PodLabel.environment
        let output = try await capture(["pod", "ps", "--format", "json", "--filter", "label=\(filter)"])
        return try decode([ListedPod].self, output).sorted { $0.name.description < $1.name.description }
    }

    /// Makes a pod and starts it. What is left of one that could not be made is removed.
    func play(_ sheet: PodSheet, on network: PodmanNetwork, deadline: Duration) async throws {
        let json = try sheet.json()
        let (result, _) = try await onBridge(network) {
            try await podman.capture(
                ["play", "kube", "--quiet", "--network", network.name, "-"],
                input: json,
                deadline: deadline
            )
        }
        guard !result.succeeded else { return }
        await remove([PodName(known: sheet.metadata.name)], grace: 0)
        throw StageError(
            .errored,
            "podman-failed",
            "podman cannot make the pod \(sheet.metadata.name) (\(result.ending)): \(result.lastLines(1))"
        )
    }

    func start(_ pod: PodName, on network: PodmanNetwork) async throws {
        _ = try await onBridge(network) { try await capture(["pod", "start", pod.description]) }
    }

    /// Does what may make the bridge, and sees that it keeps its address before a second pod comes.
    private func onBridge<Result: Sendable>(
        _ network: PodmanNetwork,
        _ body: @Sendable () async throws -> Result
    ) async throws -> Result {
        let bridge = PodBridge(interface: network.interface)
        if bridge.exists {
            try bridge.pin()
            return try await body()
        }
        return try await entrance.pass {
            try bridge.pin()
            let result = try await body()
            try bridge.pin()
            return result
        }
    }

    /// Stops pods and removes them with what they wrote. What is not there any more is fine; what cannot be removed
    /// stays for the next sweep.
    ///
    /// - Parameter grace: seconds from SIGTERM to SIGKILL.
    func remove(_ pods: [PodName], grace: Int) async {
        guard !pods.isEmpty else { return }
        let names = pods.map(\.description)
        // `pod rm --force` alone lets a container with `restartPolicy: Always` come back for some seconds.
        if grace > 0 {
            _ = try? await podman.capture(
                ["pod", "stop", "--ignore", "-t", "\(grace)"] + names,
                deadline: Self.patience + .seconds(grace * names.count)
            )
        }
        // It refuses where a container ends, or is started again, at that moment.
        for _ in 1...Self.removals {
            let result = try? await podman.capture(
                ["pod", "rm", "--force", "--ignore", "-t", "0"] + names,
                deadline: Self.patience
            )
            if result?.0.succeeded == true || Task.isCancelled { return }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    // MARK: - Containers

    /// - Throws: also if one of them is not there.
    func inspect(_ containers: [String]) async throws -> [RunningContainer] {
        guard !containers.isEmpty else { return [] }
        return try decode([RunningContainer].self, try await capture(["container", "inspect"] + containers))
    }

    /// The last lines of a container, as it wrote them.
    func lastLines(of container: String, _ count: Int) async -> [String] {
        let collected = LastBytes()
        _ = try? await podman.run(["logs", "--tail", "\(count)", container], log: collected, deadline: .seconds(20))
        return collected.lines.suffix(count)
    }

    /// Copies what a container writes into the log until it has ended.
    func follow(_ container: String, log: any StageLog, deadline: Duration) async throws -> ChildResult {
        try await podman.run(["logs", "--follow", container], log: log, deadline: deadline)
    }

    /// Runs a probe's command in a container.
    func execute(_ command: [String], in container: String, deadline: Duration) async throws -> ChildResult {
        try await podman.capture(["exec", container] + command, deadline: deadline).0
    }

    // MARK: - Images

    /// Nil if one of them is not here.
    func localImages(_ references: [String]) async throws -> [LocalImage]? {
        guard !references.isEmpty else { return [] }
        let (result, output) = try await podman.capture(
            ["image", "inspect"] + references,
            deadline: Self.patience
        )
        return result.succeeded ? try decode([LocalImage].self, output) : nil
    }

    /// - Throws: `StageError` (failed, `image-not-found`) if the registry does not have it or does not give it to us;
    ///   (errored: `registry-unreachable`, `registry-authentication`, `registry-busy`, `image-pull-failed`) if it could
    ///   not be asked.
    func pull(_ reference: String, log: any StageLog, deadline: Duration) async throws {
        log.line("Pulling \(reference)")
        let credentials = authFile.map { ["--authfile", $0] } ?? []
        let result = try await podman.run(
            ["pull", "--quiet"] + credentials + ["--", reference],
            log: log,
            deadline: deadline
        )
        guard !result.succeeded else { return }
        let message = "The image \(reference) cannot be pulled (\(result.ending)): \(result.lastLines(1))"
        if !result.timedOut, Self.notThere.contains(where: { result.tail.lowercased().holds($0) }) {
            throw StageError(.failed, "image-not-found", message)
        }
        guard let fault = RegistryFault(in: result.tail) else {
            throw StageError(.errored, "image-pull-failed", message)
        }
        throw StageError(.errored, fault.code, "\(message); \(fault.advice)")
    }

    private static let notThere = ["manifest unknown", "name unknown", "not found", "access to the resource is denied"]

    // MARK: - Calling podman

    private func capture(_ arguments: [String]) async throws -> [UInt8] {
        let (result, output) = try await podman.capture(arguments, deadline: Self.patience)
        guard result.succeeded else {
            throw StageError(
                .errored,
                "podman-failed",
                "podman \(arguments.prefix(2).joined(separator: " ")): \(result.ending). \(result.lastLines(2))"
            )
        }
        return output
    }

    private func decode<T: Decodable>(_ type: T.Type, _ json: [UInt8]) throws -> T {
        do {
            return try JSONDecoder().decode(type, from: Data(json))
        } catch {
            throw StageError(.errored, "podman-failed", "podman's answer cannot be read: \(error)")
        }
    }
}

/// Keeps the end of what is written.
private final class LastBytes: StageLog {
    private static let limit = 64 * 1024
    private let bytes = Locked<[UInt8]>([])

    func write(_ more: [UInt8]) {
        bytes.withLock {
            $0 += more
            if $0.count > 2 * Self.limit { $0.removeFirst($0.count - Self.limit) }
        }
    }

    var lines: [String] {
        let text = bytes.withLock { String(decoding: $0.suffix(Self.limit), as: UTF8.self) }
        return text.split(whereSeparator: \.isNewline).map(String.init)
    }
}
