#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What differs with a podman elsewhere (docs/decisions/remote-builder.md).
extension Podman {
    /// What the images are built by and for.
    struct Builder: Sendable, Equatable {
        /// `4.3.1`
        let version: String
        /// `linux/amd64`
        let platform: String
    }

    /// - Throws: `StageError` (errored, `builder-unreachable`) if there is no answer from the podman elsewhere.
    func builder() async throws -> Builder {
        guard remote != nil else { return Builder(version: try await version(), platform: BuildInputs.platform) }
        let words = try await lines(["version", "--format", "{{.Server.Version}} {{.Server.OsArch}}"]).first ?? ""
        let parts = words.split(separator: " ").map(String.init)
        guard parts.count == 2 else { throw StageError(.errored, "podman-failed", "podman version says \"\(words)\"") }
        return Builder(version: parts[0], platform: parts[1])
    }

    /// Where its storage is.
    ///
    /// - Throws: `StageError` (errored): `builder-rootless` where it does not run as root, because then nothing that it
    ///   starts can set rules for the builds' network.
    func store() async throws -> RemoteStore {
        let format = "{{.Host.Security.Rootless}} {{.Store.GraphDriverName}} {{.Store.GraphRoot}}"
        let words = (try await lines(["info", "--format", format]).first ?? "").split(separator: " ", maxSplits: 2)
        guard words.count == 3, words[2].hasPrefix("/") else {
            throw StageError(.errored, "podman-failed", "podman info does not say where its storage is")
        }
        guard words[0] == "false" else {
            throw StageError(
                .errored,
                "builder-rootless",
                "The podman at \(remote?.podman ?? "") is not root where it runs, and cannot keep builds away from private "
                    + "addresses: run its service as root in a machine or pod of its own"
            )
        }
        return RemoteStore(root: String(words[2]), driver: String(words[1]))
    }

    /// The network of builds, with its rules in place.
    ///
    /// - Parameter allow: as for `NetworkFirewall`.
    func readyBuildNetwork(allow: [String]) async throws -> PodmanNetwork {
        guard remote != nil else {
            try await NetworkFirewall(network: buildNetwork, allow: allow).ensure(children)
            return buildNetwork
        }
        _ = try await store()
        let network = try await remoteBuildNetwork()
        try await NetworkFirewall(network: network, allow: allow).ensure(RemoteHost(self))
        return network
    }

    /// The build network there; made if it is not there.
    func remoteBuildNetwork() async throws -> PodmanNetwork {
        let name = buildNetwork.name
        let inspect = ["network", "inspect", name]
        let (known, text) = try await capture(inspect, deadline: .seconds(30))
        if known.succeeded, let network = PodmanNetwork(inspected: text) { return network }
        // It may fail because another build has just made it.
        let (made, _) = try await capture(
            ["network", "create", "--disable-dns", "--opt", "isolate=true", name],
            deadline: .seconds(30)
        )
        let (result, again) = try await capture(inspect, deadline: .seconds(30))
        guard result.succeeded, let network = PodmanNetwork(inspected: again) else {
            throw fault("network create", made.succeeded ? result : made)
        }
        return network
    }

    /// An image's configuration as its storage has it; nil if it cannot be read.
    ///
    /// - Parameter id: 64 hexadecimal digits.
    func configuration(ofImage id: String) async throws -> [UInt8]? {
        guard remote != nil else { return SmallFile.read("\(folder)/storage/\(ImageTriggers.path(image: id))") }
        let store = try await store()
        return try await RemoteHost(self).read(ImageTriggers.path(image: id, driver: store.driver), in: store)
    }

    /// What a podman that did not succeed says, when nothing more is known of it.
    func fault(_ command: String, _ result: ChildResult) -> StageError {
        if let fault = unreachable(result) { return fault }
        return StageError(.errored, "podman-failed", "podman \(command): \(result.ending). \(result.lastLines(3))")
    }

    static let unreachableCode = "builder-unreachable"

    /// Nil if the podman elsewhere was there, or none is elsewhere.
    func unreachable(_ result: ChildResult) -> StageError? {
        guard let remote, !result.succeeded, !result.timedOut else { return nil }
        let message = result.lastLines(1).replacing("Error: ", with: "", maxReplacements: 1)
        // The client's own last words, after which nothing of the build can come.
        let words = ["unable to connect to Podman", "failed to connect: ", "decoding stream: ", "server probably quit"]
        guard words.contains(where: message.contains) || message == "unexpected EOF" else { return nil }
        return StageError(
            .errored,
            Self.unreachableCode,
            "The podman at \(remote.podman) does not answer: \(message)"
        )
    }

    // MARK: - Registries

    /// Options that say how the registry of a reference is reached.
    ///
    /// A podman elsewhere is sent the credentials with each request. It gets those of this one registry, and not the
    /// others in the file.
    func withRegistry<Result: Sendable>(
        of reference: String,
        authFile: String?,
        _ body: ([String]) async throws -> Result
    ) async throws -> Result {
        guard remote != nil else { return try await body(authFile.map { ["--authfile", $0] } ?? []) }
        let host = String(reference.prefix { $0 != "/" })
        let options = insecureRegistries.contains(host) ? ["--tls-verify=false"] : []
        guard let authFile else { return try await body(options) }
        let file = "\(temporaryFolder)/auth-\(Fingerprint.text(UInt64.random(in: 0...UInt64.max))).json"
        defer { SmallFile.remove(file) }
        try SmallFile.write(try RegistryCredentials(authFile).only(for: reference), to: file, mode: 0o600)
        return try await body(options + ["--authfile", file])
    }
}

/// A docker `config.json`.
struct RegistryCredentials: Codable {
    struct Entry: Codable {
        var auth: String?
        var identitytoken: String?
    }
    /// By `host` or `host/path`.
    var auths: [String: Entry]?

    init(_ path: String) throws {
        guard let bytes = SmallFile.read(path) else {
            throw StageError(.errored, "credentials-unreadable", "The credentials of registries cannot be read")
        }
        self = try JSONDecoder().decode(Self.self, from: Data(bytes))
    }

    /// The entries that speak for the reference (containers-auth.json(5)).
    func only(for reference: String) throws -> [UInt8] {
        var own = self
        own.auths = auths?.filter { key, _ in
            key == reference || reference.hasPrefix("\(key)/") || (key.contains("docker.io") && Self.isOnHub(reference))
        }
        return Array(try JSONEncoder().encode(own))
    }

    private static func isOnHub(_ reference: String) -> Bool {
        let first = reference.prefix { $0 != "/" }
        return first.hasSuffix("docker.io") || first == reference || !(first.contains(".") || first.contains(":"))
    }
}
