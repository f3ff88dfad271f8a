/// An image that a Dockerfile builds on or copies from.
struct BaseImage: Sendable, Equatable {
    /// As podman is told: `docker.io/library/alpine:3.20`, `alpine`, `localhost/x`.
    let reference: String

    /// Where podman takes images from besides registries. They name files and services of this machine, which are not a
    /// repository's to read.
    private static let transports = [
        "atomic", "containers-storage", "dir", "docker-archive", "docker-daemon", "oci", "oci-archive", "ostree", "sif",
        "tarball",
    ]

    /// - Parameter registries: registries the operator named, which may be on this machine or its private network.
    /// - Throws: `StageError` (failed, `base-image-refused`) if a repository has no business with it.
    init(_ text: String, image: String, registries: [String]) throws {
        var text = text
        if text.hasPrefix("docker://") { text.removeFirst(9) }
        reference = text
        let lower = text.lowercased()
        if Self.transports.contains(where: { lower.hasPrefix("\($0):") }) || text.hasPrefix("/") || text.hasPrefix(".")
            || text.hasPrefix("-") || text.contains("://")
        {
            throw StageError(
                .failed,
                "base-image-refused",
                "image \(image): \"\(text)\" is not in a registry; FROM and --from take images from registries only"
            )
        }
        guard let host, !registries.contains(host), Self.isOnThisMachineOrNear(host) else { return }
        throw StageError(
            .failed,
            "base-image-refused",
            "image \(image): \(host) is an address of this machine or of a private network, and not a registry that the server knows"
        )
    }

    /// The registry, `host` or `host:port`, if the reference names one.
    var host: String? {
        guard let first = reference.split(separator: "/").first, reference.contains("/") else { return nil }
        return first.contains(".") || first.contains(":") || first == "localhost" ? String(first) : nil
    }

    /// Made here, in no registry.
    var isLocal: Bool { host == "localhost" }

    /// Names one content for ever.
    var isPinned: Bool { reference.contains("@sha256:") }

    private static func isOnThisMachineOrNear(_ host: String) -> Bool {
        if host.hasPrefix("[") || host.hasPrefix("localhost:") { return true }
        let name = host.split(separator: ":").first.map(String.init) ?? host
        guard let address = IPv4Range(name) else { return name.hasSuffix(".localhost") }
        return BuildFirewall.blocked.compactMap { IPv4Range($0) }.contains { $0.overlaps(address) }
    }
}
