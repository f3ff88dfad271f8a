import Glibc
import Signing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Pushes images to a registry with the builder's own push, and asks a registry what it has.
public struct ImagePusher: Sendable {
    /// The scheme and the headers to ask the registry of a repository with.
    public typealias Access = @Sendable (_ repository: String) -> (scheme: String, headers: [(String, String)])
    /// Sends a request without a body.
    public typealias Ask =
        @Sendable (_ method: String, _ url: String, _ headers: [(String, String)]) async throws -> (
            status: Int, body: [UInt8]
        )

    private let podman: Podman
    private let authFile: String
    private let access: Access
    private let ask: Ask

    /// - Parameter authFile: a docker `config.json` with the registries' credentials.
    public init(podman: Podman, authFile: String, access: @escaping Access, ask: @escaping Ask) {
        self.podman = podman
        self.authFile = authFile
        self.access = access
        self.ask = ask
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
        let (digits, tag) = Self.names(of: imageID)
        let digestFile = "\(podman.temporaryFolder)/digest-\(Fingerprint.text(UInt64.random(in: 0...UInt64.max)))"
        defer { SmallFile.remove(digestFile) }
        // The client of a podman elsewhere takes --digestfile only to ignore it (4.3).
        let options = podman.remote == nil ? ["--digestfile", digestFile] : []
        let result = try await podman.withRegistry(of: repository, authFile: authFile) { registry in
            try await podman.run(
                ["push"] + registry + options + ["--", digits, "docker://\(repository):\(tag)"],
                log: log,
                deadline: deadline
            )
        }
        guard result.succeeded else { throw fault(result, repository, deadline) }
        if podman.remote != nil {
            if let digest = try await pushed(imageID, to: repository) { return digest }
            throw StageError(
                .errored,
                "push-failed",
                "pushing to \(repository): the registry has something else at \(tag) than what was pushed"
            )
        }
        guard let digest = SmallFile.text(digestFile)?.trimmingWhitespace, !digest.isEmpty else {
            throw fault(result, repository, deadline)
        }
        return digest
    }

    /// The digest of an image's manifest in a repository that it was pushed to before; nil if it is not there. A manifest
    /// names the digest of its configuration, which is the image's id.
    ///
    /// - Throws: as `exists`.
    func pushed(_ imageID: String, to repository: String) async throws -> String? {
        struct Manifest: Decodable {
            struct Config: Decodable { var digest: String }
            var config: Config
        }
        let (digits, tag) = Self.names(of: imageID)
        let body = try await manifest(repository, tag, method: "GET")
        guard let body, let manifest = try? JSONDecoder().decode(Manifest.self, from: Data(body)),
            manifest.config.digest == "sha256:\(digits)"
        else { return nil }
        var hasher = SHA256Digest.Hasher()
        hasher.update(body)
        return "sha256:\(hasher.finalizeHex())"
    }

    /// An image's id without its prefix, and the tag that it is pushed under.
    private static func names(of imageID: String) -> (digits: String, tag: String) {
        let digits = imageID.hasPrefix("sha256:") ? String(imageID.dropFirst(7)) : imageID
        return (digits, String(digits.prefix(12)))
    }

    /// Whether the registry has `host:port/repository@sha256:…` now.
    ///
    /// - Throws: `StageError`, errored: `registry-authentication`, `registry-unreachable`, `registry-busy`;
    ///   `CancellationError`.
    public func exists(_ reference: String) async throws -> Bool {
        let parts = reference.split(separator: "@", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return false }
        return try await manifest(parts[0], parts[1], method: "HEAD") != nil
    }

    /// - Parameter reference: a tag or a digest.
    /// - Returns: the answer's body; nil if the registry does not have it.
    private func manifest(_ repository: String, _ reference: String, method: String) async throws -> [UInt8]? {
        guard let slash = repository.firstIndex(of: "/") else { return nil }
        let host = String(repository[..<slash])
        let name = repository[repository.index(after: slash)...]
        let access = access(repository)
        let status: Int
        let body: [UInt8]
        do {
            (status, body) = try await ask(
                method,
                "\(access.scheme)://\(host)/v2/\(name)/manifests/\(reference)",
                access.headers + [("Accept", Self.manifestTypes)]
            )
        } catch let error as CancellationError {
            throw error
        } catch {
            let fault = RegistryFault.unreachable
            throw StageError(.errored, fault.code, "the registry \(host) does not answer: \(error); \(fault.advice)")
        }
        switch status {
        case 200: return body
        case 404: return nil
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
        if let fault = podman.unreachable(result) { return fault }
        if result.timedOut {
            return StageError(
                .errored,
                "deadline-exceeded",
                "pushing to \(repository) was not done after \(deadline.components.seconds) s; see whether the registry "
                    + "is well, or raise limits.pushDeadline in fairlead.yaml"
            )
        }
        let message = RegistryFault.short(result.lastLines(1)).replacing("Error: ", with: "", maxReplacements: 1)
        if message.contains("no space left on device") {
            return StageError(.errored, "disk-full", "pushing to \(repository): the disk is full. \(message)")
        }
        if let fault = RegistryFault(in: message) {
            return StageError(.errored, fault.code, "pushing to \(repository): \(message); \(fault.advice)")
        }
        if message.contains("image not known") {
            return StageError(
                .failed,
                "image-gone",
                "the builder does not have the image any more, and neither has \(repository); run the run again from build"
            )
        }
        let code = message.contains("denied") ? "registry-denied" : "push-failed"
        return StageError(.errored, code, "pushing to \(repository): \(result.ending). \(message)")
    }
}
