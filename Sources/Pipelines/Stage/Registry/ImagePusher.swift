import Glibc

/// Pushes images to a registry with the builder's own push, and asks a registry what it has.
public struct ImagePusher: Sendable {
    /// The scheme and the headers to ask the registry of a repository with.
    public typealias Access = @Sendable (_ repository: String) -> (scheme: String, headers: [(String, String)])
    /// Sends a HEAD request and returns the status of its answer.
    public typealias Head = @Sendable (_ url: String, _ headers: [(String, String)]) async throws -> Int

    private let podman: Podman
    private let authFile: String
    private let access: Access
    private let head: Head

    /// - Parameter authFile: a docker `config.json` with the registries' credentials.
    public init(podman: Podman, authFile: String, access: @escaping Access, head: @escaping Head) {
        self.podman = podman
        self.authFile = authFile
        self.access = access
        self.head = head
    }

    /// Pushes an image. One that is there already costs a request for each layer and the manifest.
    ///
    /// It is tagged with the beginning of its id, so that the registry's garbage collection leaves earlier releases.
    ///
    /// - Parameters:
    ///   - imageID: `sha256:…` or its digits.
    ///   - repository: `127.0.0.1:5001/todo/backend`.
    /// - Returns: the digest of its manifest there, `sha256:…`.
    /// - Throws: `StageError`, errored: `registry-authentication`, `registry-unreachable`, `registry-busy`,
    ///   `registry-denied`, `disk-full`, `deadline-exceeded`, `push-failed`; `CancellationError`.
    public func push(
        _ imageID: String,
        to repository: String,
        log: any StageLog,
        deadline: Duration
    ) async throws -> String {
        let digits = imageID.hasPrefix("sha256:") ? String(imageID.dropFirst(7)) : imageID
        let digestFile = "\(podman.temporaryFolder)/digest-\(Fingerprint.text(UInt64.random(in: 0...UInt64.max)))"
        defer { SmallFile.remove(digestFile) }
        let result = try await podman.run(
            [
                "push", "--authfile", authFile, "--digestfile", digestFile, "--", digits,
                "docker://\(repository):\(digits.prefix(12))",
            ],
            log: log,
            deadline: deadline
        )
        guard result.succeeded, let digest = SmallFile.text(digestFile)?.trimmingWhitespace, !digest.isEmpty else {
            throw fault(result, repository, deadline)
        }
        return digest
    }

    /// Whether the registry has `host:port/repository@sha256:…` now.
    ///
    /// - Throws: `StageError`, errored: `registry-authentication`, `registry-unreachable`, `registry-busy`;
    ///   `CancellationError`.
    public func exists(_ reference: String) async throws -> Bool {
        let parts = reference.split(separator: "@", maxSplits: 1).map(String.init)
        guard parts.count == 2, let slash = parts[0].firstIndex(of: "/") else { return false }
        let host = String(parts[0][..<slash])
        let name = parts[0][parts[0].index(after: slash)...]
        let access = access(parts[0])
        let status: Int
        do {
            status = try await head(
                "\(access.scheme)://\(host)/v2/\(name)/manifests/\(parts[1])",
                access.headers + [("Accept", Self.manifestTypes)]
            )
        } catch let error as CancellationError {
            throw error
        } catch {
            let fault = RegistryFault.unreachable
            throw StageError(.errored, fault.code, "the registry \(host) does not answer: \(error); \(fault.advice)")
        }
        switch status {
        case 200: return true
        case 404: return false
        case 401, 403:
            let fault = RegistryFault.authentication
            throw StageError(
                .errored,
                fault.code,
                "the registry \(host) does not let us in (\(status)); \(fault.advice)"
            )
        default:
            let fault = RegistryFault.busy
            throw StageError(
                .errored,
                fault.code,
                "the registry \(host) answered with status \(status); \(fault.advice)"
            )
        }
    }

    /// Without these a registry looks for manifests of the oldest kind only.
    private static let manifestTypes = [
        "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ].joined(separator: ", ")

    private func fault(_ result: ChildResult, _ repository: String, _ deadline: Duration) -> StageError {
        if result.timedOut {
            return StageError(
                .errored,
                "deadline-exceeded",
                "pushing to \(repository) was not done after \(deadline.components.seconds) s; see whether the registry "
                    + "is well, or raise limits.pushDeadline in fairlead.yaml"
            )
        }
        let message = result.lastLines(1).replacing("Error: ", with: "", maxReplacements: 1)
        if message.contains("no space left on device") {
            return StageError(.errored, "disk-full", "pushing to \(repository): the disk is full. \(message)")
        }
        if let fault = RegistryFault(in: message) {
            return StageError(.errored, fault.code, "pushing to \(repository): \(message); \(fault.advice)")
        }
        let code = message.contains("denied") ? "registry-denied" : "push-failed"
        return StageError(.errored, code, "pushing to \(repository): \(result.ending). \(message)")
    }
}
